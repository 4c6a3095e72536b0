/** Removes what remembers more than a log holds, so that a server starts on what is left. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { moveNewest } from "../../archive/batches/archive-cut.ts";
import {
  type AcceptedLoss,
  givenUpFolder,
  noteAcceptedLosses,
  readAcceptedLosses,
  writeAcceptedLosses,
} from "../../wal/accepted-loss.ts";
import { toError } from "../../wal/journal-errors.ts";
import { claimEpochs, lacks } from "../../wal/log-repair.ts";
import { openSnapshotStore } from "../../wal/open.ts";
import { inspectSlots, snapshotsIn } from "../../wal/snapshots/snapshot.ts";
import { compareLogIds, formatLogId, type LogId, parseLogId, type Witness } from "../../wal/wal.ts";
import { readWitness, WitnessKeeper, witnessPath } from "../../wal/witness.ts";
import { OperatorError } from "../errors.ts";
import { archiveFolder, type LogSettings } from "../settings.ts";
import type { ShardStream } from "../wal/streams.ts";
import { cutLog } from "./cut-log.ts";
import type { RememberedEnd } from "./remembered-end.ts";

const READ_BYTES = 1 << 20;

/** @param isCut the log itself holds batches above `kept`, which are deleted. */
export type Loss = Readonly<{ log: RememberedEnd; kept: Witness; isCut: boolean }>;

/**
 * Every step may be repeated, and the server refuses to start until the last one is done: the logs are claimed before
 * anything is deleted, so that `log repair` does not bring back what is deleted and no former owner writes behind it;
 * what is remembered of the lost batches is removed once all logs have their new ends, the witness last.
 */
export async function giveUp(settings: LogSettings, losses: readonly Loss[]): Promise<void> {
  const { dataDir } = settings;
  const timeMs = Date.now();
  const notes = losses.map(({ log, kept }) => ({
    shard: log.origin.shard,
    keptUpTo: formatLogId(kept.id),
    lostUpTo: formatLogId(newestOf(log)),
    timeMs,
  }));
  noteAcceptedLosses(dataDir, notes);
  for (const { log } of losses) await claimAbove(log, timeMs);
  for (const { log, kept, isCut } of losses) if (isCut) await cut(settings, log, kept);
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

/** Removes the notes of losses that did not come about: an interrupted command, and the log has its batches again. */
export async function withdrawNotes(
  { dataDir }: LogSettings,
  streams: readonly ShardStream[],
): Promise<void> {
  const noted = readAcceptedLosses(dataDir);
  const real: AcceptedLoss[] = [];
  for (const loss of noted) {
    const stream = streams.find(({ shard }) => shard === loss.shard)?.stream;
    const isThere = (await stream?.find(parseLogId(loss.lostUpTo))) !== undefined;
    if (!isThere || loss.lostUpTo === loss.keptUpTo) real.push(loss);
  }
  if (real.length < noted.length) writeAcceptedLosses(dataDir, real);
}

/** The newest batch that the log holds or somebody remembers. */
export function newestOf({ end, lost }: RememberedEnd): LogId {
  const [newest] = lost;
  return newest !== undefined && compareLogIds(newest.id, end.newest.id) > 0 ? newest.id : end.newest.id;
}

/** No position that was given up is used again: its events and transfers were seen. A former owner is fenced, too. */
async function claimAbove(log: RememberedEnd, timeMs: number): Promise<void> {
  const epoch = newestOf(log).epoch + 1;
  await claimEpochs(log.stream, log.origin, { epoch, instance: "daybook log accept-loss", timeMs });
}

/** A new primary of a cluster may lack what was deleted just before: its replicas confirm it, then the log is read. */
async function cut(settings: LogSettings, { stream }: RememberedEnd, kept: Witness): Promise<void> {
  await cutLog(settings, stream.name, kept.id);
  await stream.confirm?.();
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
