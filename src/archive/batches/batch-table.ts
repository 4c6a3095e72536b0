/** The table `batches`: stores, finds and restores archived batches. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { recordOffsets } from "../../actors/records/pack-reader.ts";
import { NO_BATCH } from "../../wal/frame.ts";
import { type Batch, compareLogIds, formatLogId, type LogId, type Witness } from "../../wal/wal.ts";
import { ArchiveError } from "../archive-error.ts";
import { isMalformed, type Row, rowOf } from "../database.ts";
import { type BatchRow, type Flaw, findShards, isSameHash } from "./batch-chain.ts";
import { batchRowOf, checksumOf, FAILS_CHECKSUM, ROW_COLUMNS } from "./batch-row.ts";
import { findBatchId } from "./batch-walk.ts";
import { type Damage, type DamageTable, damageError } from "./damage-table.ts";

/** A stored batch without its records. `number` is its row id: order of arrival, from 1. */
export type StoredBatch = Readonly<{
  number: number;
  shard: number;
  epoch: number;
  seq: number;
  timeMs: number;
  count: number;
}>;

/** A batch with a correct checksum. `offsets` has the start of each record and the end of the last. */
export type OpenBatch = StoredBatch & Readonly<{ body: Uint8Array; offsets: Uint32Array }>;

/** The newest batch of a shard. `unproven`: its hash could not be verified. */
export type StoredPosition = Witness & Readonly<{ timeMs: number; unproven?: boolean }>;

/** Bounds of the two caches: descriptions of batches, and bytes of bodies. */
const DESCRIPTIONS_MAX = 16_384;
const BODIES_BYTES_MAX = 32 * 1024 * 1024;
/** Damaged rows at the end of a shard that are skipped to find its newest batch. */
const DAMAGED_TAIL_MAX = 1_000;

/** The batches of all shards in order of arrival, one row each. The index is derived from them. */
export class BatchTable {
  readonly #insert: StatementSync;
  readonly #describe: StatementSync;
  readonly #find: StatementSync;
  readonly #read: StatementSync;
  readonly #before: StatementSync;
  readonly #after: StatementSync;
  readonly #replace: StatementSync;
  readonly #database: DatabaseSync;
  /** Absent if the archive is opened only for reading. */
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

  /** The number of the newest batch; 0 if there is none. */
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
   * The given batches that are not stored yet.
   *
   * @throws ArchiveError `archive_gap`: batches between the newest stored one and these are missing.
   * @throws ArchiveError `archive_diverged`: a stored batch has another hash than the given one.
   */
  missing(shard: number, batches: readonly Batch[]): readonly Batch[] {
    const missing: Batch[] = [];
    let last = this.#positions.get(shard)?.id;
    for (const batch of batches) {
      if (last !== undefined && compareLogIds(batch.id, last) <= 0) {
        this.#compareStored(shard, batch);
        continue;
      }
      // An epoch's first batch has seq 1. Ids do not say how many batches the previous epoch had.
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

  /** The given batches whose rows are known to be damaged. */
  damaged(shard: number, batches: readonly Batch[]): readonly Batch[] {
    if (this.#damages === undefined || this.#damages.size === 0) return [];
    return batches.filter(({ id }) => this.#damages?.at(shard, id) !== undefined);
  }

  /**
   * Replaces a damaged batch by an intact copy, if the hash chain proves that it is the same batch.
   *
   * @returns whether it was replaced.
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

  /** Whether the hash in its own row, the previous row or the next row proves the batch. */
  #isProven(shard: number, batch: Batch, { number, kind }: Damage): boolean {
    const { epoch, seq } = batch.id;
    const before = this.#neighbour(this.#before, shard, batch.id) ?? NO_BATCH;
    const shards = findShards(before, batch);
    if (shards !== undefined) return true;
    if (kind === "body" && number !== null) {
      const stored = this.#unlessMalformed(() => rowOf(this.#read, number));
      const isHere = stored?.["shard"] === shard && stored["epoch"] === epoch && stored["seq"] === seq;
      if (isHere && isSameHash(stored["hash"] as Uint8Array, batch.hash)) return true;
    }
    const after = this.#neighbour(this.#after, shard, batch.id);
    return after !== undefined && findShards({ id: batch.id, hash: batch.hash }, after) !== undefined;
  }

  #neighbour(statement: StatementSync, shard: number, { epoch, seq }: LogId): BatchRow | undefined {
    const row = this.#unlessMalformed(() => rowOf(statement, shard, epoch, seq));
    return row === undefined ? undefined : batchRowOf(row);
  }

  /** The result of a read; `undefined` if it fails at a damaged page. */
  #unlessMalformed<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (isMalformed(error)) return undefined;
      throw error;
    }
  }

  /** Inserts batches that `missing` returned, in the caller's transaction. @returns the number of the first. */
  insert(shard: number, batches: readonly Batch[]): number {
    let number = this.#last;
    for (const { id, timeMs, count, hash, body } of batches) {
      number += 1;
      const checksum = checksumOf({ number, shard, id, timeMs, count, body });
      this.#insert.run(number, shard, id.epoch, id.seq, timeMs, count, checksum, hash, body);
    }
    return this.#last + 1;
  }

