import type { DatabaseSync, StatementSync } from "node:sqlite";
import { recordOffsets } from "../../actors/records/pack-reader.ts";
import { NO_BATCH } from "../../wal/frame.ts";
import { type Batch, compareLogIds, formatLogId, type LogId, type Witness } from "../../wal/wal.ts";
import { ArchiveError } from "../archive-error.ts";
import { isMalformed, type Row, rowOf } from "../database.ts";
import { type BatchRow, type Flaw, findShards, isSameHash } from "./batch-chain.ts";
import { batchRowOf, checksumOf, FAILS_CHECKSUM, ROW_COLUMNS } from "./batch-row.ts";
import { findPlace } from "./batch-walk.ts";
import { type Damage, type DamageTable, damaged } from "./damage-table.ts";

/** A stored batch without its records. `number` is its place in the archive, in order of arrival, from 1. */
export type StoredBatch = Readonly<{
  number: number;
  shard: number;
  epoch: number;
  seq: number;
  timeMs: number;
  count: number;
}>;

/** A batch whose checksum was compared; `offsets` says where each record begins, and where the last ends. */
export type OpenBatch = StoredBatch & Readonly<{ body: Uint8Array; offsets: Uint32Array }>;

/** Where a shard's batches end. `unproven`: its hash is not known to be right. */
export type StoredPosition = Witness & Readonly<{ timeMs: number; unproven?: boolean }>;

/** Descriptions of batches kept in memory, and bytes of bodies: both only to spare reading them twice. */
const DESCRIPTIONS_MAX = 16_384;
const BODIES_BYTES_MAX = 32 * 1024 * 1024;
/** So many damaged rows at the end of a shard are stepped back over. */
const DAMAGED_TAIL_MAX = 1_000;

/** The batches of all shards as they came, one row each: the archive's own truth. */
export class BatchTable {
  readonly #insert: StatementSync;
  readonly #describe: StatementSync;
  readonly #find: StatementSync;
  readonly #read: StatementSync;
  readonly #before: StatementSync;
  readonly #after: StatementSync;
  readonly #replace: StatementSync;
  readonly #database: DatabaseSync;
  /** Absent where the archive is only read. */
  readonly #damages: DamageTable | undefined;
  readonly #all: StatementSync;
  readonly #positions = new Map<number, StoredPosition>();
  readonly #descriptions = new Map<number, StoredBatch>();
  readonly #bodies = new Map<number, OpenBatch>();
  #bodiesBytes = 0;
  #last: number;

  constructor(database: DatabaseSync, damages?: DamageTable) {
    this.#database = database;
    this.#damages = damages;
    const columns = "id, shard, epoch, seq, time_ms, count, hash";
    this.#insert = database.prepare("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#describe = database.prepare(`SELECT ${columns} FROM batches WHERE id = ?`);
    this.#find = database.prepare(`SELECT ${columns} FROM batches WHERE shard = ? AND epoch = ? AND seq = ?`);
    this.#read = database.prepare(`SELECT ${ROW_COLUMNS} FROM batches WHERE id = ?`);
    const neighbour = `SELECT ${ROW_COLUMNS} FROM batches WHERE shard = ?1 AND (epoch, seq)`;
    this.#before = database.prepare(`${neighbour} < (?2, ?3) ORDER BY epoch DESC, seq DESC LIMIT 1`);
    this.#after = database.prepare(`${neighbour} > (?2, ?3) ORDER BY epoch, seq LIMIT 1`);
    this.#replace = database.prepare("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#all = database.prepare("SELECT id FROM batches WHERE shard = ? ORDER BY shard, epoch, seq");
    this.#last =
      (database.prepare("SELECT max(id) AS last FROM batches").get()?.["last"] as number | null) ?? 0;
    this.#loadPositions(database);
  }

  /** The number of the newest batch; 0 when there is none. */
  get last(): number {
    return this.#last;
  }

