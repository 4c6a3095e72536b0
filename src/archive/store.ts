import { readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PackError } from "../actors/records/pack-reader.ts";
import { type Batch, compareLogIds, type LogId } from "../wal/wal.ts";
import { ArchiveError, isDamage } from "./archive-error.ts";
import { HAS_NO_LINK } from "./batches/batch-chain.ts";
import { BatchTable, type StoredPosition } from "./batches/batch-table.ts";
import { type Damage, DamageTable } from "./batches/damage-table.ts";
import { Verifier } from "./batches/verifier.ts";
import { type Waiting, WaitingBodies } from "./batches/waiting-bodies.ts";
import { inTransaction, openDatabase, orMalformed, putSetting, randomSeed, setting } from "./database.ts";
import { BatchIndexer } from "./index/batch-indexer.ts";
import { forgetRuns, openIndexFolder, recordRun } from "./index/index-folder.ts";
import { type KeyHash, Keys, MixedHash } from "./index/key-hash.ts";
import { PageCache, type Run } from "./index/run.ts";
import type { RunMeta } from "./index/run-page.ts";
import { SortedIndex } from "./index/sorted-index.ts";
import { AccountTable } from "./queries/account-table.ts";
import { type ArchiveAnswers, archiveAnswers } from "./queries/transfer-reader.ts";
import type { ArchiveCounts } from "./service/archive-protocol.ts";

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

const TAIL_ENTRIES = 1 << 18;
const RUNS_PER_LEVEL = 8;
const TAIL_BATCHES_MAX = 1 << 18;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Entries to merge per record indexed: above three entries times the levels that a large archive has. */
const MERGED_PER_RECORD = 16;
const RETIRED_MAX = 16;
/** 1 MiB: what is read back is read once. */
const READER_CACHE_PAGES = 64;

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
  readonly #waiting: WaitingBodies;
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
  #indexRebuilds = 0;
  readonly #path: string;
  readonly #damages: DamageTable;
  /** Reads batches back from the file, over a connection that remembers nothing of what was written. */
  readonly #reader: DatabaseSync;
  readonly verifier: Verifier;

  /**
   * Opens the archive in a folder, making it where there is none. Without the folder `index`, where a file of it is damaged
   * or gone, or where another version wrote it, the whole index is built anew from the batches.
   *
   * @throws ArchiveError `archive_corrupt`: the database cannot be used.
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
    for (const index of this.#all) index.tail.clear(this.#written + 1);
    this.#indexer = new BatchIndexer(keys, this.#tails, this.#accounts);
    this.#loadIndexedPositions();
    this.answers = archiveAnswers(
      this.#batches,
      this.#damages,
      this.#accounts,
      keys,
      this.#indexes,
      (shard) => this.indexedPosition(shard),
    );
    this.#reader = new DatabaseSync(this.#path, { readOnly: true });
    this.#reader.exec(`PRAGMA cache_size = ${READER_CACHE_PAGES}`);
    this.verifier = new Verifier(this.#database, this.#reader, this.#batches, this.#damages);
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
      indexRebuilds: this.#indexRebuilds,
    };
  }

  /** The newest stored batch of a shard: a witness for its log, with the batch's time. */
  position(shard: number): StoredPosition | undefined {
    return this.#batches.position(shard);
  }

  /** The newest batch of a shard that is stored and in the index. */
  indexedPosition(shard: number): LogId | undefined {
    return this.#indexedPositions.get(shard);
  }

  /** The batch before a place, as far as there is one. */
  idBefore(shard: number, id: LogId): LogId | undefined {
    return this.#batches.idBefore(shard, id);
  }

  /** Of the database. */
  get bytes(): number {
    return statSync(this.#path).size;
  }

  /** Batches that are damaged, as far as it is known. */
  get damages(): readonly Damage[] {
    return this.#damages.all;
  }

  /**
   * Stores a shard's next batches in one transaction. Those that are stored already are passed over, unless they are
   * damaged: they are put in order.
   *
   * @throws ArchiveError `archive_gap`, `archive_diverged`: nothing was stored; the log is not the one that is archived.
   */
  append(shard: number, batches: readonly Batch[]): void {
    orMalformed(this.#path, () => this.#append(shard, batches));
  }

  #append(shard: number, batches: readonly Batch[]): void {
    for (const batch of this.#batches.damaged(shard, batches)) {
      const damage = this.#damages.at(shard, batch.id);
      const isIndexed = damage?.indexed !== false && damage?.reason !== HAS_NO_LINK;
      // What a list lacks comes into it when the whole index is built anew: entries of a key stand in the order of the log.
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
    const last = this.#batches.last;
    // A sync of the WAL may say yes after an earlier one has failed. What was copied into the database is a new write.
    const done = this.#checkpoint();
    if (done?.["busy"] !== 0 || done["log"] !== done["checkpointed"]) return false;
    this.verifier.synced(last);
    return true;
  }

  /** True when every stored batch is in the index (merging may be left). */
  get isIndexed(): boolean {
    return this.#indexed === this.#batches.last;
  }

  /** Writes the index out, so that the next start has nothing to index again. */
  flush(): void {
    if (this.#written === this.#indexed) return;
    const written = this.#all.map((index) => index.writeTail(++this.#runId));
    const made = written.filter((meta) => meta !== undefined);
    inTransaction(this.#database, () => {
      for (const meta of made) recordRun(this.#database, meta);
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

  /** Throws the index away: it is built anew from the batches, as time allows. */
  rebuildIndex(): void {
    this.#indexRebuilds += 1;
    for (const index of this.#all) index.reset();
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
    for (const index of this.#all) index.close();
    this.#reader.close();
    this.#database.close();
  }

  /** `undefined`: it is damaged. */
  #nextBody(): Waiting | undefined {
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
    const next = this.#nextBody();
    if (next === undefined) return this.#indexAround(this.#indexed + 1);
    const { batch, body } = next;
    this.#makeRoom(batch.count);
    try {
      this.#transfersIndexed += this.#indexer.index(batch.number, batch.shard, body);
    } catch (error) {
      if (!(error instanceof PackError)) throw error;
      const { number, shard, epoch, seq } = batch;
      const reason = `its records cannot be read: ${error.message}`;
      this.#damages.add({ kind: "body", number, shard, id: { epoch, seq }, reason });
      return this.#indexAround(number);
    }
    this.#indexed = batch.number;
    this.#recordsWaiting = Math.max(0, this.#recordsWaiting - batch.count);
    this.#indexedPositions.set(batch.shard, { epoch: batch.epoch, seq: batch.seq });
    return Math.max(1, batch.count);
  }

  /** Leaves a damaged batch out of the index, and remembers that. */
  #indexAround(number: number): number {
    const damage = this.#damages.ofRow(number);
    if (damage !== undefined) {
      this.#damages.add(damage, false);
      const { shard, id } = damage;
      const indexed = shard === null ? undefined : this.#indexedPositions.get(shard);
      const isNext = id !== null && (indexed === undefined || compareLogIds(id, indexed) > 0);
      if (shard !== null && isNext) this.#indexedPositions.set(shard, id);
    }
    this.#indexed = number;
    // How many records a damaged one had is not known: once nothing waits, none does.
    if (this.isIndexed) this.#recordsWaiting = 0;
    return 1;
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
      for (const index of this.#all) index.load(metas);
    } catch (error) {
      if (!(error instanceof ArchiveError && error.code === "index_damaged")) throw error;
      this.#indexRebuilds += 1;
      for (const index of this.#all) index.reset();
      forgetRuns(this.#database);
    }
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
    this.#recordsWaiting = this.#batches.recordsBehind(this.#written);
  }
}
