import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { recordOffsets } from "../actors/pack-reader.ts";
import { type Batch, compareLogIds, formatLogId, type Witness } from "../wal/wal.ts";
import { ArchiveError } from "./archive-error.ts";
import { type Row, rowOf } from "./database.ts";

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

/** Descriptions of batches kept in memory, and bytes of bodies: both only to spare reading them twice. */
const DESCRIPTIONS_MAX = 16_384;
const BODIES_BYTES_MAX = 32 * 1024 * 1024;

/** The batches of all shards as they came, one row each: the archive's own truth. */
export class BatchTable {
  readonly #insert: StatementSync;
  readonly #describe: StatementSync;
  readonly #find: StatementSync;
  readonly #read: StatementSync;
  readonly #hash: StatementSync;
  readonly #all: StatementSync;
  readonly #positions = new Map<number, Witness & Readonly<{ timeMs: number }>>();
  readonly #descriptions = new Map<number, StoredBatch>();
  readonly #bodies = new Map<number, OpenBatch>();
  #bodiesBytes = 0;
  #last: number;

  constructor(database: DatabaseSync) {
    const columns = "id, shard, epoch, seq, time_ms, count";
    this.#insert = database.prepare("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#describe = database.prepare(`SELECT ${columns} FROM batches WHERE id = ?`);
    this.#find = database.prepare(`SELECT ${columns} FROM batches WHERE shard = ? AND epoch = ? AND seq = ?`);
    this.#read = database.prepare(`SELECT ${columns}, checksum, body FROM batches WHERE id = ?`);
    this.#hash = database.prepare("SELECT hash FROM batches WHERE shard = ? AND epoch = ? AND seq = ?");
    this.#all = database.prepare(
      `SELECT ${columns}, hash FROM batches WHERE shard = ? ORDER BY shard, epoch, seq`,
    );
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

  position(shard: number): (Witness & Readonly<{ timeMs: number }>) | undefined {
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

  /** Stores batches that `missing` returned, within the caller's transaction; returns the first one's number. */
  insert(shard: number, batches: readonly Batch[]): number {
    let number = this.#last;
    for (const { id, timeMs, count, hash, body } of batches) {
      number += 1;
      const checksum = checksumOf({ number, shard, epoch: id.epoch, seq: id.seq, timeMs, count }, body);
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

  /** @throws ArchiveError `archive_corrupt`: the index names a batch that is not there. */
  describe(number: number): StoredBatch {
    const known = this.#descriptions.get(number);
    if (known !== undefined) return known;
    const row = rowOf(this.#describe, number);
    if (row === undefined) throw new ArchiveError("archive_corrupt", `batch ${number} is not in the archive`);
    const batch = described(row);
    if (this.#descriptions.size >= DESCRIPTIONS_MAX) this.#descriptions.clear();
    this.#descriptions.set(number, batch);
    return batch;
  }

  find(shard: number, epoch: number, seq: number): StoredBatch | undefined {
    const row = rowOf(this.#find, shard, epoch, seq);
    return row === undefined ? undefined : described(row);
  }

  /** @throws ArchiveError `archive_corrupt`: it is missing or does not match its checksum. */
  read(number: number): StoredBatch & Readonly<{ body: Uint8Array }> {
    const row = rowOf(this.#read, number);
    if (row === undefined) throw new ArchiveError("archive_corrupt", `batch ${number} is not in the archive`);
    const batch = { ...described(row), body: row["body"] as Uint8Array };
    if (checksumOf(batch, batch.body) !== row["checksum"]) {
      const place = `${batch.shard}:${batch.epoch}-${batch.seq}`;
      throw new ArchiveError("archive_corrupt", `the archived batch ${place} fails its checksum`);
    }
    return batch;
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
   * @throws ArchiveError `archive_corrupt`: one does not match its checksum.
   */
  *all(shard: number): Generator<Batch> {
    const rows = this.#all.iterate(shard) as Iterable<Row>;
    for (const row of rows) {
      const { number, epoch, seq, timeMs, count } = described(row);
      const { body } = this.read(number);
      yield { id: { epoch, seq }, timeMs, count, body, hash: row["hash"] as Uint8Array };
    }
  }

  #compareStored(shard: number, batch: Batch): void {
    const row = rowOf(this.#hash, shard, batch.id.epoch, batch.id.seq);
    const stored = row?.["hash"] as Uint8Array | undefined;
    if (stored !== undefined && Buffer.compare(stored, batch.hash) === 0) return;
    const id = formatLogId(batch.id);
    throw new ArchiveError(
      "archive_diverged",
      `shard ${shard}: the log's batch ${id} is not the one in the archive`,
    );
  }

  #loadPositions(database: DatabaseSync): void {
    // One jump per shard through the index on places; a plain GROUP BY would walk all of it.
    const next = database.prepare("SELECT min(shard) AS shard FROM batches WHERE shard > ?");
    const newest = database.prepare(
      "SELECT epoch, seq, time_ms, hash FROM batches WHERE shard = ? ORDER BY epoch DESC, seq DESC LIMIT 1",
    );
    for (let shard = -1; ; ) {
      const found = rowOf(next, shard)?.["shard"] as number | null | undefined;
      if (found === null || found === undefined) return;
      shard = found;
      const row = rowOf(newest, shard) as Row;
      const id = { epoch: row["epoch"] as number, seq: row["seq"] as number };
      this.#positions.set(shard, { id, hash: row["hash"] as Uint8Array, timeMs: row["time_ms"] as number });
    }
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

/** Covers the figures of the row too: a batch under another place would be as wrong as another body. */
function checksumOf(batch: StoredBatch, body: Uint8Array): number {
  const { number, shard, epoch, seq, timeMs, count } = batch;
  return crc32(body, crc32(new Uint8Array(Float64Array.of(number, shard, epoch, seq, timeMs, count).buffer)));
}
