/** From a claimed log to the state that it holds: the newest good snapshot, then the rest of the log. */
import type { Ledger } from "../actors/ledger.ts";
import { formatLogId, type Journal, LogError, type LogId } from "../wal/wal.ts";
import { nowAndThen } from "./progress.ts";
import { replayBatch } from "./replay.ts";
import type { Restored } from "./restore.ts";

/** What a recovery consisted of. */
export type Recovery = Readonly<{
  /** Where the snapshot stood that it began with; `null`: it began with the first record. */
  snapshotPosition: string | null;
  /** Records up to there. */
  snapshotRecords: number;
  snapshotMs: number;
  /** Records that came after it. */
  replayed: number;
  replayMs: number;
  /** From the first word with the log to serving; 0 until then. */
  totalMs: number;
}>;

export const NO_RECOVERY: Recovery = {
  snapshotPosition: null,
  snapshotRecords: 0,
  snapshotMs: 0,
  replayed: 0,
  replayMs: 0,
  totalMs: 0,
};

export type Recovered = Readonly<{
  /** The newest batch, its time, and all records up to it. */
  last: LogId | undefined;
  timeMs: number;
  records: number;
  figures: Recovery;
}>;

export type Restore = (ledger: Ledger, progress: (message: string) => void) => Promise<Restored>;

type Parts = Readonly<{
  journal: Pick<Journal, "replay" | "name" | "confirmOwner">;
  ledger: Ledger;
  /** Fills the empty ledger from the newest good snapshot. */
  restore: Restore;
  /** Told now and then how far it is, in one line. */
  progress: (message: string) => void;
  /** Told of what an operator should look into. */
  warn: (message: string) => void;
}>;

/** @throws LogError why the log cannot be replayed. */
export async function recover({ journal, ledger, restore, progress, warn }: Parts): Promise<Recovered> {
  const startedMs = performance.now();
  const { snapshot, passedOver } = await restore(ledger, progress);
  for (const reason of passedOver) warn(`a snapshot is bad, and passed over: ${reason}`);
  const head = snapshot?.head;
  const restoredMs = performance.now();
  const from = head === undefined ? "the first record" : `the snapshot at ${formatLogId(head.id)}`;
  let last = head?.id;
  let timeMs = head?.timeMs ?? 0;
  let replayed = 0;
  const tell = nowAndThen(progress);
  try {
    await journal.replay((batch) => {
      replayBatch(ledger, journal.name, batch);
      last = batch.id;
      timeMs = batch.timeMs;
      replayed += batch.count;
      tell(() => `replaying: ${replayed} records since ${from}, now at ${formatLogId(batch.id)}`);
    }, head);
  } catch (error) {
    await checkOwned(journal);
    if (!(error instanceof LogError) || passedOver.length === 0) throw error;
    // Without the snapshots the log alone may not reach back to the beginning.
    throw new LogError(error.code, `${error.message}; bad snapshots: ${passedOver.join("; ")}`, {
      cause: error,
    });
  }
  await checkOwned(journal);
  const figures = {
    snapshotPosition: head === undefined ? null : formatLogId(head.id),
    snapshotRecords: head?.records ?? 0,
    snapshotMs: Math.round(restoredMs - startedMs),
    replayed,
    replayMs: Math.round(performance.now() - restoredMs),
    totalMs: 0,
  };
  return { last, timeMs, records: (head?.records ?? 0) + replayed, figures };
}

/**
 * What somebody else has written since the claim looks like damage, and what was read then is of the past: neither may be
 * said, or shown to other shards, by an owner that was replaced.
 *
 * @throws LogError `fenced`: another owner has claimed the log.
 */
async function checkOwned(journal: Pick<Journal, "confirmOwner">): Promise<void> {
  try {
    await journal.confirmOwner();
  } catch (error) {
    // A log that is away will be asked again by whoever needs to know.
    if (error instanceof LogError && error.code === "fenced") throw error;
  }
}

/** In one line, for the server's log. */
export function describeRecovery({
  snapshotPosition,
  snapshotMs,
  replayed,
  replayMs,
  totalMs,
}: Recovery): string {
  const snapshot = snapshotPosition === null ? "no snapshot" : `the snapshot at ${snapshotPosition}`;
  return `recovered in ${totalMs} ms: ${snapshot} in ${snapshotMs} ms, ${replayed} records after it in ${replayMs} ms`;
}
