/** What is known of the end of a log: by the log itself, by the archive, and by whatever remembers durable batches. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { ArchivedLog } from "../../archive/batches/archived-log.ts";
import { BatchTable, type StoredPosition } from "../../archive/batches/batch-table.ts";
import { isMalformed } from "../../archive/database.ts";
import {
  type BatchCopies,
  type ComparedEnd,
  compareEnd,
  type LogOrigin,
  lacks,
} from "../../wal/log-repair.ts";
import { lockFolder } from "../../wal/sqlite/folder-lock.ts";
import { openForReading } from "../../wal/sqlite/sqlite-read-only.ts";
import { compareLogIds, type LogStream } from "../../wal/wal.ts";
import { readWitness } from "../../wal/witness.ts";
import { OperatorError, UsageError } from "../errors.ts";
import { archiveFolder, type LogSettings } from "../settings.ts";
import { type ShardStream, withStreams } from "../wal/streams.ts";
import type { RememberedBatch } from "../wal/verification.ts";
import { readSnapshotHeads } from "../wal/verify.ts";

const NO_COPIES: BatchCopies = { newest: () => undefined, after: () => [] };

/** One shard's log. `lost`: batches that somebody remembers and the log does not hold, the newest first. */
export type RememberedEnd = Readonly<{
  origin: LogOrigin;
  stream: LogStream;
  copies: BatchCopies;
  end: ComparedEnd;
  lost: readonly RememberedBatch[];
}>;

/**
 * Locks the server's folders until this process ends, so that no server starts meanwhile.
 *
 * @throws LogError `log_in_use`: a server runs.
 */
export function lockServerFolders({ dataDir, location }: LogSettings): void {
  for (const folder of [dataDir, ...(location.kind === "sqlite" ? [location.dir] : [])]) lockFolder(folder);
}

/**
 * Opens the logs of all shards for appends, and the archive for reading; closes them after `use`, which may close the archive.
 *
 * @param shard must be a shard of this log if given.
 * @throws OperatorError there is no log, or the archive is malformed. UsageError: there is no such shard.
 */
export async function withLogsAndArchive(
  settings: LogSettings,
  shard: number | undefined,
  use: (streams: readonly ShardStream[], archive: DatabaseSync | undefined) => Promise<void>,
): Promise<void> {
  const file = join(archiveFolder(settings), "archive.sqlite");
  const archive = existsSync(file) ? openForReading(file).database : undefined;
  try {
    const useAll = async (streams: readonly ShardStream[]): Promise<void> => {
      if (shard !== undefined && shard >= streams.length)
        throw new UsageError(
          `there is no shard ${shard}: this log has ${streams.length} (0 to ${streams.length - 1})`,
        );
      await use(streams, archive);
    };
    await withStreams(settings, undefined, useAll, true);
  } catch (error) {
    if (isMalformed(error))
      throw new OperatorError(
        `${file}: SQLite says "${error.message}": run \`daybook archive repair\` first`,
        {
          cause: error,
        },
      );
    throw error;
  } finally {
    if (archive?.isOpen) archive.close();
  }
}

/** Compares the end of a log with everything that remembers more. @throws LogError as `compareEnd` does */
export async function rememberedEnd(
  settings: LogSettings,
  { generation, shard, stream }: ShardStream,
  shards: number,
  archive: DatabaseSync | undefined,
): Promise<RememberedEnd> {
  const copies = archive === undefined ? NO_COPIES : new ArchivedLog(archive, shard);
  const end = await compareEnd(stream, copies);
  const witness = readWitness(settings.dataDir, { generation, shard });
  const stored = archive === undefined ? undefined : new BatchTable(archive).position(shard);
  const remembered: RememberedBatch[] = [
    ...(witness === undefined ? [] : [{ ...witness, of: "DATA_DIR" }]),
    ...(stored === undefined || isInDoubt(stored, end) ? [] : [{ ...stored, of: "the archive" }]),
    ...(await readSnapshotHeads(settings, { generation, shard })),
  ];
  const lost: RememberedBatch[] = [];
  for (const batch of remembered) if (await lacks(stream, batch)) lost.push(batch);
  lost.sort((a, b) => compareLogIds(b.id, a.id));
  return { origin: { generation, shard, shards }, stream, copies, end, lost };
}

/** A damaged batch of the archive is no evidence against one of the log, but against a log that ends before it. */
function isInDoubt({ id, unproven }: StoredPosition, { newest }: ComparedEnd): boolean {
  return unproven === true && compareLogIds(id, newest.id) <= 0;
}
