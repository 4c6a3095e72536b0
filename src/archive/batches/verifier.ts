import type { DatabaseSync } from "node:sqlite";
import { inTransaction, isMalformed, putSetting, setting } from "../database.ts";
import type { Flaw } from "./batch-chain.ts";
import type { BatchTable, StoredPosition } from "./batch-table.ts";
import { BatchWalk } from "./batch-walk.ts";
import { type Damage, type DamageTable, placeText } from "./damage-table.ts";

/** Between two notes of how far the scrub is: a restart goes on from there. */
const NOTE_EVERY_BYTES = 64 * 1024 * 1024;

/** How far the scrub is. `batches` of `of` were checked in this pass. */
export type ScrubFigures = Readonly<{
  passes: number;
  batches: number;
  of: number;
  lastPassMs: number | null;
}>;

/**
 * Reads stored batches back from the file and checks them, for two purposes: the log may be trimmed only below what was
 * read back whole (`verifySome`), and what was whole once may decay (`scrubSome`).
 */
export class Verifier {
  readonly #database: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #batches: BatchTable;
  readonly #damages: DamageTable;
  #walk: BatchWalk;
  /** The number up to which `#verified` was said. */
  #concluded = -1;
  /** The newest number that a power cut would leave. */
  #synced = 0;
  /** By shard, where the log may be trimmed. */
  #verified: ReadonlyMap<number, StoredPosition> = new Map();
  /** Damage that the walk has met and that the log may still mend: nothing more is trimmed meanwhile. */
  readonly #awaited = new Set<string>();
  /** Damage that was not looked for in the log yet, by its place; and that of which the answer is open. */
  readonly #wanted = new Map<string, Damage>();
  readonly #asked = new Set<string>();
  #scrub: BatchWalk | undefined;
  #scrubBytes = 0;
  #passes = 0;
  #lastPassMs: number | null = null;

  constructor(database: DatabaseSync, reader: DatabaseSync, batches: BatchTable, damages: DamageTable) {
    this.#database = database;
    this.#reader = reader;
    this.#batches = batches;
    this.#damages = damages;
    for (const damage of damages.all) this.#want(damage);
    this.#walk = this.#walkFrom(this.#noted("verified"));
  }

  /** All up to this number would be there after a power cut. */
  synced(number: number): void {
    this.#synced = number;
  }

  /** By shard, the newest batch that would be there after a power cut and was read back whole. */
  get verified(): ReadonlyMap<number, StoredPosition> {
    return this.#verified;
  }

  get isVerified(): boolean {
    return this.#walk.at >= this.#synced;
  }

  /** Damage for which the log may still have the batch; each is told of once. */
  takeWanted(shard: number): readonly Damage[] {
    const wanted = [...this.#wanted.values()].filter((damage) => damage.shard === shard);
    for (const damage of wanted) {
      this.#wanted.delete(placeText(damage));
      this.#asked.add(placeText(damage));
    }
    return wanted;
  }

  /** These are still to be looked for. */
  want(damages: readonly Damage[]): void {
    for (const damage of damages) {
      this.#asked.delete(placeText(damage));
      this.#want(damage);
    }
  }

  /** The log was asked for these. What it did not mend stays damaged, and keeps nothing from being trimmed. */
  settle(asked: readonly Damage[]): void {
    for (const damage of asked) {
      this.#awaited.delete(placeText(damage));
      this.#asked.delete(placeText(damage));
    }
    if (this.#awaited.size > 0) return;
    const isMended = asked.some(
      ({ shard, id }) => id !== null && this.#damages.at(shard ?? 0, id) === undefined,
    );
    if (isMended) {
      // What was put in its place is synced and read back, too.
      this.#walk = this.#walkFrom(this.#noted("verified"));
      this.#synced = this.#walk.at;
    } else this.#conclude();
  }

  /** Checks some of what was stored since the last time. @returns whether something is left. */
  verifySome(bytesMax: number): boolean {
    if (this.isVerified) {
      this.#conclude();
      return false;
    }
    this.#meet(this.#walk.step(this.#synced, bytesMax), true);
    if (!this.isVerified) return true;
    this.#meet(this.#walk.finish(), true);
    this.#conclude();
    return false;
  }

  /** Checks some of the whole archive, over and over. */
  scrubSome(bytesMax: number): void {
    const { last } = this.#batches;
    if (last === 0) return;
    this.#scrub ??= this.#walkFrom(this.#noted("scrubbed"));
    this.#meet(this.#scrub.step(last, bytesMax), false);
    this.#scrubBytes += bytesMax;
    if (this.#scrub.at >= last) {
      this.#meet(this.#scrub.finish(), false);
      this.#passes += 1;
      this.#lastPassMs = Date.now();
      this.#scrub = this.#walkFrom(0);
    } else if (this.#scrubBytes < NOTE_EVERY_BYTES) return;
    this.#scrubBytes = 0;
    putSetting(this.#database, "scrubbed", this.#scrub.at);
  }

  get figures(): ScrubFigures {
    const of = this.#batches.last;
    return { passes: this.#passes, batches: this.#scrub?.at ?? 0, of, lastPassMs: this.#lastPassMs };
  }

  #conclude(): void {
    if (!this.isVerified || this.#awaited.size > 0) return;
    if (this.#walk.at === this.#concluded) return;
    this.#concluded = this.#walk.at;
    putSetting(this.#database, "verified", this.#walk.at);
    this.#verified = new Map(
      this.#walk.newest.map(({ shard, id, hash, timeMs }) => [shard, { id, hash, timeMs }]),
    );
  }

  #meet(flaws: readonly Flaw[], awaited: boolean): void {
    for (const flaw of flaws) {
      const isNew = inTransaction(this.#database, () => this.#damages.add(flaw));
      const known = flaw.number === null ? undefined : this.#damages.ofRow(flaw.number);
      const damage = known ?? { ...flaw, indexed: true };
      if (isNew) this.#want(damage);
      const place = placeText(damage);
      if (awaited && (this.#wanted.has(place) || this.#asked.has(place))) this.#awaited.add(place);
    }
  }

  #want(damage: Damage): void {
    if (damage.shard !== null && damage.id !== null) this.#wanted.set(placeText(damage), damage);
  }

  #noted(name: "verified" | "scrubbed"): number {
    const number = setting(this.#database, name, () => 0);
    return number <= this.#batches.last ? number : 0;
  }

  /** Where the rows before cannot be read, the walk begins with the first. */
  #walkFrom(number: number): BatchWalk {
    try {
      return new BatchWalk(this.#reader, number);
    } catch (error) {
      if (!isMalformed(error) || number === 0) throw error;
      return new BatchWalk(this.#reader, 0);
    }
  }
}
