/**
 * Reads the batches of the archive of a server that may be running, in the order of each shard's log. The archive holds
 * every durable batch from the first one on, whatever stores the log, so one reader serves for old and new batches.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { findShards, isSameHash } from "../archive/batches/batch-chain.ts";
import { batchRowOf, checksumOf, FAILS_CHECKSUM, ROW_COLUMNS } from "../archive/batches/batch-row.ts";
import { isMalformed } from "../archive/database.ts";
import { NO_BATCH } from "../wal/frame.ts";
import { readOnce } from "../wal/sqlite/sqlite-read-only.ts";
import { type Batch, formatLogId, type LogId, type Witness } from "../wal/wal.ts";

export type ArchivedBatch = Batch & Readonly<{ shard: number }>;

const TABLE = "batches";

/** The archive cannot be read beyond some batch, until an operator has repaired it. */
export class ArchiveUnreadable extends Error {
  readonly code = "archive_unreadable";
}

export class ArchiveReader {
  readonly #file: string;

  /** @param folder the server's DATA_DIR. */
  constructor(folder: string) {
    this.#file = join(folder, "archive", "archive.sqlite");
  }

  /** The server's number of shards; `undefined` while no shard has logged anything. @throws ArchiveUnreadable */
  shards(): number | undefined {
    return this.#read((database) => {
      const row = database
        .prepare(`SELECT ${ROW_COLUMNS} FROM ${TABLE} WHERE epoch = 1 AND seq = 1 LIMIT 1`)
        .get();
      const first = row === undefined ? undefined : batchRowOf(row);
      return first === undefined ? undefined : findShards(NO_BATCH, first);
    });
  }

  /**
   * The batches of a shard after `after`, oldest first: about `bytesMax` bytes, but at least one if there is one.
   *
   * @throws ArchiveUnreadable the next batch is damaged or missing.
   */
  page(shard: number, after: LogId, bytesMax: number): readonly ArchivedBatch[] {
    const found = this.#read((database) => {
      const rows = database
        .prepare(
          `SELECT ${ROW_COLUMNS} FROM ${TABLE} WHERE shard = ? AND (epoch, seq) > (?, ?) ORDER BY epoch, seq`,
        )
        .iterate(shard, after.epoch, after.seq);
      const batches: ArchivedBatch[] = [];
      let bytes = 0;
      let last = after;
      for (const row of rows) {
        const batch = batchRowOf(row);
        if (batch === undefined || checksumOf(batch) !== batch.checksum) {
          if (batches.length > 0) break;
          throw unreadable(shard, last, FAILS_CHECKSUM);
        }
        const { id, timeMs, count, body, hash } = batch;
        // Ids do not say how many batches the previous epoch had.
        if (id.seq !== (id.epoch === last.epoch ? last.seq + 1 : 1)) {
          if (batches.length > 0) break;
          throw unreadable(shard, last, "it is missing");
        }
        batches.push({ shard, id, timeMs, count, body, hash });
        last = id;
        bytes += body.length;
        if (bytes >= bytesMax) break;
      }
      return batches;
    });
    return found ?? [];
  }

  /** Whether the archive has this batch. @throws ArchiveUnreadable */
  holds(shard: number, { id, hash }: Witness): boolean {
    if (id.seq === 0) return true;
    const row = this.#read((database) =>
      database
        .prepare(`SELECT hash FROM ${TABLE} WHERE shard = ? AND epoch = ? AND seq = ?`)
        .get(shard, id.epoch, id.seq),
    );
    const found = row?.["hash"];
    return found instanceof Uint8Array && isSameHash(found, hash);
  }

  #read<T>(ask: (database: DatabaseSync) => T): T | undefined {
    if (!existsSync(this.#file)) return undefined;
    try {
      return readOnce(this.#file, TABLE, ask);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      throw new ArchiveUnreadable(`the archive is malformed: SQLite says "${error.message}"`, {
        cause: error,
      });
    }
  }
}

function unreadable(shard: number, last: LogId, reason: string): ArchiveUnreadable {
  return new ArchiveUnreadable(
    `the archived batch of shard ${shard} after ${formatLogId(last)} is unusable: ${reason}`,
  );
}
