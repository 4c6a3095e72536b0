import { readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PackError } from "../actors/records/pack-reader.ts";
import { inTransaction } from "../sqlite-transaction.ts";
import { type Batch, compareLogIds, type LogId } from "../wal/wal.ts";
import { isDamage, isIndexDamaged } from "./archive-error.ts";
import { HAS_NO_LINK } from "./batches/batch-chain.ts";
import { BatchTable, type StoredPosition } from "./batches/batch-table.ts";
import { type Damage, DamageTable } from "./batches/damage-table.ts";
import { type Waiting, WaitingBodies } from "./batches/unindexed-bodies.ts";
import { Verifier } from "./batches/verifier.ts";
import { openDatabase, orMalformed, putSetting, randomSeed, setting } from "./database.ts";
import { BatchIndexer } from "./index/batch-indexer.ts";
import { forgetRuns, openIndexFolder, recordRun } from "./index/index-folder.ts";
import { type KeyHash, Keys, MixedHash } from "./index/key-hash.ts";
import { PageCache, type Run } from "./index/run.ts";
import type { RunMeta } from "./index/run-page.ts";
import { SortedIndex } from "./index/sorted-index.ts";
import { AccountTable } from "./queries/account-table.ts";
import { type ArchiveAnswers, archiveAnswers } from "./queries/transfer-reader.ts";
import type { ArchiveCounts } from "./service/archive-protocol.ts";

/** Bounds, which tests make small, and the hash, which tests make weak. */
export type ArchiveOptions = Readonly<{
  hash?: KeyHash;
  /** Account entries in the tail before it is written out. Bounds memory and the work of a start. */
  tailEntries?: number;
  /** Runs of one level that are merged into one run of the next. Bounds the number of runs that a query reads. */
  runsPerLevel?: number;
  /** Bytes of bodies kept in memory until they are indexed. Others are read back from the database. */
  waitingBytesMax?: number;
}>;

const TAIL_ENTRIES = 1 << 18;
const RUNS_PER_LEVEL = 8;
const TAIL_BATCHES_MAX = 1 << 18;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Entries merged per indexed record: more than the three entries of a record times the levels of a large archive. */
const MERGED_PER_RECORD = 16;
const RETIRED_MAX = 16;
const READER_CACHE_PAGES = 64; // 1 MiB: batches are read back only once

/**
 * The archive: `archive.sqlite` holds the batches of all shards, the folder `index` holds sorted runs that index them.
 * Synchronous; it runs in its own thread (archive-thread.ts).
 *
 * Batches are stored in one transaction and indexed later, in order of arrival. After a crash the runs named in the
 * database cover batches 1 to `written`; later batches are indexed again.
 */
export class Archive {
  readonly answers: ArchiveAnswers;
  readonly #database: DatabaseSync;
  readonly #folder: string;
  readonly #batches: BatchTable;
  readonly #accounts: AccountTable;
  readonly indexer: BatchIndexer;
  readonly #indexes: Readonly<{ accounts: SortedIndex; transfers: SortedIndex; partners: SortedIndex }>;
  readonly #options: Required<Omit<ArchiveOptions, "hash">>;
  readonly #indexedPositions = new Map<number, LogId>();
  readonly #waiting: WaitingBodies;
  /** The newest batch in the index, and the newest one in its runs. */
  #indexed: number;
  #written: number;
  #runId: number;
  /** Files of merged runs. Deleted once it is durable that the database no longer names them. */
  #retired: string[] = [];
  #batchesStored = 0;
  #recordsStored = 0;
  #bytesStored = 0;
  #transfersIndexed = 0;
  #recordsWaiting = 0;
  #indexRebuilds = 0;
  readonly #path: string;
  readonly #damages: DamageTable;
  /** A separate connection: it must read from the file, not from the writer's page cache. */
  readonly #reader: DatabaseSync;
  readonly verifier: Verifier;

