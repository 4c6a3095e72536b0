/**
 * Takes a snapshot without the running shard: it loads the previous snapshot and replays the log since then. So the
 * shard never pauses, and each snapshot proves that the log can be replayed.
 */
import { createHash } from "node:crypto";
import { imageOf } from "../../actors/ledger/image.ts";
import { Ledger } from "../../actors/ledger/ledger.ts";
import type { LedgerSettings } from "../../actors/ledger/ledger-state.ts";
import { stateDigest } from "../../actors/ledger/state-digest.ts";
import { messageOf } from "../../errors/error-message.ts";
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
  /** In a Redis Cluster: how many replicas must have a chunk before it counts. */
  replicas: number;
  generation: number;
  shard: number;
  shards: number;
  /** The shard's epoch. Only slots of this epoch are written, and no slot of a later one is cleared. */
  epoch: number;
  /** A durable batch; the snapshot contains all records up to it. */
  until: LogId;
  /** Pause between two chunks, so that appends of the shard are not delayed. */
  pauseMs: number;
  /** The shard's settings. */
  settings?: LedgerSettings;
}>;

export type SnapshotReport = Readonly<{
  shard: number;
  snapshot: StoredSnapshot;
  /** Position of the older snapshot that is kept; the log after it must not be trimmed. */
  older: LogId | undefined;
  /** Number of records replayed for this snapshot. */
  replayed: number;
  /** Duration. */
  ms: number;
  /** Bad snapshots that were skipped, one line each. */
  passedOver: readonly string[];
}>;

/**
 * @param progress called frequently while the work advances.
 * @throws LogError the log is bad or does not answer. SnapshotError: the verification of the written snapshot failed;
 *   it was removed.
 */
export async function takeSnapshot(
  task: SnapshotTask,
  progress: () => void = () => {},
): Promise<SnapshotReport> {
  const store = openSnapshotStore(task.walUrl, task);
  // The durability settings are checked by the owner; this stream only reads.
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

/** As `takeSnapshot`, with an open log and store. */
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

/** Clears every slot except those of the two newest snapshots. @returns the head of the older one */
async function keepTwo(store: SnapshotStore, epoch: number): Promise<SnapshotHead | undefined> {
  const slots = await inspectSlots(store);
  const [newest, older] = snapshotsIn(slots);
  for (const { slot, kind } of slots)
    if (kind !== "empty" && slot !== newest?.slot && slot !== older?.slot) await clear(store, slot, epoch);
  return older?.head;
}

/** Leaves slots of a later epoch alone: another owner may be writing them. */
async function clear(store: SnapshotStore, slot: number, epoch: number): Promise<void> {
  if (epochOf(slot) <= epoch) await store.clear(slot);
}

/** Digests of the state that was written and of the snapshot's bytes, to verify the stored snapshot. */
type Proof = Readonly<{ state: string; bytes: string }>;

type Written = Readonly<{
  snapshot: StoredSnapshot;
  /** `undefined`: nothing had to be written. */
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
  // A bad snapshot looks complete and would be counted as one of the two newest, so it is removed.
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
  // No records since the previous snapshot.
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
    const proof = { state: stateDigest(ledger.state), bytes: hash.digest("hex") };
    return { snapshot, proof, replayed, passedOver };
  } catch (error) {
    // Frees the room of a partial snapshot.
    await store.clear(slot).catch(() => undefined);
    throw error;
  }
}

/**
 * Loads the snapshot as a start would. The loaded state must have the digest of the written state, and its image the
 * digest of the stored bytes.
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
    const isSame = stateDigest(ledger.state) === proof.state && hash.digest("hex") === proof.bytes;
    if (!isSame) throw new SnapshotError("the loaded state is not the state that was stored");
  } catch (error) {
    await store.clear(snapshot.slot);
    const reason = messageOf(error);
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
