/** Rebuilds a past state offline, from a snapshot, the archive and the log. */
import { Ledger } from "../../actors/ledger/ledger.ts";
import type { SnapshotHead } from "../../wal/snapshots/snapshot.ts";
import type { SnapshotStore } from "../../wal/snapshots/snapshot-store.ts";
import { trimmedUpTo } from "../../wal/trimmed-log.ts";
import {
  type Batch,
  compareLogIds,
  formatLogId,
  LogError,
  type LogStream,
  type Witness,
} from "../../wal/wal.ts";
import { followLog, type ReadLimit } from "./follow.ts";
import { replayBatch } from "./replay.ts";
import { restoreNewest } from "./restore.ts";

export type Sources = Readonly<{
  shard: number;
  shards: number;
  stream: LogStream;
  snapshots: SnapshotStore;
  /** All batches in the archive, oldest first. */
  archived: () => Iterable<Batch>;
  /** Whether the log has the batch of a snapshot; absent: of all. */
  isInLog?: (head: SnapshotHead) => boolean;
}>;

export type Rebuilt = Readonly<{
  ledger: Ledger;
  /** The last batch of the state, and its time; `undefined` if there is no batch within the limit. */
  last: (Witness & Readonly<{ timeMs: number }>) | undefined;
  /** Where the replay started, for people: "the beginning", or a snapshot. */
  from: string;
  /** That snapshot. */
  snapshot: Witness | undefined;
  replayed: number;
}>;

/**
 * @param onBatch called after each batch with the state up to it.
 * @throws LogError `log_corrupt`: a needed batch is damaged. `log_lost_data`: neither log nor archive reaches back far
 *   enough.
 */
export async function rebuild(
  { shard, shards, stream, snapshots, archived, isInLog = () => true }: Sources,
  until: ReadLimit,
  onBatch: (batch: Batch, ledger: Ledger) => void,
): Promise<Rebuilt> {
  const ledger = new Ledger(shard, shards);
  const { snapshot } = await restoreNewest(snapshots, ledger, {
    shard,
    shards,
    fits: (head) => isWithin(head, until) && isInLog(head),
  });
  let last: Rebuilt["last"] = snapshot?.head;
  let replayed = 0;
  const visit = (batch: Batch) => {
    replayBatch(ledger, stream.name, batch);
    const { id, hash, timeMs } = batch;
    last = { id, hash, timeMs };
    replayed += batch.count;
    onBatch(batch, ledger);
  };
  let from = snapshot === undefined ? "the beginning" : `the snapshot at ${formatLogId(snapshot.head.id)}`;
  const trimmed = snapshot === undefined ? await trimmedUpTo(stream) : undefined;
  if (trimmed !== undefined) {
    from = "the beginning, in the archive";
    for (const batch of archived()) {
      if (!isWithin(batch, until)) return { ledger, last, from, replayed, snapshot: undefined };
      visit(batch);
    }
    if (last === undefined || compareLogIds(last.id, trimmed) < 0) {
      const end = last === undefined ? "is empty" : `ends at ${formatLogId(last.id)}`;
      throw new LogError(
        "log_lost_data",
        `${stream.name} was trimmed up to ${formatLogId(trimmed)}, and the archive ${end}`,
      );
    }
  }
  await followLog(stream, last, until, visit);
  return { ledger, last, from, replayed, snapshot: snapshot?.head };
}

function isWithin({ id, timeMs }: Pick<SnapshotHead, "id" | "timeMs">, until: ReadLimit): boolean {
  if (until.id !== undefined && compareLogIds(id, until.id) > 0) return false;
  return until.timeMs === undefined || timeMs <= until.timeMs;
}