  /**
   * Opens the archive in a folder, or creates it. Rebuilds the index from the batches if its folder or a file of it is
   * missing or damaged, or if another version wrote it.
   *
   * @throws ArchiveError `archive_corrupt`: the database is unusable.
   */
  constructor(folder: string, options: ArchiveOptions = {}) {
    this.#options = {
      tailEntries: options.tailEntries ?? TAIL_ENTRIES,
      runsPerLevel: options.runsPerLevel ?? RUNS_PER_LEVEL,
      waitingBytesMax: options.waitingBytesMax ?? WAITING_BYTES_MAX,
    };
    this.#waiting = new WaitingBodies(this.#options.waitingBytesMax);
    this.#folder = join(folder, "index");
    this.#path = join(folder, "archive.sqlite");
    this.#database = openDatabase(this.#path);
    this.#damages = new DamageTable(this.#database);
    this.#batches = orMalformed(this.#path, () => new BatchTable(this.#database, this.#damages));
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
    const metas = openIndexFolder(this.#database, this.#folder);
    this.#runId = metas.reduce((greatest, { id }) => Math.max(greatest, id), 0);
    this.#loadIndex(metas);
    this.#written = setting(this.#database, "written", () => 0);
    this.#indexed = this.#written;
    for (const index of this.#allIndexes) index.tail.clear(this.#written + 1);
    this.indexer = new BatchIndexer(keys, this.#tails, this.#accounts);
    this.#loadIndexedPositions();
    this.answers = archiveAnswers(
      this.#batches,
      this.#damages,
      this.#accounts,
      keys,
      this.#indexes,
      (shard) => this.indexedPosition(shard),
      () => this.#indexed,
    );
    this.#reader = new DatabaseSync(this.#path, { readOnly: true });
    this.#reader.exec(`PRAGMA cache_size = ${READER_CACHE_PAGES}`);
    this.verifier = new Verifier(this.#database, this.#reader, this.#batches, this.#damages);
  }

  get #allIndexes(): readonly SortedIndex[] {
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
      runs: this.#allIndexes.reduce((sum, index) => sum + index.runs, 0),
      indexRebuilds: this.#indexRebuilds,
    };
  }

  /** The newest stored batch of a shard and its time: a witness for the shard's log. */
  position(shard: number): StoredPosition | undefined {
    return this.#batches.position(shard);
  }

  /** The newest indexed batch of a shard. */
  indexedPosition(shard: number): LogId | undefined {
    return this.#indexedPositions.get(shard);
  }

  /** The id of the batch before `id`, if there is one. */
  idBefore(shard: number, id: LogId): LogId | undefined {
    return this.#batches.idBefore(shard, id);
  }

  /** Size of the database file. */
  get bytes(): number {
    return statSync(this.#path).size;
  }

  /** All batches that are known to be damaged. */
  get damages(): readonly Damage[] {
    return this.#damages.all;
  }

  /**
   * Stores a shard's next batches in one transaction. Skips those that are stored already, except that a damaged one is
   * replaced.
   *
   * @throws ArchiveError `archive_gap`, `archive_diverged`: the log does not match the archive. Nothing was stored.
   */
  append(shard: number, batches: readonly Batch[]): void {
    orMalformed(this.#path, () => this.#append(shard, batches));
  }

  #append(shard: number, batches: readonly Batch[]): void {
    for (const batch of this.#batches.damaged(shard, batches)) {
      const damage = this.#damages.at(shard, batch.id);
      const isIndexed = damage?.indexed !== false && damage?.reason !== HAS_NO_LINK;
      // Entries of a key are in log order, so a batch cannot be inserted into the index later: rebuild all of it.
      if (inTransaction(this.#database, () => this.#batches.restore(shard, batch)) && !isIndexed)
        this.rebuildIndex();
    }
    const missing = this.#batches.missing(shard, batches);
    if (missing.length === 0) return;
    let number = inTransaction(this.#database, () => this.#batches.insert(shard, missing));
    this.#batches.committed(shard, missing);
    for (const { id, timeMs, count, body } of missing) {
      const batch = { number, shard, epoch: id.epoch, seq: id.seq, timeMs, count };
      this.#waiting.keep({ batch, body }, this.#indexed);
      this.#batchesStored += 1;
      this.#recordsStored += count;
      this.#recordsWaiting += count;
      this.#bytesStored += body.length;
      number += 1;
    }
  }

  /**
   * Indexes batches with about `records` records and merges runs in proportion. Sometimes it also writes out the tail,
   * which takes about 50 ms.
   *
   * @returns whether work remains.
   */
  indexSome(records: number): boolean {
    const urgent = this.#allIndexes.some((index) => index.mergeUrgent);
    let budget = urgent ? 0 : records;
    while (budget > 0 && this.#indexed < this.#batches.last) budget -= this.#indexNext();
    this.#accounts.writeSome();
    this.#mergeSome((records - Math.max(0, budget) / 2) * MERGED_PER_RECORD);
    return this.#indexed < this.#batches.last || this.#allIndexes.some((index) => index.mergeDue);
  }

  /** Makes all stored batches durable. @returns false if another connection prevents the checkpoint. */
  sync(): boolean {
    const last = this.#batches.last;
    // A sync of SQLite's WAL may succeed without writing after an earlier one has failed. Copies are new writes.
    const done = this.#checkpoint();
    if (done?.["busy"] !== 0 || done["log"] !== done["checkpointed"]) return false;
    this.verifier.synced(last);
    return true;
  }

  /** Whether every stored batch is indexed. Runs may still have to be merged. */
  get isIndexed(): boolean {
    return this.#indexed === this.#batches.last;
  }

  /** Writes the tail out as runs, so that the next start need not index its batches again. */
  flush(): void {
    if (this.#written === this.#indexed) return;
    const written = this.#allIndexes.map((index) => index.writeTail(++this.#runId));
    const made = written.filter((meta) => meta !== undefined);
    inTransaction(this.#database, () => {
      for (const meta of made) recordRun(this.#database, meta);
      this.#accounts.writeAll();
      putSetting(this.#database, "written", this.#indexed);
    });
    this.#written = this.#indexed;
    this.#accounts.clear();
    for (const index of this.#allIndexes) {
      const meta = made.find(({ kind }) => kind === index.kind);
      if (meta !== undefined) index.replace(meta, []);
      index.tail.clear(this.#written + 1);
    }
  }

  /** Deletes the index. `indexSome` rebuilds it from the batches. */
  rebuildIndex(): void {
    this.#indexRebuilds += 1;
    for (const index of this.#allIndexes) index.reset();
    forgetRuns(this.#database);
    this.#written = 0;
    this.#indexed = 0;
    this.#accounts.clear();
    this.#waiting.clear();
    this.#indexedPositions.clear();
    this.#retired = [];
    for (const file of readdirSync(this.#folder)) unlinkSync(join(this.#folder, file));
    this.#loadIndexedPositions();
  }

  close(): void {
    for (const index of this.#allIndexes) index.close();
    this.#reader.close();
    this.#database.close();
  }

  /** The next batch to index; `undefined` if it is damaged. */
  #takeNext(): Waiting | undefined {
    const next = this.#waiting.take(this.#indexed + 1);
    if (next !== undefined) return next;
    const batch = this.#readNext();
    return batch && { batch, body: batch.body };
  }

  #readNext() {
    try {
      const batch = this.#batches.read(this.#indexed + 1);
      const indexed = this.#indexedPositions.get(batch.shard);
      const isNew = indexed === undefined || compareLogIds(batch, indexed) > 0;
      return isNew ? batch : undefined;
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  #indexNext(): number {
    const next = this.#takeNext();
    if (next === undefined) return this.#skipDamaged(this.#indexed + 1);
    const { batch, body } = next;
    this.#makeRoom(batch.count);
    try {
      this.#transfersIndexed += this.indexer.index(batch.number, batch.shard, body);
    } catch (error) {
      if (!(error instanceof PackError)) throw error;
      const { number, shard, epoch, seq } = batch;
      const reason = `its records cannot be read: ${error.message}`;
      this.#damages.add({ kind: "body", number, shard, id: { epoch, seq }, reason });
      return this.#skipDamaged(number);
    }
    this.#indexed = batch.number;
    this.#recordsWaiting = Math.max(0, this.#recordsWaiting - batch.count);
    this.#indexedPositions.set(batch.shard, { epoch: batch.epoch, seq: batch.seq });
    return Math.max(1, batch.count);
  }

  /** Skips a damaged batch and records that the index lacks it. @returns its cost in records. */
  #skipDamaged(number: number): number {
    const damage = this.#damages.ofRow(number);
    if (damage !== undefined) {
      this.#damages.add(damage, false);
      const { shard, id } = damage;
      const indexed = shard === null ? undefined : this.#indexedPositions.get(shard);
      const isNext = id !== null && (indexed === undefined || compareLogIds(id, indexed) > 0);
      if (shard !== null && isNext) this.#indexedPositions.set(shard, id);
    }
    this.#indexed = number;
    // The number of records of damaged batches is unknown, so the count is corrected once all is indexed.
    if (this.isIndexed) this.#recordsWaiting = 0;
    return 1;
  }

  /** Writes the tails out if a batch of plain transfers may not fit. For compound transfers a tail may still grow. */
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
    for (const index of this.#allIndexes) {
      const done = index.stepMerge(entries, () => ++this.#runId);
      if (done !== undefined) this.#recordMerge(index, done.made, done.replaced);
    }
  }

  #recordMerge(index: SortedIndex, made: RunMeta, replaced: readonly Run[]): void {
    inTransaction(this.#database, () => {
      for (const { meta } of replaced) this.#database.prepare("DELETE FROM runs WHERE id = ?").run(meta.id);
      recordRun(this.#database, made);
    });
    this.#retired.push(...index.replace(made, replaced));
    if (this.#retired.length >= RETIRED_MAX) this.#deleteRetired();
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

  #loadIndex(metas: readonly RunMeta[]): void {
    try {
      for (const index of this.#allIndexes) index.load(metas);
    } catch (error) {
      if (!isIndexDamaged(error)) throw error;
      this.#indexRebuilds += 1;
      for (const index of this.#allIndexes) index.reset();
      forgetRuns(this.#database);
    }
  }

  #loadIndexedPositions(): void {
    const newest = this.#database.prepare(
      "SELECT epoch, seq FROM batches WHERE shard = ? AND id <= ? ORDER BY epoch DESC, seq DESC LIMIT 1",
    );
    for (const shard of this.shards) {
      const row = newest.get(shard, this.#written) as LogId | undefined;
      if (row !== undefined) this.#indexedPositions.set(shard, { epoch: row.epoch, seq: row.seq });
    }
    this.#recordsWaiting = this.#batches.recordsBehind(this.#written);
  }
}
