/**
 * Takes a snapshot without the shard's help: the snapshot before it and the log since then are the state. So the shard
 * goes on serving at full speed, and each snapshot has also shown that the log replays.
 */
import { createHash } from "node:crypto";
import { imageOf } from "../../actors/ledger/image.ts";
import { Ledger } from "../../actors/ledger/ledger.ts";
import type { LedgerSettings } from "../../actors/ledger/ledger-state.ts";
import { stateDigest } from "../../actors/ledger/state-digest.ts";
import { randomBytes } from "../../random.ts";
import { openLogStream, openSnapshotStore } from "../../wal/open.ts";
import {
  freeSlot,
  inspectSlots,
  SnapshotError,
  type SnapshotHead,
  type StoredSnapshot,
  snapshotsIn,
  writeSnapshot,
} from "../../wal/snapshots/snapshot.ts";
import { epochOf, type SnapshotStore } from "../../wal/snapshots/snapshot-store.ts";
import { compareLogIds, formatLogId, type LogId, type LogStream } from "../../wal/wal.ts";
import { followLog } from "./follow.ts";
import { replayBatch } from "./replay.ts";
import { restore, restoreNewest } from "./restore.ts";

export type SnapshotTask = Readonly<{
  walUrl: string;
  generation: number;
  shard: number;
  shards: number;
  /** Under which the shard owns its log: only slots of this epoch are written, and none of a later one is cleared. */
  epoch: number;
  /** A batch that is known to be durable: the snapshot holds all up to it. */
  until: LogId;
  /** Between two chunks, so that the appends of the shard come through; ms. */
  pauseMs: number;
  /** Those of the shard. */
  settings?: LedgerSettings;
}>;

export type SnapshotReport = Readonly<{
  shard: number;
  snapshot: StoredSnapshot;
  /** The snapshot that is kept beside it: nothing that comes after it may be dropped from the log. */
  older: LogId | undefined;
  /** Records that were replayed for it. */
  replayed: number;
  ms: number;
  /** Snapshots that turned out to be bad. */
  passedOver: readonly string[];
}>;

/**
 * @throws LogError what is wrong with the log, or that it does not answer. SnapshotError: what was written is not what was
 * to be written; it was taken away again.
 * @param progress called all the time while it gets on.
 */
export async function takeSnapshot(
  task: SnapshotTask,
  progress: () => void = () => {},
): Promise<SnapshotReport> {
  const store = openSnapshotStore(task.walUrl, task);
  // Settings are the owner's concern: here nothing is appended.
  const stream = openLogStream(task.walUrl, { ...task, allowWeakDurability: true });
  try {
    return await takeFrom(stream, store, task, progress);
  } finally {
    await Promise.all([stream.close(), store.close()]);
  }
}

type Source = Pick<
  SnapshotTask,
  "generation" | "shard" | "shards" | "epoch" | "until" | "pauseMs" | "settings"
>;

/** The same with a log and a store that are open. */
export async function takeFrom(
  stream: LogStream,
  store: SnapshotStore,
  task: Source,
  progress: () => void = () => {},
): Promise<SnapshotReport> {
  const startedMs = performance.now();
  await store.settle?.();
  const { snapshot, proof, replayed, passedOver } = await write(stream, store, task, progress);
  if (proof !== undefined) await verify(store, snapshot, proof, task, progress);
  const older = await keepTwo(store, task.epoch);
  const ms = Math.round(performance.now() - startedMs);
  return { shard: task.shard, snapshot, older: older?.id, replayed, ms, passedOver };
}

/** Empties every slot but those of the two newest snapshots. Returns where the older one stands. */
async function keepTwo(store: SnapshotStore, epoch: number): Promise<SnapshotHead | undefined> {
  const slots = await inspectSlots(store);
  const [newest, older] = snapshotsIn(slots);
  for (const { slot, kind } of slots)
    if (kind !== "empty" && slot !== newest?.slot && slot !== older?.slot) await clear(store, slot, epoch);
  return older?.head;
}

