/** Removes the newest batches of a shard from an archive, offline: the log no longer has them, and nobody will restore them. */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../../sqlite-transaction.ts";
import { syncFolder } from "../../sync-folder.ts";
import type { LogId } from "../../wal/wal.ts";
import { openDatabase, putSetting, type Row, rowOf, setting } from "../database.ts";
import { batchRowOf, checksumOf, ROW_COLUMNS } from "./batch-row.ts";
import { NO_INDEX_FORMAT } from "./repair.ts";

/** Walks over the archive that continue at the number stored under these names. */
const PROGRESS = ["verified", "scrubbed"] as const;

/**
 * Moves the batches of a shard above `after` into another archive, which may hold some already. It may be interrupted
 * and called again.
 *
 * @param folder of the archive. @param target folder of the other archive; created if it does not exist.
 * @returns the number of batches that were moved.
 */
export function moveNewest(folder: string, shard: number, after: LogId, target: string): number {
  const database = openDatabase(join(folder, "archive.sqlite"));
  try {
    const rows = newestRows(database, shard, after);
    const [first] = rows;
    if (first === undefined) return 0;
    copyInto(target, database, rows);
    inTransaction(database, () => remove(database, shard, after, first));
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return rows.length;
  } finally {
    database.close();
  }
}

/** The numbers of the rows above an id, in order of number. */
function newestRows(database: DatabaseSync, shard: number, { epoch, seq }: LogId): readonly number[] {
  return database
    .prepare("SELECT id FROM batches WHERE shard = ? AND (epoch, seq) > (?, ?) ORDER BY id")
    .all(shard, epoch, seq)
    .map((row) => row["id"] as number);
}

/** Durable before it returns, since the rows are removed after it. */
function copyInto(target: string, source: DatabaseSync, numbers: readonly number[]): void {
  const copy = openDatabase(join(target, "archive.sqlite"));
  const read = source.prepare(`SELECT ${ROW_COLUMNS} FROM batches WHERE id = ?`);
  const insert = copy.prepare("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  let last = (copy.prepare("SELECT max(id) AS last FROM batches").get()?.["last"] as number | null) ?? 0;
  try {
    inTransaction(copy, () => {
      for (const number of numbers) {
        const row = rowOf(read, number);
        const batch = row === undefined ? undefined : batchRowOf(row);
        // A damaged batch has nothing that could be kept.
        if (batch === undefined || checksumOf(batch) !== batch.checksum) continue;
        const { shard, id, timeMs, count, hash, body } = batch;
        const checksum = checksumOf({ ...batch, number: last + 1 });
        const { changes } = insert.run(
          last + 1,
          shard,
          id.epoch,
          id.seq,
          timeMs,
          count,
          checksum,
          hash,
          body,
        );
        last += Number(changes);
      }
    });
    copy.exec("PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    copy.close();
  }
  syncFolder(target);
}

/** @param first number of the first row to remove. */
function remove(database: DatabaseSync, shard: number, { epoch, seq }: LogId, first: number): void {
  database.prepare("DELETE FROM batches WHERE shard = ? AND (epoch, seq) > (?, ?)").run(shard, epoch, seq);
  renumber(database, first);
  const damaged = database
    .prepare("DELETE FROM damage WHERE number >= ? OR number IS NULL")
    .run(first).changes;
  for (const name of PROGRESS)
    putSetting(
      database,
      name,
      Math.min(
        first - 1,
        setting(database, name, () => 0),
      ),
    );
  const isIndexed = setting(database, "written", () => 0) >= first;
  if (!isIndexed && damaged === 0) return;
  putSetting(database, "index_format", NO_INDEX_FORMAT);
  database.exec("DELETE FROM accounts");
}

/** Closes the gaps in the numbers from `first` on. A number is part of its row's checksum. */
function renumber(database: DatabaseSync, first: number): void {
  const next = database.prepare(`SELECT ${ROW_COLUMNS} FROM batches WHERE id >= ? ORDER BY id LIMIT 1`);
  const move = database.prepare("UPDATE batches SET id = ?, checksum = ? WHERE id = ?");
  for (let number = first; ; number += 1) {
    const row: Row | undefined = rowOf(next, number);
    if (row === undefined) return;
    const batch = batchRowOf(row);
    const isWhole = batch !== undefined && checksumOf(batch) === batch.checksum;
    // A damaged row stays one.
    const checksum = isWhole ? checksumOf({ ...batch, number }) : (row["checksum"] as number);
    move.run(number, checksum, row["id"] as number);
  }
}
