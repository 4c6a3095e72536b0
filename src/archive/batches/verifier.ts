/** Decides which stored batches are proven, so that the log may be trimmed below them. */
import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../../sqlite-transaction.ts";
import { isMalformed, putSetting, setting } from "../database.ts";
import type { Flaw } from "./batch-chain.ts";
import type { BatchTable, StoredPosition } from "./batch-table.ts";
import { BatchWalk } from "./batch-walk.ts";
import { type Damage, type DamageTable, formatBatchPosition } from "./damage-table.ts";

/** Interval at which the scrub saves its progress, from which a restart continues. */
const SAVE_EVERY_BYTES = 64 * 1024 * 1024;

/** Progress: `batches` of `of` were checked in this pass. `lastPassMs`: end of the last pass, ms since 1970. */
export type ScrubStats = Readonly<{
  passes: number;
  batches: number;
  of: number;
  lastPassMs: number | null;
}>;

/**
 * Reads stored batches back from the file and checks them. `verifySome` checks new batches: the log may be trimmed only
 * below batches that were read back intact. `scrubSome` checks the whole archive over and over, since disks decay.
 */
export class Verifier {
  readonly #database: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #batches: BatchTable;
  readonly #damages: DamageTable;
  #walk: BatchWalk;
  /** The number up to which `#verified` was published. */
  #publishedUpTo = -1;
  /** The newest durable batch number. */
  #synced = 0;
  /** The newest verified batch by shard: the log may be trimmed below it. */
  #verified: ReadonlyMap<number, StoredPosition> = new Map();
  /** Damage found by `verifySome` that the log may still repair: until then `#verified` does not advance. */
  readonly #blockingTrim = new Set<string>();
  /** Damaged batches to be fetched again from the log, by name; and those whose request is in flight. */
  readonly #toRefetch = new Map<string, Damage>();
  readonly #refetching = new Set<string>();
  #scrub: BatchWalk | undefined;
  #scrubBytes = 0;
  #passes = 0;
  #lastPassMs: number | null = null;

  constructor(database: DatabaseSync, reader: DatabaseSync, batches: BatchTable, damages: DamageTable) {
    this.#database = database;
    this.#reader = reader;
    this.#batches = batches;
    this.#damages = damages;
    for (const damage of damages.all) this.#queueRefetch(damage);
    this.#walk = this.#walkFrom(this.#savedProgress("verified"));
  }

  /** Reports that all batches up to this number are durable. */
  synced(number: number): void {
    this.#synced = number;
  }

  /** By shard, the newest batch that is durable and was read back intact. */
  get verified(): ReadonlyMap<number, StoredPosition> {
    return this.#verified;
  }

  get isVerified(): boolean {
    return this.#walk.at >= this.#synced;
  }

  /** Takes the damaged batches of a shard that must be fetched again from the log. */
  takeRefetches(shard: number): readonly Damage[] {
    const damages = [...this.#toRefetch.values()].filter((damage) => damage.shard === shard);
    for (const damage of damages) {
      this.#toRefetch.delete(formatBatchPosition(damage));
      this.#refetching.add(formatBatchPosition(damage));
    }
    return damages;
  }

  /** Queues batches again whose request was lost with the shard's channel. */
  requeueRefetch(damages: readonly Damage[]): void {
    for (const damage of damages) {
      this.#refetching.delete(formatBatchPosition(damage));
      this.#queueRefetch(damage);
    }
  }

  /** The log has answered for these. Batches that it could not restore stay damaged, but no longer block trimming. */
  refetched(damages: readonly Damage[]): void {
    for (const damage of damages) {
      this.#blockingTrim.delete(formatBatchPosition(damage));
      this.#refetching.delete(formatBatchPosition(damage));
    }
    if (this.#blockingTrim.size > 0) return;
    const hasRestored = damages.some(
      ({ shard, id }) => id !== null && this.#damages.at(shard ?? 0, id) === undefined,
    );
    if (hasRestored) {
      // Restored batches must be synced and read back, too.
      this.#walk = this.#walkFrom(this.#savedProgress("verified"));
      this.#synced = this.#walk.at;
    } else this.#publishVerified();
  }

  /** Checks the next durable batches. @returns whether more are left. */
  verifySome(bytesMax: number): boolean {
    if (this.isVerified) {
      this.#publishVerified();
      return false;
    }
    this.#recordFlaws(this.#walk.step(this.#synced, bytesMax), true);
    if (!this.isVerified) return true;
    this.#recordFlaws(this.#walk.finish(), true);
    this.#publishVerified();
    return false;
  }

  /** Checks the next batches of the scrub, which starts over at the end. */
  scrubSome(bytesMax: number): void {
    const { last } = this.#batches;
    if (last === 0) return;
    this.#scrub ??= this.#walkFrom(this.#savedProgress("scrubbed"));
    this.#recordFlaws(this.#scrub.step(last, bytesMax), false);
    this.#scrubBytes += bytesMax;
    if (this.#scrub.at >= last) {
      this.#recordFlaws(this.#scrub.finish(), false);
      this.#passes += 1;
      this.#lastPassMs = Date.now();
      this.#scrub = this.#walkFrom(0);
    } else if (this.#scrubBytes < SAVE_EVERY_BYTES) return;
    this.#scrubBytes = 0;
    putSetting(this.#database, "scrubbed", this.#scrub.at);
  }

  get stats(): ScrubStats {
    const of = this.#batches.last;
    return { passes: this.#passes, batches: this.#scrub?.at ?? 0, of, lastPassMs: this.#lastPassMs };
  }

  #publishVerified(): void {
    if (!this.isVerified || this.#blockingTrim.size > 0) return;
    if (this.#walk.at === this.#publishedUpTo) return;
    this.#publishedUpTo = this.#walk.at;
    putSetting(this.#database, "verified", this.#walk.at);
    this.#verified = new Map(
      this.#walk.newest.map(({ shard, id, hash, timeMs }) => [shard, { id, hash, timeMs }]),
    );
  }

  #recordFlaws(flaws: readonly Flaw[], blocksTrim: boolean): void {
    for (const flaw of flaws) {
      const isNew = inTransaction(this.#database, () => this.#damages.add(flaw));
      const known = flaw.number === null ? undefined : this.#damages.ofRow(flaw.number);
      const damage = known ?? { ...flaw, indexed: true };
      if (isNew) this.#queueRefetch(damage);
      const name = formatBatchPosition(damage);
      if (blocksTrim && (this.#toRefetch.has(name) || this.#refetching.has(name)))
        this.#blockingTrim.add(name);
    }
  }

  #queueRefetch(damage: Damage): void {
    if (damage.shard !== null && damage.id !== null) this.#toRefetch.set(formatBatchPosition(damage), damage);
  }

  #savedProgress(name: "verified" | "scrubbed"): number {
    const number = setting(this.#database, name, () => 0);
    return number <= this.#batches.last ? number : 0;
  }

  /** Starts from the first batch if the rows up to `number` cannot be read. */
  #walkFrom(number: number): BatchWalk {
    try {
      return new BatchWalk(this.#reader, number);
    } catch (error) {
      if (!isMalformed(error) || number === 0) throw error;
      return new BatchWalk(this.#reader, 0);
    }
  }
}
