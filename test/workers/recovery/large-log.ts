/** A log of one of two shards, whose snapshots have several blocks. */
import { MemoryStore } from "../../../src/wal/memory.ts";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import type { LogId } from "../../../src/wal/wal.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
import { account, MemoryCluster, mustPost, transfer } from "../shard/memory-shards.ts";
import { batchIds, logOf, type Place, snapshotOf } from "./snapshotting-shards.ts";

const SHARDS = 2;
const METADATA = JSON.stringify({ note: "x".repeat(900) });

export const PLACE: Place = { shard: 0, shards: SHARDS };

/** The entries of both shards' logs, after their owners have ended. */
export async function writeLogs(accounts: number): Promise<readonly MemoryStore[]> {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")];
  const cluster = await MemoryCluster.start(stores);
  for (const shard of stores.keys()) {
    for (const id of idsOn(shard, SHARDS, accounts)) {
      await mustPost(cluster.gateway, { ...account(id), metadata: METADATA });
      await mustPost(cluster.gateway, transfer("@issuance", id, 5, `fund ${id}`));
    }
  }
  const [here = "", there = ""] = stores.map((_, shard) => idsOn(shard, SHARDS, 1)[0]);
  for (const amount of [1, 2]) await mustPost(cluster.gateway, transfer(here, there, amount));
  for (const shard of stores.keys()) await cluster.stop(shard);
  return stores;
}

/** A copy, for tests that damage it. */
export function copyOf(snapshots: MemorySnapshotStore): MemorySnapshotStore {
  const copy = new MemorySnapshotStore(snapshots.name);
  for (const [slot, chunks] of snapshots.slots.entries())
    copy.slots[slot] = chunks.map((chunk) => new Uint8Array(chunk));
  return copy;
}

export type TwoSnapshots = Readonly<{
  store: MemoryStore;
  /** The older snapshot is in slot 0, the newer one in slot 1. */
  snapshots: MemorySnapshotStore;
  older: LogId;
  newer: LogId;
}>;

/** Two snapshots of a log: one of most of it, one of slightly more. */
export async function takeTwo(store: MemoryStore, place: Place = PLACE): Promise<TwoSnapshots> {
  const ids = batchIds(store.entries);
  const [older, newer] = [ids.at(-20), ids.at(-10)];
  if (older === undefined || newer === undefined) throw new Error("the log is too short");
  const snapshots = new MemorySnapshotStore("snapshots");
  for (const until of [older, newer]) await snapshotOf(logOf(store.entries).open(), snapshots, place, until);
  return { store, snapshots, older, newer };
}
