/** Walks over all stored batches to check them. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LogId } from "../../wal/wal.ts";
import { isMalformed, type Row, rowOf } from "../database.ts";
import { BatchChains, type BatchRow, type Flaw } from "./batch-chain.ts";
import { batchRowOf, checksumOf, FAILS_CHECKSUM, ROW_COLUMNS } from "./batch-row.ts";

/** Missing numbers reported per gap. Bounded, since a damaged page may contain any number. */
const MISSING_MAX = 100_000;

/**
 * Reads an archive's batches from the file, in order of number and incrementally, and checks each by its checksum and
 * by the log's hash chain. Unreadable rows are skipped and reported.
 */
export class BatchWalk {
  readonly #database: DatabaseSync;
  readonly #range: StatementSync;
  readonly #one: StatementSync;
  readonly #chains = new BatchChains();
  /** The newest number that was checked. */
  at: number;
  readonly #onRow: ((row: BatchRow) => void) | undefined;

  /**
   * @param database a separate connection: the writer's page cache would prove nothing about the file.
   * @param from the walk starts after this number, which an earlier walk has reached.
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

  /** The newest checked batch of each shard. */
  get newest(): readonly BatchRow[] {
    return this.#chains.newest;
  }

  get shards(): number | undefined {
    return this.#chains.shards;
  }

  /** Continues up to the number `to`, or until about `bytesMax` bytes were read. */
  step(to: number, bytesMax: number): readonly Flaw[] {
    const flaws: Flaw[] = [];
    let bytes = 0;
    while (this.at < to && bytes < bytesMax) {
      try {
        for (const row of this.#range.iterate(this.at, to) as Iterable<Row>) {
          bytes += this.#check(row, flaws);
          if (bytes >= bytesMax) return flaws;
        }
        this.#passOver(to + 1);
      } catch (error) {
        if (!isMalformed(error)) throw error;
        bytes += this.#checkOne(flaws);
      }
    }
    return flaws;
  }

  /** Ends the walk: flaws that a later row could have explained are reported as damage. */
  finish(): readonly Flaw[] {
    return this.#chains.finish();
  }

  /** Reports the numbers before the next row as missing. */
  #passOver(next: number): void {
    const from = this.at + 1;
    for (let number = from; number < Math.min(next, from + MISSING_MAX); number++)
      this.#chains.missing(number);
    this.at = next - 1;
  }

  /** Reads a single row, because a read over several has failed at a damaged page. */
  #checkOne(flaws: Flaw[]): number {
    try {
      const row = rowOf(this.#one, this.at + 1);
      if (row !== undefined) return this.#check(row, flaws);
      this.#chains.missing(this.at + 1);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      this.#reportUnreadable(this.at + 1, `SQLite says "${error.message}"`, flaws);
    }
    this.at += 1;
    return 1;
  }

  /** The index `batches_by_place` is stored apart from the rows and may still say which batch it was. */
  #reportUnreadable(number: number, reason: string, flaws: Flaw[]): void {
    const at = findBatchId(this.#database, number);
    if (at === undefined) this.#chains.unreadable(number, reason);
    else flaws.push(...this.#chains.unreadableAt(number, at.shard, at.id, reason));
  }

  #check(found: Row, flaws: Flaw[]): number {
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

/** Finds shard and id of a row without reading the row: a full scan of the index `batches_by_place`. */
export function findBatchId(
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

/** The newest row of each shard up to a number. */
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