  /** Call once the transaction of `insert` has committed. */
  committed(shard: number, batches: readonly Batch[]): void {
    const newest = batches.at(-1);
    if (newest === undefined) return;
    this.#last += batches.length;
    this.#positions.set(shard, { id: newest.id, hash: newest.hash, timeMs: newest.timeMs });
  }

  /** The batch without its body. @throws ArchiveError `archive_damaged`: the batch's shard and id are unknown. */
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
    // Throws, and records the damage.
    return this.read(number);
  }

  /** A damaged batch gets the time of the previous one, so that lists stay sorted by time. */
  #describeDamaged(number: number, damage: Damage): StoredBatch {
    const { shard, id } = damage;
    if (shard === null || id === null) throw damageError(damage);
    const timeMs = this.#neighbour(this.#before, shard, id)?.timeMs ?? 0;
    return { number, shard, ...id, timeMs, count: 0 };
  }

  /** Number of records after a batch. If a damaged page hides it, each batch counts as one record. */
  recordsBehind(number: number): number {
    const records = this.#database.prepare("SELECT sum(count) AS records FROM batches WHERE id > ?");
    const found = this.#unlessMalformed(() => records.get(number));
    return found === undefined ? this.#last - number : ((found["records"] as number | null) ?? 0);
  }

  /** Times of the batches before and after `id`, ms since 1970. */
  timesAround(shard: number, id: LogId): Readonly<{ fromMs: number; toMs: number }> {
    const fromMs = this.#neighbour(this.#before, shard, id)?.timeMs ?? 0;
    const toMs = this.#neighbour(this.#after, shard, id)?.timeMs ?? Number.POSITIVE_INFINITY;
    return { fromMs, toMs };
  }

  /** Id and hash of the batch before `id`. */
  witnessBefore(shard: number, id: LogId): Witness {
    return this.#neighbour(this.#before, shard, id) ?? NO_BATCH;
  }

  /** The server's number of shards, derived from the batch before `id`. */
  shardsBefore(shard: number, id: LogId): number | undefined {
    const row = this.#neighbour(this.#before, shard, id);
    return row === undefined ? undefined : findShards(this.witnessBefore(shard, row.id), row);
  }

  /** The id of the batch before `id`, if there is one. */
  idBefore(shard: number, id: LogId): LogId | undefined {
    return this.#neighbour(this.#before, shard, id)?.id;
  }

  /** The id of the batch after `id`, if there is one. */
  idAfter(shard: number, id: LogId): LogId | undefined {
    return this.#neighbour(this.#after, shard, id)?.id;
  }

  /** Finds a batch by id. @throws ArchiveError `archive_damaged`: it is damaged. */
  find(shard: number, epoch: number, seq: number): StoredBatch | undefined {
    const id = { epoch, seq };
    const damage = this.#damages?.at(shard, id);
    if (damage !== undefined && damage.kind !== "hash") throw damageError(damage);
    try {
      const row = rowOf(this.#find, shard, epoch, seq);
      return row === undefined ? undefined : described(row);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      throw damageError({ number: null, shard, id, reason: `SQLite says "${error.message}"` });
    }
  }

  /** Reads a batch and checks its checksum. @throws ArchiveError `archive_damaged`: the damage is recorded, too. */
  read(number: number): StoredBatch & Readonly<{ body: Uint8Array; hash: Uint8Array }> {
    const known = this.#damages?.ofRow(number);
    if (known !== undefined && known.kind !== "hash") throw damageError(known);
    const unknown = { number, shard: null, id: null };
    let row: Row | undefined;
    try {
      row = rowOf(this.#read, number);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      const reason = `SQLite says "${error.message}"`;
      throw this.#recordFlaw({ kind: "body", ...unknown, ...findBatchId(this.#database, number), reason });
    }
    if (row === undefined) throw this.#recordFlaw({ kind: "missing", ...unknown, reason: "its row is gone" });
    const batch = batchRowOf(row);
    if (batch === undefined || checksumOf(batch) !== batch.checksum) {
      const { shard = null, id = null } = batch ?? {};
      throw this.#recordFlaw({ kind: "body", number, shard, id, reason: FAILS_CHECKSUM });
    }
    return { ...described(row), body: batch.body, hash: batch.hash };
  }

  /** Records a flaw. @returns the error to throw. */
  #recordFlaw(flaw: Flaw): ArchiveError {
    this.#damages?.add(flaw);
    return damageError(this.#damages?.ofRow(flaw.number ?? 0) ?? flaw);
  }

  /** Opens a batch for reading single records. */
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
    // One seek per shard in the index; a GROUP BY would scan all of it.
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
   * The newest batch of a shard. A damaged one counts if its id is the successor of the previous batch, so that
   * fetching continues after it. Its hash is unproven then, so that it is not used as a witness against the log.
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