  get shards(): readonly number[] {
    return [...this.#positions.keys()];
  }

  position(shard: number): StoredPosition | undefined {
    return this.#positions.get(shard);
  }

  /**
   * Those of `batches` that are not stored yet.
   *
   * @throws ArchiveError `archive_gap`: something between the position and these is missing.
   * @throws ArchiveError `archive_diverged`: a batch that is stored has another hash here.
   */
  missing(shard: number, batches: readonly Batch[]): readonly Batch[] {
    const missing: Batch[] = [];
    let last = this.#positions.get(shard)?.id;
    for (const batch of batches) {
      if (last !== undefined && compareLogIds(batch.id, last) <= 0) {
        this.#compareStored(shard, batch);
        continue;
      }
      // An epoch's first batch has seq 1; how many batches the epoch before had is in no id.
      const expected = last !== undefined && last.epoch === batch.id.epoch ? last.seq + 1 : 1;
      if (batch.id.seq !== expected) {
        const held = last === undefined ? "nothing" : formatLogId(last);
        throw new ArchiveError(
          "archive_gap",
          `shard ${shard}: the archive holds ${held}, the log continues at ${formatLogId(batch.id)}`,
        );
      }
      last = batch.id;
      missing.push(batch);
    }
    return missing;
  }

  /** Those of `batches` whose rows are known to be damaged. */
  damaged(shard: number, batches: readonly Batch[]): readonly Batch[] {
    if (this.#damages === undefined || this.#damages.size === 0) return [];
    return batches.filter(({ id }) => this.#damages?.at(shard, id) !== undefined);
  }

  /**
   * Puts a whole batch in the place of a damaged one, if the hash chain proves that it is the same batch.
   *
   * @returns whether it does.
   */
  restore(shard: number, batch: Batch): boolean {
    const damage = this.#damages?.at(shard, batch.id);
    if (damage === undefined || damage.number === null || !this.#isProven(shard, batch, damage)) return false;
    const { number } = damage;
    const { id, timeMs, count, hash, body } = batch;
    const checksum = checksumOf({ number, shard, id, timeMs, count, body });
    this.#replace.run(number, shard, id.epoch, id.seq, timeMs, count, checksum, hash, body);
    this.#damages?.remove(damage);
    this.#descriptions.delete(number);
    this.#bodies.delete(number);
    const position = this.#positions.get(shard);
    if (position === undefined || compareLogIds(position.id, id) <= 0)
      this.#positions.set(shard, { id, hash, timeMs });
    return true;
  }

  /** By its own row, by the row before it, or by the one behind it. */
  #isProven(shard: number, batch: Batch, { number, kind }: Damage): boolean {
    const { epoch, seq } = batch.id;
    const before = this.#neighbour(this.#before, shard, batch.id) ?? NO_BATCH;
    const shards = findShards(before, batch);
    if (shards !== undefined) return true;
    if (kind === "body" && number !== null) {
      const stored = this.#quietly(() => rowOf(this.#read, number));
      const isHere = stored?.["shard"] === shard && stored["epoch"] === epoch && stored["seq"] === seq;
      if (isHere && isSameHash(stored["hash"] as Uint8Array, batch.hash)) return true;
    }
    const after = this.#neighbour(this.#after, shard, batch.id);
    return after !== undefined && findShards({ id: batch.id, hash: batch.hash }, after) !== undefined;
  }

  #neighbour(statement: StatementSync, shard: number, { epoch, seq }: LogId): BatchRow | undefined {
    const row = this.#quietly(() => rowOf(statement, shard, epoch, seq));
    return row === undefined ? undefined : batchRowOf(row);
  }

  /** `undefined` where a damaged page is in the way. */
  #quietly<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (isMalformed(error)) return undefined;
      throw error;
    }
  }

  /** Stores batches that `missing` returned, within the caller's transaction; returns the first one's number. */
  insert(shard: number, batches: readonly Batch[]): number {
    let number = this.#last;
    for (const { id, timeMs, count, hash, body } of batches) {
      number += 1;
      const checksum = checksumOf({ number, shard, id, timeMs, count, body });
      this.#insert.run(number, shard, id.epoch, id.seq, timeMs, count, checksum, hash, body);
    }
    return this.#last + 1;
  }

  /** The transaction that stored them is committed: they count. */
  committed(shard: number, batches: readonly Batch[]): void {
    const newest = batches.at(-1);
    if (newest === undefined) return;
    this.#last += batches.length;
    this.#positions.set(shard, { id: newest.id, hash: newest.hash, timeMs: newest.timeMs });
  }

