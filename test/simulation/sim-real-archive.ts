/**
 * The real archive, on files in memory. It runs as the archive owner of each server. When no server is left, its process
 * has ended: the next server opens the same files, after a power cut without what was not synced.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ArchiveQueries, BatchPosition } from "../../src/archive/queries/query.ts";
import {
  type ArchiveMethod,
  type TaggedResult,
  untagError,
} from "../../src/archive/service/archive-protocol.ts";
import { ArchiveService } from "../../src/archive/service/archive-service.ts";
import { Archive, type ArchiveOptions } from "../../src/archive/store.ts";
import type { LogId, Witness } from "../../src/wal/wal.ts";
import { compareLogIds } from "../../src/wal/wal.ts";
import type { ChannelEnd } from "../../src/workers/channels/open-channel.ts";
import type { Random } from "../support/random.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { SimArchive } from "./sim-archive.ts";
import type { Network } from "./sim-channel.ts";
import type { Oracle } from "./sim-context.ts";
import type { Owner, VirtualClock } from "./virtual-clock.ts";

const ANSWER_MS = 0.2;
const SCRUB_BYTES = 1 << 20;
const METHODS = [
  "records",
  "claims",
  "transfer",
  "part",
  "transfers",
  "accountAt",
  "acts",
  "entries",
  "sum",
  "accountIds",
] as const satisfies readonly ArchiveMethod[];

export type RealArchiveWorld = Readonly<{
  clock: VirtualClock;
  network: Network;
  random: Random;
  shards: number;
  count: (what: string) => void;
  trace: (what: string) => void;
  fail: (oracle: Oracle, message: string) => void;
}>;

export class SimRealArchive extends SimArchive {
  readonly #world: RealArchiveWorld;
  readonly #folder = makeScratchFolder("simulated-archive");
  readonly #options: ArchiveOptions;
  #archive: Archive;
  readonly #services = new Map<Owner, ArchiveService>();
  #synced: ReadonlyMap<number, Witness> = new Map();
  /** Id of the last batch that survives a power cut. */
  #syncedBatches = 0;

  constructor(world: RealArchiveWorld) {
    super(world.shards, world.clock, world.network);
    const { random } = world;
    this.#world = world;
    this.#options = {
      tailEntries: random.oneOf([64, 512, 1 << 14]),
      runsPerLevel: random.oneOf([2, 8]),
      waitingBytesMax: random.oneOf([0, 1 << 20]),
    };
    mkdirSync(this.#folder, { recursive: true });
    this.#archive = new Archive(this.#folder, this.#options);
  }

  /** For the oracles. */
  get answers(): Archive["answers"] {
    return this.#archive.answers;
  }

  override newest(shard: number): Witness | undefined {
    return this.#archive.position(shard);
  }

  override synced(shard: number): Witness | undefined {
    if (this.#archive.sync()) {
      const { shards } = this.#archive;
      this.#synced = new Map(shards.map((each) => [each, this.#archive.position(each) as Witness]));
      this.#syncedBatches = this.#lastBatch();
    }
    return this.#synced.get(shard);
  }

  override isCurrent(newest: readonly (LogId | undefined)[]): boolean {
    const isStored = newest.every((id, shard) => {
      const stored = this.#archive.position(shard)?.id;
      return id === undefined || (stored !== undefined && compareLogIds(stored, id) >= 0);
    });
    return isStored && this.#archive.isIndexed;
  }

  override close(): void {
    this.#archive.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  override follow(shard: number, end: ChannelEnd): void {
    this.#serviceOf(this.clock.current).attach(shard, end);
  }

  override queries(): ArchiveQueries {
    return Object.fromEntries(
      METHODS.map((method) => [
        method,
        (query: unknown, after: readonly BatchPosition[] = []) => this.#ask(method, query, after),
      ]),
    ) as unknown as ArchiveQueries;
  }

  /** Flips a bit of a stored batch, as a disk may do. @returns whether a batch exists */
  damage(): boolean {
    const { random, trace, count } = this.#world;
    // Indexed batches are not read at a start.
    if (random.chance(0.5)) this.#archive.flush();
    this.reopen(() => {
      const database = new DatabaseSync(join(this.#folder, "archive.sqlite"));
      const rows = database.prepare("SELECT id, body FROM batches").all();
      if (rows.length > 0) {
        const { id, body } = random.oneOf(rows) as { id: number; body: Uint8Array };
        const damaged = new Uint8Array(body);
        const at = random.below(damaged.length);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << random.below(8));
        database.prepare("UPDATE batches SET body = ? WHERE id = ?").run(damaged, id);
        trace(`damage to batch ${id} of the archive`);
        count("damage archive");
      }
      database.close();
    });
    return this.#lastBatch() > 0;
  }

  /** The process dies and another one opens the files. */
  reopen(changeFiles: () => void = () => {}): void {
    this.#archive.close();
    changeFiles();
    this.#archive = new Archive(this.#folder, this.#options);
    this.#services.clear();
  }

  /** Indexes all stored batches. */
  indexAll(): void {
    while (!this.#archive.isIndexed) this.#archive.indexSome(1_000);
  }

  /** Reads all batches once, like the archive's continuous scrub. @returns whether a batch is damaged */
  scrub(): boolean {
    const { verifier } = this.#archive;
    const { passes } = verifier.stats;
    while (verifier.stats.passes === passes && this.#lastBatch() > 0) verifier.scrubSome(SCRUB_BYTES);
    return this.#archive.damages.length > 0;
  }

  #serviceOf(owner: Owner): ArchiveService {
    const known = this.#services.get(owner);
    if (known !== undefined) return known;
    const { random, count, fail, network } = this.#world;
    const isRestart = this.#services.size > 0 && [...this.#services.keys()].every(({ isDead }) => isDead);
    if (isRestart) {
      const losesPower = random.chance(0.5);
      count(losesPower ? "archive loses power" : "archive crash");
      this.reopen(losesPower ? () => this.#loseUnsynced() : undefined);
    }
    const service = new ArchiveService(
      () => this.#archive,
      (error) =>
        fail("nothing throws", `the archive: ${error instanceof Error ? error.stack : String(error)}`),
      { open: network.open },
    );
    this.#services.set(owner, service);
    return service;
  }

  #ask(method: ArchiveMethod, query: unknown, after: readonly BatchPosition[]): Promise<unknown> {
    const { clock } = this;
    const caller = clock.current;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const reply = (result: TaggedResult) =>
      clock.after(caller, ANSWER_MS, () => {
        if (result.ok) resolve(result.value);
        else reject(untagError(result.error));
      });
    // The newest server's archive answers; the files are the same for all.
    const [owner, service] = [...this.#services].findLast(([each]) => !each.isDead) ?? [];
    if (owner !== undefined) clock.after(owner, ANSWER_MS, () => service?.query(method, query, after, reply));
    return promise;
  }

  /** Removes what was written after the last sync from the database, and newer index files. */
  #loseUnsynced(): void {
    const database = new DatabaseSync(join(this.#folder, "archive.sqlite"));
    const written = database.prepare("SELECT value FROM settings WHERE name = 'written'").get();
    database.prepare("DELETE FROM batches WHERE id > ?").run(this.#syncedBatches);
    database.close();
    if (((written?.["value"] as number | undefined) ?? 0) > this.#syncedBatches)
      rmSync(join(this.#folder, "index"), { recursive: true, force: true });
    this.#world.trace(`the archive loses what came after batch ${this.#syncedBatches}`);
  }

  #lastBatch(): number {
    const database = new DatabaseSync(join(this.#folder, "archive.sqlite"), { readOnly: true });
    const last = database.prepare("SELECT max(id) AS last FROM batches").get()?.["last"] as number | null;
    database.close();
    return last ?? 0;
  }
}
