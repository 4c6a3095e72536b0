import { mkdirSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { assert } from "../assert.ts";
import type { Batch, LogId, Witness } from "../wal/wal.ts";
import { AccountTable } from "./account-table.ts";
import { type ArchiveAnswers, archiveAnswers } from "./archive-reader.ts";
import { BatchIndexer } from "./batch-indexer.ts";
import { BatchTable, type StoredBatch } from "./batch-table.ts";
import { inTransaction, openDatabase, putSetting, randomSeed, setting } from "./database.ts";
import { type KeyHash, Keys, MixedHash } from "./key-hash.ts";
import { PageCache, type Run } from "./run.ts";
import { RUN_KINDS, type RunMeta, runFileName } from "./run-page.ts";
import { SortedIndex } from "./sorted-index.ts";

/** Tests make the bounds small, and the hash weak. */
export type ArchiveOptions = Readonly<{
  hash?: KeyHash;
  /** Entries of accounts that the tail holds before it is written out: bounds memory and the work at a start. */
  tailEntries?: number;
  /** So many runs of a level are merged into one of the next: bounds how many a query looks into. */
  runsPerLevel?: number;
  /** Bodies that wait for the index are kept in memory up to here; the rest is read back. */
  waitingBytesMax?: number;
}>;

/** What an archive has done since it was opened, and how far the index is behind what is stored. */
export type ArchiveCounts = Readonly<{
  batchesStored: number;
  recordsStored: number;
  bytesStored: number;
  transfersIndexed: number;
  recordsWaiting: number;
  runs: number;
}>;

type Waiting = Readonly<{ batch: StoredBatch; body: Uint8Array }>;

/** Raised when what stands in the index means something else than before: it is built anew then. */
const INDEX_FORMAT = 3;
/** Of an index from before its format was written down. */
const FIRST_INDEX_FORMAT = 1;
const TAIL_ENTRIES = 1 << 18;
const RUNS_PER_LEVEL = 8;
const TAIL_BATCHES_MAX = 1 << 18;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Entries to merge per record indexed: above three entries times the levels that a large archive has. */
const MERGED_PER_RECORD = 16;
const RETIRED_MAX = 16;
const WAITING_TRIM = 64;

/**
 * The archive: `archive.sqlite` holds the batches of every shard, the folder `index` the sorted runs over them.
 * Synchronous; it lives in a thread of its own (archive-thread.ts).
 *
 * Storing comes first and is one transaction; the index follows batch by batch in order of arrival. At any
 * crash the runs that the database names cover batches 1 to `written`; what lies above is indexed again.
 */
export class Archive {
  readonly answers: ArchiveAnswers;
  readonly #database: DatabaseSync;
  readonly #folder: string;
  readonly #batches: BatchTable;
  readonly #accounts: AccountTable;
  readonly #indexer: BatchIndexer;
  readonly #indexes: Readonly<{ accounts: SortedIndex; transfers: SortedIndex; partners: SortedIndex }>;
  readonly #options: Required<Omit<ArchiveOptions, "hash">>;
  readonly #indexedPositions = new Map<number, LogId>();
  #waiting: Waiting[] = [];
  #waitingFrom = 0;
  #waitingBytes = 0;
  /** The last batch in the index, and the last one in its runs. */
  #indexed: number;
  #written: number;
  #runId: number;
  /** Files of runs that were merged: deleted once the database that no longer names them is on the disk. */
  #retired: string[] = [];
  #batchesStored = 0;
  #recordsStored = 0;
  #bytesStored = 0;
  #transfersIndexed = 0;
  #recordsWaiting = 0;

  /**
   * Opens the archive in a folder, making it where there is none.
   *
   * @throws ArchiveError `archive_corrupt`: a file of the index is missing or damaged. Without the folder
   * `index`, or where another version wrote it, the whole index is built anew from the batches.
   */
  constructor(folder: string, options: ArchiveOptions = {}) {
    this.#options = {
      tailEntries: options.tailEntries ?? TAIL_ENTRIES,
      runsPerLevel: options.runsPerLevel ?? RUNS_PER_LEVEL,
      waitingBytesMax: options.waitingBytesMax ?? WAITING_BYTES_MAX,
    };
    this.#folder = join(folder, "index");
    this.#database = openDatabase(join(folder, "archive.sqlite"));
    this.#batches = new BatchTable(this.#database);
    this.#accounts = new AccountTable(this.#database);
    const seedHigh = setting(this.#database, "seed_high", randomSeed);
    const seedLow = setting(this.#database, "seed_low", randomSeed);
    const keys = new Keys(options.hash ?? new MixedHash(), seedHigh, seedLow);
    const cache = new PageCache();
    const { tailEntries, runsPerLevel } = this.#options;
    this.#indexes = {
      accounts: new SortedIndex(this.#folder, "account", 32, tailEntries, runsPerLevel, cache),
      transfers: new SortedIndex(this.#folder, "transfer", 16, tailEntries / 2, runsPerLevel, cache),
      partners: new SortedIndex(this.#folder, "partner", 16, tailEntries / 2, runsPerLevel, cache),
    };
    const metas = this.#openIndexFolder();
    this.#runId = metas.reduce((greatest, { id }) => Math.max(greatest, id), 0);
    for (const index of this.#all) index.load(metas);
    this.#written = setting(this.#database, "written", () => 0);
    this.#indexed = this.#written;
    for (const index of this.#all) index.tail.clear(this.#written + 1);
    this.#indexer = new BatchIndexer(keys, this.#tails, this.#accounts);
    this.#loadIndexedPositions();
    this.answers = archiveAnswers(this.#batches, this.#accounts, keys, this.#indexes, (shard) =>
      this.indexedPosition(shard),
    );
  }

  get #all(): readonly SortedIndex[] {
    return [this.#indexes.accounts, this.#indexes.transfers, this.#indexes.partners];
  }

  get #tails() {
    const { accounts, transfers, partners } = this.#indexes;
    return { accounts: accounts.tail, transfers: transfers.tail, partners: partners.tail };
  }

  get shards(): readonly number[] {
    return this.#batches.shards;
  }

  get counts(): ArchiveCounts {
    return {
      batchesStored: this.#batchesStored,
      recordsStored: this.#recordsStored,
      bytesStored: this.#bytesStored,
      transfersIndexed: this.#transfersIndexed,
      recordsWaiting: this.#recordsWaiting,
      runs: this.#all.reduce((sum, index) => sum + index.runs, 0),
    };
  }

  /** The newest stored batch of a shard: a witness for its log, with the batch's time. */
  position(shard: number): (Witness & Readonly<{ timeMs: number }>) | undefined {
    return this.#batches.position(shard);
  }

  /** The newest batch of a shard that is stored and in the index. */
  indexedPosition(shard: number): LogId | undefined {
    return this.#indexedPositions.get(shard);
  }

  /**
   * Stores a shard's next batches in one transaction. Those that are stored already are passed over.
   *
   * @throws ArchiveError `archive_gap`, `archive_diverged`: nothing was stored; the log is not the one that is archived.
   */
  append(shard: number, batches: readonly Batch[]): void {
    const missing = this.#batches.missing(shard, batches);
    if (missing.length === 0) return;
    let number = inTransaction(this.#database, () => this.#batches.insert(shard, missing));
    this.#batches.committed(shard, missing);
    for (const { id, timeMs, count, body } of missing) {
      const batch = { number, shard, epoch: id.epoch, seq: id.seq, timeMs, count };
      this.#keepWaiting({ batch, body });
      this.#batchesStored += 1;
      this.#recordsStored += count;
      this.#recordsWaiting += count;
      this.#bytesStored += body.length;
      number += 1;
    }
  }

  /**
   * Indexes batches of about `records` records, and merges runs in proportion. Now and then one portion writes
   * the tail out, which takes some 50 ms.
   *
   * @returns whether work is left.
   */
  indexSome(records: number): boolean {
    const urgent = this.#all.some((index) => index.mergeUrgent);
    let left = urgent ? 0 : records;
    while (left > 0 && this.#indexed < this.#batches.last) left -= this.#indexNext();
    this.#accounts.writeSome();
    this.#mergeSome((records - Math.max(0, left) / 2) * MERGED_PER_RECORD);
    return this.#indexed < this.#batches.last || this.#all.some((index) => index.mergeDue);
  }

  /** Makes all that is stored so far survive a power cut. False while somebody else is in the way. */
  sync(): boolean {
    // A sync of the WAL may say yes after an earlier one has failed. What was copied into the database is a new write.
    const done = this.#checkpoint();
    return done?.["busy"] === 0 && done["log"] === done["checkpointed"];
  }

  /** True when every stored batch is in the index (merging may be left). */
  get isIndexed(): boolean {
    return this.#indexed === this.#batches.last;
  }

  /** Writes the index out, so that the next start has nothing to index again. */
  flush(): void {
    if (this.#written === this.#indexed) return;
    const made: RunMeta[] = [];
    for (const index of this.#all) {
      const meta = index.writeTail(++this.#runId);
      if (meta !== undefined) made.push(meta);
    }
    inTransaction(this.#database, () => {
      for (const meta of made) this.#record(meta);
      this.#accounts.writeAll();
      putSetting(this.#database, "written", this.#indexed);
    });
    this.#written = this.#indexed;
    this.#accounts.clear();
    for (const index of this.#all) {
      const meta = made.find(({ kind }) => kind === index.kind);
      if (meta !== undefined) index.replace(meta, []);
      index.tail.clear(this.#written + 1);
    }
  }

  close(): void {
    for (const index of this.#all) index.close();
    this.#database.close();
  }

  #keepWaiting(waiting: Waiting): void {
    // The queue must be without a gap up to its end; once it is full, what follows is read back instead.
    const expected = this.#waiting.at(-1)?.batch.number ?? this.#indexed;
    if (waiting.batch.number !== expected + 1) return;
    if (this.#waitingBytes + waiting.body.length > this.#options.waitingBytesMax) return;
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.body.length;
  }

  #nextBody(): Waiting {
    const next = this.#waiting[this.#waitingFrom];
    if (next === undefined) {
      const batch = this.#batches.read(this.#indexed + 1);
      return { batch, body: batch.body };
    }
    assert(next.batch.number === this.#indexed + 1, "the index takes the batches in order of arrival");
    this.#waitingFrom += 1;
    this.#waitingBytes -= next.body.length;
    // Bodies that were taken must not be held on to by a queue that never runs empty.
    if (this.#waitingFrom === this.#waiting.length || this.#waitingFrom >= WAITING_TRIM) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom);
      this.#waitingFrom = 0;
    }
    return next;
  }

  #indexNext(): number {
    const { batch, body } = this.#nextBody();
    this.#makeRoom(batch.count);
    this.#transfersIndexed += this.#indexer.index(batch.number, batch.shard, body);
    this.#indexed = batch.number;
    this.#recordsWaiting -= batch.count;
    this.#indexedPositions.set(batch.shard, { epoch: batch.epoch, seq: batch.seq });
    return Math.max(1, batch.count);
  }

  /** Writes the tails out where a batch of plain transfers would not fit; of another kind it may still need more room. */
  #makeRoom(records: number): void {
    const { accounts, transfers, partners } = this.#indexes;
    const { tailEntries } = this.#options;
    const full =
      accounts.tail.count + 2 * records > tailEntries ||
      transfers.tail.count + records > tailEntries / 2 ||
      partners.tail.count + records > tailEntries / 2 ||
      this.#indexed - this.#written >= TAIL_BATCHES_MAX;
    if (full) this.flush();
  }

  #mergeSome(entries: number): void {
    for (const index of this.#all) {
      const done = index.stepMerge(entries, () => ++this.#runId);
      if (done !== undefined) this.#recordMerge(index, done.made, done.replaced);
    }
  }

  #recordMerge(index: SortedIndex, made: RunMeta, replaced: readonly Run[]): void {
    inTransaction(this.#database, () => {
      for (const { meta } of replaced) this.#database.prepare("DELETE FROM runs WHERE id = ?").run(meta.id);
      this.#record(made);
    });
    this.#retired.push(...index.replace(made, replaced));
    if (this.#retired.length >= RETIRED_MAX) this.#deleteRetired();
  }

  #record({ id, kind, level, width, entries, base, checksum }: RunMeta): void {
    this.#database
      .prepare("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(id, kind, level, width, entries, base, checksum);
  }

  #checkpoint() {
    return this.#database.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
  }

  #deleteRetired(): void {
    const done = this.#checkpoint();
    if (done === undefined || done["busy"] !== 0 || done["log"] !== done["checkpointed"]) return;
    for (const path of this.#retired) unlinkSync(path);
    this.#retired = [];
  }

  /** Sweeps away files that the database does not name; without the folder, or after an older version, starts anew. */
  #openIndexFolder(): readonly RunMeta[] {
    const isNew = mkdirSync(this.#folder, { recursive: true }) !== undefined;
    const format = setting(this.#database, "index_format", () => FIRST_INDEX_FORMAT);
    if (isNew || format !== INDEX_FORMAT) {
      inTransaction(this.#database, () => {
        this.#database.exec("DELETE FROM runs");
        putSetting(this.#database, "written", 0);
        putSetting(this.#database, "index_format", INDEX_FORMAT);
      });
      // On the disk, before the files go that the database has named so far.
      this.#database.exec("PRAGMA wal_checkpoint(FULL)");
    }
    const metas = this.#database.prepare("SELECT * FROM runs ORDER BY id").all() as unknown as RunMeta[];
    for (const { kind } of metas) assert(RUN_KINDS.includes(kind), "a run is of a known kind");
    const named = new Set(metas.map(({ id }) => runFileName(id)));
    for (const file of readdirSync(this.#folder)) {
      if (!named.has(file)) unlinkSync(join(this.#folder, file));
    }
    return metas;
  }

  #loadIndexedPositions(): void {
    const newest = this.#database.prepare(
      "SELECT epoch, seq FROM batches WHERE shard = ? AND id <= ? ORDER BY epoch DESC, seq DESC LIMIT 1",
    );
    for (const shard of this.shards) {
      const row = newest.get(shard, this.#written);
      if (row === undefined) continue;
      this.#indexedPositions.set(shard, { epoch: row["epoch"] as number, seq: row["seq"] as number });
    }
    const waiting = this.#database.prepare("SELECT sum(count) AS records FROM batches WHERE id > ?");
    this.#recordsWaiting = (waiting.get(this.#written)?.["records"] as number | null) ?? 0;
  }
}
