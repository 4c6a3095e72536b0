/** The archived batches of one shard, as copies of its log. Reads only. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { HASH_BYTES } from "../../wal/frame.ts";
import type { Batch, LogId } from "../../wal/wal.ts";
import { type Row, rowOf } from "../database.ts";
import { batchRowOf, checksumOf, ROW_COLUMNS } from "./batch-row.ts";

export class ArchivedLog {
  readonly #shard: number;
  readonly #newest: StatementSync;
  readonly #after: StatementSync;

  /** @param database an archive's database. */
  constructor(database: DatabaseSync, shard: number) {
    this.#shard = shard;
    const rows = `SELECT ${ROW_COLUMNS} FROM batches WHERE shard = ? AND (epoch, seq)`;
    this.#newest = database.prepare(`${rows} <= (?, ?) ORDER BY epoch DESC, seq DESC LIMIT 1`);
    this.#after = database.prepare(`${rows} > (?, ?) ORDER BY epoch, seq`);
  }

  /** The newest batch at or below an id. */
  newest({ epoch, seq }: LogId): Batch | undefined {
    const row = rowOf(this.#newest, this.#shard, epoch, seq);
    return row === undefined ? undefined : copyOf(row);
  }

  /** The batches above an id, oldest first. */
  *after({ epoch, seq }: LogId): Generator<Batch> {
    for (const row of this.#after.iterate(this.#shard, epoch, seq) as Iterable<Row>) yield copyOf(row);
  }
}

/** A damaged batch gets a hash that no frame has, so that nobody takes it for a copy. */
function copyOf(row: Row): Batch {
  const batch = batchRowOf(row);
  if (batch !== undefined && checksumOf(batch) === batch.checksum) return batch;
  const id = { epoch: row["epoch"] as number, seq: row["seq"] as number };
  return { id, timeMs: 0, count: 0, body: new Uint8Array(0), hash: new Uint8Array(HASH_BYTES) };
}
