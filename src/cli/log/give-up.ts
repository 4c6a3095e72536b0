/** Removes what remembers more than a log holds, so that a server starts on what is left. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { moveNewest } from "../../archive/batches/archive-cut.ts";
import { givenUpFolder, noteAcceptedLoss } from "../../wal/accepted-loss.ts";
import { toError } from "../../wal/journal-errors.ts";
import { claimEpochs, lacks } from "../../wal/log-repair.ts";
import { openSnapshotStore } from "../../wal/open.ts";
import { inspectSlots, snapshotsIn } from "../../wal/snapshots/snapshot.ts";
import { compareLogIds, formatLogId, type LogId, type Witness } from "../../wal/wal.ts";
import { readWitness, WitnessKeeper, witnessPath } from "../../wal/witness.ts";
import { OperatorError } from "../errors.ts";
import { archiveFolder, type LogSettings } from "../settings.ts";
import { cutLog } from "./cut-log.ts";
import type { RememberedEnd } from "./remembered-end.ts";

const READ_BYTES = 1 << 20;

/** @param isCut the log itself holds batches above `kept`, which are deleted. */
export type Loss = Readonly<{ log: RememberedEnd; kept: Witness; isCut: boolean }>;

/**
 * Every step may be repeated. What makes a start refuse, the witness, is removed last; what is left of the archive and the
 * snapshots is removed once no log needs it.
 */
export async function giveUp(settings: LogSettings, losses: readonly Loss[]): Promise<void> {
  const { dataDir } = settings;
  const timeMs = Date.now();
  for (const { log, kept } of losses)
    noteAcceptedLoss(dataDir, {
      shard: log.origin.shard,
      keptUpTo: formatLogId(kept.id),
      lostUpTo: formatLogId(newestOf(log)),
      timeMs,
    });
  for (const { log, kept, isCut } of losses) if (isCut) await cutLog(settings, log.stream.name, kept.id);
  for (const { log, kept } of losses) await claimAbove(log, kept, timeMs);
  for (const { log, kept } of losses) {
    const { shard } = log.origin;
    const { common } = log.end;
    const after = compareLogIds(kept.id, common.id) < 0 ? kept.id : common.id;
    if (existsSync(join(archiveFolder(settings), "archive.sqlite")))
      moveNewest(archiveFolder(settings), shard, after, join(givenUpFolder(dataDir), "archive"));
    await clearSnapshots(settings, log, kept);
    await moveWitness(dataDir, log, kept, timeMs);
  }
}

/** The newest batch that the log holds or somebody remembers. */
export function newestOf({ end, lost }: RememberedEnd): LogId {
  const [newest] = lost;
  return newest !== undefined && compareLogIds(newest.id, end.newest.id) > 0 ? newest.id : end.newest.id;
}

/** No position that was given up is used again: its events and transfers were seen. A former owner is fenced, too. */
async function claimAbove(log: RememberedEnd, kept: Witness, timeMs: number): Promise<void> {
  const { stream, origin } = log;
  const epoch = newestOf(log).epoch + 1;
  await claimEpochs(stream, origin, { epoch, instance: "daybook log accept-loss", timeMs });
  for (let after = kept.id; ; ) {
    const entries = await stream.read(after, READ_BYTES);
    const last = entries.at(-1);
    if (last === undefined) return;
    if (entries.some(({ id }) => id.seq > 0))
      throw new OperatorError(`${stream.name} has batches again that were deleted: run the command again`);
    after = last.id;
  }
}

async function clearSnapshots(
  { walUrl, walReplicas: replicas }: LogSettings,
  { origin, stream }: RememberedEnd,
  kept: Witness,
): Promise<void> {
  const store = openSnapshotStore(walUrl, { ...origin, replicas });
  try {
    for (const { slot, head } of snapshotsIn(await inspectSlots(store)))
      if (compareLogIds(head.id, kept.id) > 0 || (await lacks(stream, head))) await store.clear(slot);
  } finally {
    await store.close();
  }
}

/** The next witness keeps the clock of the last one. */
async function moveWitness(
  dataDir: string,
  { origin, stream }: RememberedEnd,
  kept: Witness,
  timeMs: number,
): Promise<void> {
  const witness = readWitness(dataDir, origin);
  if (witness === undefined) return;
  if (compareLogIds(witness.id, kept.id) <= 0 && !(await lacks(stream, witness))) return;
  const file = witnessPath(dataDir, origin);
  mkdirSync(givenUpFolder(dataDir), { recursive: true });
  copyFileSync(
    file,
    join(givenUpFolder(dataDir), `witness-g${origin.generation}s${origin.shard}-${timeMs}.json`),
  );
  if (kept.id.epoch === 0) {
    rmSync(file);
    return;
  }
  const keeper = new WitnessKeeper(dataDir, origin);
  keeper.note({ ...witness, id: kept.id, hash: kept.hash });
  await keeper.flush();
  if (keeper.failure !== undefined) throw toError(keeper.failure);
}