  /** @throws ArchiveError `archive_damaged`: nobody knows any more where this batch stands. */
  describe(number: number): StoredBatch {
    const known = this.#descriptions.get(number);
    if (known !== undefined) return known;
    const damage = this.#damages?.ofRow(number);
    const isDamaged = damage !== undefined && damage.kind !== "hash";
    const batch = isDamaged ? this.#describeDamaged(number, damage) : this.#describeWhole(number);
    if (this.#descriptions.size >= DESCRIPTIONS_MAX) this.#descriptions.clear();
    this.#descriptions.set(number, batch);
    return batch;
  }

  #describeWhole(number: number): StoredBatch {
    try {
      const row = rowOf(this.#describe, number);
      if (row !== undefined) return described(row);
    } catch (error) {
      if (!isMalformed(error)) throw error;
    }
    // Says what is wrong with it, and remembers that.
    return this.read(number);
  }

  /** Lists are searched by place: a damaged batch has the time of the one before it. */
  #describeDamaged(number: number, damage: Damage): StoredBatch {
    const { shard, id } = damage;
    if (shard === null || id === null) throw damaged(damage);
    const timeMs = this.#neighbour(this.#before, shard, id)?.timeMs ?? 0;
    return { number, shard, ...id, timeMs, count: 0 };
  }

  /** How many records come behind a number; where a damaged page hides them, each batch counts as one. */
  recordsBehind(number: number): number {
    const records = this.#database.prepare("SELECT sum(count) AS records FROM batches WHERE id > ?");
    const found = this.#quietly(() => records.get(number));
    return found === undefined ? this.#last - number : ((found["records"] as number | null) ?? 0);
  }

  /** The times of the batches before and behind a place. */
  timesAround(shard: number, id: LogId): Readonly<{ fromMs: number; toMs: number }> {
    const fromMs = this.#neighbour(this.#before, shard, id)?.timeMs ?? 0;
    const toMs = this.#neighbour(this.#after, shard, id)?.timeMs ?? Number.POSITIVE_INFINITY;
    return { fromMs, toMs };
  }

  /** The batch before a place, with its hash. */
  witnessBefore(shard: number, id: LogId): Witness {
    return this.#neighbour(this.#before, shard, id) ?? NO_BATCH;
  }

  /** The server's number of shards, as the batch before a place shows it. */
  shardsBefore(shard: number, id: LogId): number | undefined {
    const row = this.#neighbour(this.#before, shard, id);
    return row === undefined ? undefined : findShards(this.witnessBefore(shard, row.id), row);
  }

  /** The batch before a place, as far as there is one. */
  idBefore(shard: number, id: LogId): LogId | undefined {
    return this.#neighbour(this.#before, shard, id)?.id;
  }

