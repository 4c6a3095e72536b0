import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LogId } from "../../wal/wal.ts";
import { isMalformed, type Row, rowOf } from "../database.ts";
import { BatchChains, type BatchRow, type Flaw } from "./batch-chain.ts";
import { batchRowOf, checksumOf, FAILS_CHECKSUM, ROW_COLUMNS } from "./batch-row.ts";

/** Of a row of numbers without rows so many are noted: a damaged page can hold any number. */
const MISSING_MAX = 100_000;

/**
 * Reads the batches of an archive from its file in order of their numbers, a portion at a time, and checks each by its
 * checksum and by the log's hash chain. What cannot be read is passed over and reported.
 */
export class BatchWalk {
  readonly #database: DatabaseSync;
  readonly #range: StatementSync;
  readonly #one: StatementSync;
  readonly #chains = new BatchChains();
  /** The newest number that was looked at. */
  at: number;
  readonly #onRow: ((row: BatchRow) => void) | undefined;

  /**
   * @param database a connection of its own: what the writer's remembers in memory would prove nothing.
   * @param from the walk begins behind this number, which an earlier one has reached.
   */
  constructor(database: DatabaseSync, from: number, onRow?: (row: BatchRow) => void) {
    this.#database = database;
    const columns = `SELECT ${ROW_COLUMNS} FROM batches`;
    this.#range = database.prepare(`${columns} WHERE id > ? AND id <= ? ORDER BY id`);
    this.#one = database.prepare(`${columns} WHERE id = ?`);
    this.#onRow = onRow;
    this.at = from;
    if (from > 0) for (const row of newestUpTo(database, from)) this.#chains.begin(row);
  }

  /** By shard, the newest batch that was walked over. */
  get newest(): readonly BatchRow[] {
    return this.#chains.newest;
  }

  get shards(): number | undefined {
    return this.#chains.shards;
  }

  /** Goes on up to the number `to`, or until about `bytesMax` bytes were read. */
  step(to: number, bytesMax: number): readonly Flaw[] {
    const flaws: Flaw[] = [];
    let bytes = 0;
    while (this.at < to && bytes < bytesMax) {
      try {
        for (const row of this.#range.iterate(this.at, to) as Iterable<Row>) {
          bytes += this.#take(row, flaws);
          if (bytes >= bytesMax) return flaws;
        }
        this.#passOver(to + 1);
      } catch (error) {
        if (!isMalformed(error)) throw error;
        bytes += this.#takeOne(flaws);
      }
    }
    return flaws;
  }

  /** Nothing follows for now: what the next row would have shown counts as damage. */
  finish(): readonly Flaw[] {
    return this.#chains.finish();
  }

  /** Notes that the numbers up to the next row have none. */
  #passOver(next: number): void {
    const from = this.at + 1;
    for (let number = from; number < Math.min(next, from + MISSING_MAX); number++)
      this.#chains.missing(number);
    this.at = next - 1;
  }

  /** One row by itself, since a read over several has met a damaged page. */
  #takeOne(flaws: Flaw[]): number {
    try {
      const row = rowOf(this.#one, this.at + 1);
      if (row !== undefined) return this.#take(row, flaws);
      this.#chains.missing(this.at + 1);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      this.#takeUnreadable(this.at + 1, `SQLite says "${error.message}"`, flaws);
    }
    this.at += 1;
    return 1;
  }

  /** The index on places is stored apart from the rows: it may still know which batch it was. */
  #takeUnreadable(number: number, reason: string, flaws: Flaw[]): void {
    const at = findPlace(this.#database, number);
    if (at === undefined) this.#chains.unreadable(number, reason);
    else flaws.push(...this.#chains.unreadableAt(number, at.shard, at.id, reason));
  }

  #take(found: Row, flaws: Flaw[]): number {
    const number = found["id"] as number;
    this.#passOver(number);
    this.at = number;
    const row = batchRowOf(found);
    if (row === undefined) {
      this.#chains.unreadable(number, FAILS_CHECKSUM);
      return 1;
    }
    const isWhole = checksumOf(row) === row.checksum;
    flaws.push(...(isWhole ? this.#chains.accept(row) : this.#chains.damaged(row, FAILS_CHECKSUM)));
    if (isWhole) this.#onRow?.(row);
    return row.body.length + 1;
  }
}

/** Where a row's batch stands, by the index on places: a walk over all of that, since it is not ordered by number. */
export function findPlace(
  database: DatabaseSync,
  number: number,
): Readonly<{ shard: number; id: LogId }> | undefined {
  try {
    const row = database
      .prepare("SELECT shard, epoch, seq FROM batches INDEXED BY batches_by_place WHERE +id = ?")
      .get(number);
    if (row === undefined) return undefined;
    const id = { epoch: row["epoch"] as number, seq: row["seq"] as number };
    return { shard: row["shard"] as number, id };
  } catch (error) {
    if (isMalformed(error)) return undefined;
    throw error;
  }
}

/** Of each shard, the newest whole row up to a number. */
function newestUpTo(database: DatabaseSync, number: number): readonly BatchRow[] {
  const next = database.prepare("SELECT min(shard) AS shard FROM batches WHERE shard > ?");
  const newest = database.prepare(
    `SELECT ${ROW_COLUMNS} FROM batches WHERE shard = ? AND id <= ? ORDER BY epoch DESC, seq DESC LIMIT 1`,
  );
  const rows: BatchRow[] = [];
  for (let shard = -1; ; ) {
    const found = rowOf(next, shard)?.["shard"];
    if (typeof found !== "number") return rows;
    shard = found;
    const row = rowOf(newest, shard, number);
    const batch = row === undefined ? undefined : batchRowOf(row);
    if (batch !== undefined) rows.push(batch);
  }
}
