/** Loads a stored snapshot into a ledger. */
import { ImageReader } from "../../actors/ledger/image.ts";
import type { Ledger } from "../../actors/ledger/ledger.ts";
import { messageOf } from "../../errors/error-message.ts";
import {
  checkSnapshot,
  inspectSlots,
  readSnapshot,
  SnapshotError,
  type SnapshotHead,
  type StoredSnapshot,
  snapshotsIn,
} from "../../wal/snapshots/snapshot.ts";
import type { SnapshotStore } from "../../wal/snapshots/snapshot-store.ts";
import { formatLogId, LogError } from "../../wal/wal.ts";
import { throttled } from "./progress.ts";

export type Restored = Readonly<{
  /** The loaded snapshot; `undefined`: there was none, or none was good. */
  snapshot: StoredSnapshot | undefined;
  /** Why newer snapshots were skipped, one line each; and their slots. */
  passedOver: readonly string[];
  badSlots: readonly number[];
}>;

export const NOTHING_RESTORED: Restored = { snapshot: undefined, passedOver: [], badSlots: [] };

/** Which snapshots are acceptable. */
export type Wanted = Readonly<{
  shard: number;
  shards: number;
  /** Whether the snapshot is early enough; absent: any is. */
  fits?: (head: SnapshotHead) => boolean;
  /** Called at intervals with the progress, in one line. */
  progress?: (message: string) => void;
}>;

/**
 * Fills an empty ledger from the newest good snapshot. Each snapshot is checked completely before it is loaded; a bad
 * one is skipped in favour of the one before it.
 */
export async function restoreNewest(store: SnapshotStore, ledger: Ledger, wanted: Wanted): Promise<Restored> {
  const slots = await inspectSlots(store);
  const passedOver: string[] = [];
  const badSlots: number[] = [];
  const passOver = (slot: number, what: string, reason: string) => {
    passedOver.push(`${store.name}: ${what}: ${reason}`);
    badSlots.push(slot);
  };
  for (const each of slots) if (each.kind === "bad") passOver(each.slot, `slot ${each.slot}`, each.reason);
  for (const snapshot of snapshotsIn(slots)) {
    if (wanted.fits?.(snapshot.head) === false) continue;
    try {
      checkOrigin(snapshot.head, wanted);
      await checkSnapshot(store, snapshot);
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      passOver(snapshot.slot, `the snapshot at ${formatLogId(snapshot.head.id)}`, error.message);
      continue;
    }
    await restore(store, snapshot, ledger, wanted.progress);
    return { snapshot, passedOver, badSlots };
  }
  return { snapshot: undefined, passedOver, badSlots };
}

/**
 * Fills an empty ledger from this snapshot. After an error the ledger must not be used.
 *
 * @throws SnapshotError the snapshot is bad. LogError `log_corrupt`: it is undamaged, but this version cannot read it.
 */
export async function restore(
  store: SnapshotStore,
  snapshot: StoredSnapshot,
  ledger: Ledger,
  progress: (message: string) => void = () => {},
): Promise<void> {
  const reader = new ImageReader(ledger.state, snapshot.head.id);
  let bytes = 0;
  const report = throttled(progress);
  for await (const block of readSnapshot(store, snapshot)) {
    try {
      reader.accept(block);
    } catch (error) {
      // The checksums are right, so a newer version has written it.
      const reason = messageOf(error);
      const message = `${store.name}: the snapshot at ${formatLogId(snapshot.head.id)} cannot be read by this version: ${reason}`;
      throw new LogError("log_corrupt", message, { cause: error });
    }
    bytes += block.length;
    report(() => {
      const percent = Math.floor((100 * bytes) / snapshot.bytes);
      return `loading the snapshot at ${formatLogId(snapshot.head.id)}: ${percent} %`;
    });
  }
}

function checkOrigin(head: SnapshotHead, { shard, shards }: Wanted): void {
  if (head.shard !== shard || head.shards !== shards)
    throw new SnapshotError(
      `it is of shard ${head.shard} of ${head.shards}, not ${shard} of ${shards}: were files or keys renamed?`,
    );
}