  /** @throws ArchiveError `archive_damaged`: its row cannot be found any more. */
  find(shard: number, epoch: number, seq: number): StoredBatch | undefined {
    const id = { epoch, seq };
    const damage = this.#damages?.at(shard, id);
    if (damage !== undefined && damage.kind !== "hash") throw damaged(damage);
    try {
      const row = rowOf(this.#find, shard, epoch, seq);
      return row === undefined ? undefined : described(row);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      throw damaged({ number: null, shard, id, reason: `SQLite says "${error.message}"` });
    }
  }

  /** @throws ArchiveError `archive_damaged`: it is gone, or is not what was stored. From then on that is known. */
  read(number: number): StoredBatch & Readonly<{ body: Uint8Array; hash: Uint8Array }> {
    const known = this.#damages?.ofRow(number);
    if (known !== undefined && known.kind !== "hash") throw damaged(known);
    const nowhere = { number, shard: null, id: null };
    let row: Row | undefined;
    try {
      row = rowOf(this.#read, number);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      const reason = `SQLite says "${error.message}"`;
      throw this.#found({ kind: "body", ...nowhere, ...findPlace(this.#database, number), reason });
    }
    if (row === undefined) throw this.#found({ kind: "missing", ...nowhere, reason: "its row is gone" });
    const batch = batchRowOf(row);
    if (batch === undefined || checksumOf(batch) !== batch.checksum) {
      const { shard = null, id = null } = batch ?? {};
      throw this.#found({ kind: "body", number, shard, id, reason: FAILS_CHECKSUM });
    }
    return { ...described(row), body: batch.body, hash: batch.hash };
  }

  /** Remembers what was found. */
  #found(flaw: Flaw): ArchiveError {
    this.#damages?.add(flaw);
    return damaged(this.#damages?.ofRow(flaw.number ?? 0) ?? flaw);
  }

  /** A batch for reading single records. */
  open(number: number): OpenBatch {
    const known = this.#bodies.get(number);
    if (known !== undefined) return known;
    const batch = this.read(number);
    const opened = { ...batch, offsets: recordOffsets(batch.body) };
    if (this.#bodiesBytes > BODIES_BYTES_MAX) {
      this.#bodies.clear();
      this.#bodiesBytes = 0;
    }
    this.#bodies.set(number, opened);
    this.#bodiesBytes += opened.body.length + opened.offsets.byteLength;
    return opened;
  }

  /**
   * All batches of a shard, oldest first.
   *
   * @throws ArchiveError `archive_damaged`: one does not match its checksum.
   */
  *all(shard: number): Generator<Batch> {
    const rows = this.#all.iterate(shard) as Iterable<Row>;
    for (const row of rows) {
      const { epoch, seq, timeMs, count, body, hash } = this.read(row["id"] as number);
      yield { id: { epoch, seq }, timeMs, count, body, hash };
    }
  }

  #compareStored(shard: number, batch: Batch): void {
    if (this.#damages?.at(shard, batch.id) !== undefined) return;
    const { epoch, seq } = batch.id;
    const stored = rowOf(this.#find, shard, epoch, seq)?.["hash"] as Uint8Array | undefined;
    if (stored !== undefined && isSameHash(stored, batch.hash)) return;
    const id = formatLogId(batch.id);
    throw new ArchiveError(
      "archive_diverged",
      `shard ${shard}: the log's batch ${id} is not the one in the archive`,
    );
  }

  #loadPositions(database: DatabaseSync): void {
    // One jump per shard through the index on places; a plain GROUP BY would walk all of it.
    const next = database.prepare("SELECT min(shard) AS shard FROM batches WHERE shard > ?");
    for (let shard = -1; ; ) {
      const found = rowOf(next, shard)?.["shard"] as number | null | undefined;
      if (found === null || found === undefined) return;
      shard = found;
      const newest = this.#newest(shard);
      if (newest !== undefined) this.#positions.set(shard, newest);
    }
  }

  /**
   * The newest batch. A damaged one keeps its place if that is the one behind the batch before it: what comes next is asked
   * for by id. But its hash is no witness then: it would accuse the log.
   */
  #newest(shard: number): StoredPosition | undefined {
    let at: LogId = { epoch: Number.MAX_SAFE_INTEGER, seq: 0 };
    for (let i = 0; i < DAMAGED_TAIL_MAX; i++) {
      const row = rowOf(this.#before, shard, at.epoch, at.seq);
      const batch = row === undefined ? undefined : batchRowOf(row);
      if (batch === undefined) return undefined;
      const { number, id, hash, timeMs } = batch;
      const before = this.#neighbour(this.#before, shard, id) ?? NO_BATCH;
      if (checksumOf(batch) === batch.checksum) {
        const isProven = findShards(before, batch) !== undefined;
        return { id, hash, timeMs, ...(!isProven && { unproven: true }) };
      }
      this.#damages?.add({ kind: "body", number, shard, id, reason: FAILS_CHECKSUM });
      const isNext = id.seq === (id.epoch === before.id.epoch ? before.id.seq + 1 : 1);
      if (isNext) return { id, hash, timeMs, unproven: true };
      at = id;
    }
    return undefined;
  }
}

function described(row: Row): StoredBatch {
  return {
    number: row["id"] as number,
    shard: row["shard"] as number,
    epoch: row["epoch"] as number,
    seq: row["seq"] as number,
    timeMs: row["time_ms"] as number,
    count: row["count"] as number,
  };
}
