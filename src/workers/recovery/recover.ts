/** Recovers the state of a shard: loads the newest good snapshot, then replays the rest of the log. */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { plural } from "../../text/plural.ts";
import { type Batch, formatLogId, type Journal, LogError, type LogId } from "../../wal/wal.ts";
import { throttled } from "./progress.ts";
import { replayBatch } from "./replay.ts";
import type { Restored } from "./restore.ts";

/** Progress of a recovery. Durations in ms. */
type Reading = {
  readonly restored: Restored;
  readonly restoreMs: number;
  replayMs: number;
  replayed: number;
  /** The newest batch in the ledger, and its time. */
  last: LogId | undefined;
  timeMs: number;
};

/** Statistics of a recovery. Durations in ms. */
export type Recovery = Readonly<{
  /** Position of the loaded snapshot; `null`: replay began with the first record. */
  snapshotPosition: string | null;
  /** Number of records up to the snapshot. */
  snapshotRecords: number;
  snapshotMs: number;
  /** Number of records replayed after it. */
  replayed: number;
  replayMs: number;
  /** From the start of the shard until it serves; 0 until then. */
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
  /** The newest batch, its time, and the number of records up to it. */
  last: LogId | undefined;
  timeMs: number;
  records: number;
  recovery: Recovery;
}>;

export type Restore = (ledger: Ledger, progress: (message: string) => void) => Promise<Restored>;

type Parts = Readonly<{
  journal: Pick<Journal, "readAhead" | "replay" | "name" | "confirmOwner">;
  ledger: Ledger;
  /** Fills the empty ledger from the newest good snapshot. */
  restore: Restore;
  /** Called at intervals with the progress, in one line. */
  progress: (message: string) => void;
  /** Called with problems that an operator should look into. */
  warn: (message: string) => void;
}>;

/**
 * Recovers as much as possible before the log is claimed, so that a server that cannot start claims nothing.
 *
 * @returns the function that recovers the rest after the claim.
 * @throws LogError the log cannot be replayed.
 */
export async function readAhead(parts: Parts): Promise<() => Promise<Recovered>> {
  const reading = await restoreFrom(parts);
  await replayFrom(parts, reading, (visit) =>
    parts.journal.readAhead(visit, reading.restored.snapshot?.head),
  );
  return () => recover(parts, reading);
}

/**
 * @param ahead progress made before the claim; without it the whole log is read now.
 * @throws LogError the log cannot be replayed; `fenced`: another server has claimed it.
 */
export async function recover(parts: Parts, ahead?: Reading): Promise<Recovered> {
  const { journal } = parts;
  const reading = ahead ?? (await restoreFrom(parts));
  const head = reading.restored.snapshot?.head;
  try {
    await replayFrom(parts, reading, (visit) => journal.replay(visit, head));
  } catch (error) {
    await checkOwned(journal);
    throw error;
  }
  await checkOwned(journal);
  const { last, timeMs, replayed, restoreMs, replayMs } = reading;
  const recovery = {
    snapshotPosition: head === undefined ? null : formatLogId(head.id),
    snapshotRecords: head?.records ?? 0,
    snapshotMs: Math.round(restoreMs),
    replayed,
    replayMs: Math.round(replayMs),
    totalMs: 0,
  };
  return { last, timeMs, records: (head?.records ?? 0) + replayed, recovery };
}

async function restoreFrom({ ledger, restore, progress, warn }: Parts): Promise<Reading> {
  const startedMs = performance.now();
  const restored = await restore(ledger, progress);
  for (const reason of restored.passedOver) warn(`a damaged snapshot was skipped: ${reason}`);
  const head = restored.snapshot?.head;
  return {
    restored,
    restoreMs: performance.now() - startedMs,
    replayMs: 0,
    replayed: 0,
    last: head?.id,
    timeMs: head?.timeMs ?? 0,
  };
}

/** Replays the batches that `read` delivers. */
async function replayFrom(
  { journal, ledger, progress }: Parts,
  reading: Reading,
  read: (visit: (batch: Batch) => void) => Promise<void>,
): Promise<void> {
  const { snapshot, passedOver } = reading.restored;
  const from =
    snapshot === undefined ? "the first record" : `the snapshot at ${formatLogId(snapshot.head.id)}`;
  const startedMs = performance.now();
  const report = throttled(progress);
  try {
    await read((batch) => {
      replayBatch(ledger, journal.name, batch);
      reading.last = batch.id;
      reading.timeMs = batch.timeMs;
      reading.replayed += batch.count;
      report(
        () =>
          `replaying: ${reading.replayed} ${plural(reading.replayed, "record")} since ${from}, now at ${formatLogId(batch.id)}`,
      );
    });
  } catch (error) {
    if (!(error instanceof LogError) || passedOver.length === 0) throw error;
    // The bad snapshots may be the cause: a trimmed log alone does not reach back to the beginning.
    throw new LogError(error.code, `${error.message}; bad snapshots: ${passedOver.join("; ")}`, {
      cause: error,
    });
  } finally {
    reading.replayMs += performance.now() - startedMs;
  }
}

/**
 * Ensures that this shard still owns the log. Entries of a newer owner look like damage, and the state that was read
 * without them is stale: a replaced owner must neither report the one nor serve the other.
 *
 * @throws LogError `fenced`: another owner has claimed the log.
 */
async function checkOwned(journal: Pick<Journal, "confirmOwner">): Promise<void> {
  try {
    await journal.confirmOwner();
  } catch (error) {
    // An unavailable log is no proof; the lease asks again before the first read.
    if (error instanceof LogError && error.code === "fenced") throw error;
  }
}

/** One line for the server's log. */
export function describeRecovery({
  snapshotPosition,
  snapshotMs,
  replayed,
  replayMs,
  totalMs,
}: Recovery): string {
  const snapshot = snapshotPosition === null ? "no snapshot" : `the snapshot at ${snapshotPosition}`;
  return `recovered in ${totalMs} ms: ${snapshot} in ${snapshotMs} ms, ${replayed} ${plural(replayed, "record")} after it in ${replayMs} ms`;
}
