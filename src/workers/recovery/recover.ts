/** From a claimed log to the state that it holds: the newest good snapshot, then the rest of the log. */
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { plural } from "../../text/plural.ts";
import { type Batch, formatLogId, type Journal, LogError, type LogId } from "../../wal/wal.ts";
import { nowAndThen } from "./progress.ts";
import { replayBatch } from "./replay.ts";
import type { Restored } from "./restore.ts";

/** How far a recovery is: what the ledger holds, and what it took. */
type Reading = {
  readonly restored: Restored;
  readonly restoreMs: number;
  replayMs: number;
  replayed: number;
  /** The newest batch that the ledger holds, and its time. */
  last: LogId | undefined;
  timeMs: number;
};

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
  journal: Pick<Journal, "readAhead" | "replay" | "name" | "confirmOwner">;
  ledger: Ledger;
  /** Fills the empty ledger from the newest good snapshot. */
  restore: Restore;
  /** Told now and then how far it is, in one line. */
  progress: (message: string) => void;
  /** Told of what an operator should look into. */
  warn: (message: string) => void;
}>;

/**
 * All that can be recovered before the log is claimed.
 *
 * @returns what recovers the rest, once it is claimed.
 * @throws LogError why the log cannot be replayed.
 */
export async function readAhead(parts: Parts): Promise<() => Promise<Recovered>> {
  const reading = await restoreFrom(parts);
  await readOn(parts, reading, (visit) => parts.journal.readAhead(visit, reading.restored.snapshot?.head));
  return () => recover(parts, reading);
}

/**
 * @param ahead what was read before the claim; without it all of the log is read now.
 * @throws LogError why the log cannot be replayed.
 */
export async function recover(parts: Parts, ahead?: Reading): Promise<Recovered> {
  const { journal } = parts;
  const reading = ahead ?? (await restoreFrom(parts));
  const head = reading.restored.snapshot?.head;
  try {
    await readOn(parts, reading, (visit) => journal.replay(visit, head));
  } catch (error) {
    await checkOwned(journal);
    throw error;
  }
  await checkOwned(journal);
  const { last, timeMs, replayed, restoreMs, replayMs } = reading;
  const figures = {
    snapshotPosition: head === undefined ? null : formatLogId(head.id),
    snapshotRecords: head?.records ?? 0,
    snapshotMs: Math.round(restoreMs),
    replayed,
    replayMs: Math.round(replayMs),
    totalMs: 0,
  };
  return { last, timeMs, records: (head?.records ?? 0) + replayed, figures };
}

async function restoreFrom({ ledger, restore, progress, warn }: Parts): Promise<Reading> {
  const startedMs = performance.now();
  const restored = await restore(ledger, progress);
  for (const reason of restored.passedOver) warn(`a snapshot is bad, and passed over: ${reason}`);
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

/** Replays what `read` hands over. */
async function readOn(
  { journal, ledger, progress }: Parts,
  reading: Reading,
  read: (visit: (batch: Batch) => void) => Promise<void>,
): Promise<void> {
  const { snapshot, passedOver } = reading.restored;
  const from =
    snapshot === undefined ? "the first record" : `the snapshot at ${formatLogId(snapshot.head.id)}`;
  const startedMs = performance.now();
  const tell = nowAndThen(progress);
  try {
    await read((batch) => {
      replayBatch(ledger, journal.name, batch);
      reading.last = batch.id;
      reading.timeMs = batch.timeMs;
      reading.replayed += batch.count;
      tell(
        () =>
          `replaying: ${reading.replayed} ${plural(reading.replayed, "record")} since ${from}, now at ${formatLogId(batch.id)}`,
      );
    });
  } catch (error) {
    if (!(error instanceof LogError) || passedOver.length === 0) throw error;
    // Without the snapshots the log alone may not reach back to the beginning.
    throw new LogError(error.code, `${error.message}; bad snapshots: ${passedOver.join("; ")}`, {
      cause: error,
    });
  } finally {
    reading.replayMs += performance.now() - startedMs;
  }
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
  return `recovered in ${totalMs} ms: ${snapshot} in ${snapshotMs} ms, ${replayed} ${plural(replayed, "record")} after it in ${replayMs} ms`;
}