/** A slot of a later epoch is another owner's, who may be writing it. */
async function clear(store: SnapshotStore, slot: number, epoch: number): Promise<void> {
  if (epochOf(slot) <= epoch) await store.clear(slot);
}

/** What a ledger that is loaded from a snapshot must come to: the state that was written, and the bytes. */
type Proof = Readonly<{ census: string; digest: string }>;

type Written = Readonly<{
  snapshot: StoredSnapshot;
  /** `undefined` where nothing had to be written. */
  proof: Proof | undefined;
  replayed: number;
  passedOver: readonly string[];
}>;

async function write(
  stream: LogStream,
  store: SnapshotStore,
  task: Source,
  progress: () => void,
): Promise<Written> {
  const { generation, shard, shards, until, settings } = task;
  const ledger = new Ledger(shard, shards, randomBytes, settings);
  const fits = ({ id }: SnapshotHead) => compareLogIds(id, until) <= 0;
  const {
    snapshot: before,
    passedOver,
    badSlots,
  } = await restoreNewest(store, ledger, { shard, shards, fits, progress });
  // They look complete, but nothing may be dropped from the log on their account.
  for (const slot of badSlots) await clear(store, slot, task.epoch);
  let tail = before?.head;
  let replayed = 0;
  await followLog(stream, before?.head, { id: until }, (batch) => {
    replayBatch(ledger, stream.name, batch);
    replayed += batch.count;
    progress();
    const records = (before?.head.records ?? 0) + replayed;
    tail = { id: batch.id, hash: batch.hash, timeMs: batch.timeMs, records, generation, shard, shards };
  });
  // Nothing was logged since, or nothing but claims.
  if (before !== undefined && replayed === 0)
    return { snapshot: before, proof: undefined, replayed, passedOver };
  if (tail === undefined) throw new SnapshotError(`${stream.name} holds nothing up to ${formatLogId(until)}`);
  const slot = freeSlot(await inspectSlots(store), task.epoch);
  const hash = createHash("sha256");
  const pause = () => {
    progress();
    return new Promise<void>((resolve) => setTimeout(resolve, task.pauseMs));
  };
  const blocks = imageOf(ledger.state);
  try {
    const snapshot = await writeSnapshot(store, slot, tail, tapped(blocks, hash), pause);
    const proof = { census: stateDigest(ledger.state), digest: hash.digest("hex") };
    return { snapshot, proof, replayed, passedOver };
  } catch (error) {
    // Half of one is of no use, and in the way where room is short.
    await store.clear(slot).catch(() => undefined);
    throw error;
  }
}

/**
 * Loads it as a start would: what was loaded must come to the same as what was to be stored, and its image must be the
 * image that was stored.
 */
async function verify(
  store: SnapshotStore,
  snapshot: StoredSnapshot,
  proof: Proof,
  { shard, shards, settings }: Source,
  progress: () => void,
): Promise<void> {
  const ledger = new Ledger(shard, shards, randomBytes, settings);
  const hash = createHash("sha256");
  try {
    await restore(store, snapshot, ledger, progress);
    for (const block of imageOf(ledger.state)) {
      hash.update(block);
      progress();
    }
    const isSame = stateDigest(ledger.state) === proof.census && hash.digest("hex") === proof.digest;
    if (!isSame) throw new SnapshotError("what was loaded is not what was stored");
  } catch (error) {
    await store.clear(snapshot.slot);
    const reason = error instanceof Error ? error.message : String(error);
    const position = formatLogId(snapshot.head.id);
    throw new SnapshotError(`${store.name}: the snapshot at ${position} is not kept: ${reason}`, {
      cause: error,
    });
  }
}

function* tapped(blocks: Iterable<Uint8Array>, hash: { update(bytes: Uint8Array): void }) {
  for (const block of blocks) {
    hash.update(block);
    yield block;
  }
}
