/** Shards in memory that take snapshots, restore from them, and trim their logs. */
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { MemorySnapshotStore, type SnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import type { LogId, LogStream, StoredEntry, Witness } from "../../../src/wal/wal.ts";
import { followLog } from "../../../src/workers/recovery/follow.ts";
import { replayBatch } from "../../../src/workers/recovery/replay.ts";
import { restoreNewest } from "../../../src/workers/recovery/restore.ts";
import { type SnapshotReport, takeFrom } from "../../../src/workers/recovery/take-snapshot.ts";
import type { RunOptions } from "../cross-shard/compound-history.ts";
import { TrimmedStore } from "../shard/trimmed-store.ts";

export type Place = Readonly<{ shard: number; shards: number }>;

/** Takes a snapshot up to a batch, as the snapshot thread does. */
export function snapshotOf(
  stream: LogStream,
  snapshots: SnapshotStore,
  place: Place,
  until: LogId,
  epoch = 0,
): Promise<SnapshotReport> {
  return takeFrom(stream, snapshots, { generation: 1, epoch, ...place, until, pauseMs: 0 });
}

/** The ids of the batches among the entries. */
export function batchIds(entries: readonly StoredEntry[]): LogId[] {
  return entries.filter(({ id }) => id.seq > 0).map(({ id }) => id);
}

/** The state after all entries, and the state that a start from `snapshots` recovers, both as text lines. */
export async function compareStates(
  all: readonly StoredEntry[],
  kept: readonly StoredEntry[],
  snapshots: SnapshotStore,
  place: Place,
): Promise<Readonly<{ whole: readonly string[]; started: readonly string[]; from: LogId | undefined }>> {
  const ledger = new Ledger(place.shard, place.shards);
  const { snapshot } = await restoreNewest(snapshots, ledger, place);
  await follow(kept, ledger, snapshot?.head);
  // Keys are listed by their hashes; the snapshot contains the secret of the hash.
  const { seed } = ledger.state.keys;
  const whole = new Ledger(place.shard, place.shards, () => new Uint8Array(new Uint32Array(seed).buffer));
  await follow(all, whole, undefined);
  return { whole: [...whole.stateLines(0)], started: [...ledger.stateLines(0)], from: snapshot?.head.id };
}

async function follow(
  entries: readonly StoredEntry[],
  ledger: Ledger,
  from: Witness | undefined,
): Promise<void> {
  const stream = logOf(entries).open();
  await followLog(stream, from, {}, (batch) => replayBatch(ledger, stream.name, batch));
}

export function logOf(entries: readonly StoredEntry[]): MemoryStore {
  const store = new MemoryStore("a copy");
  for (const { id, bytes } of entries) store.store(id, bytes, true);
  return store;
}

export class KeptShards {
  readonly stores: readonly TrimmedStore[];
  readonly snapshots: readonly MemorySnapshotStore[];
  readonly #random: (below: number) => number;
  #taking: Promise<unknown> = Promise.resolve();
  /** The number of starts that found a snapshot, and of snapshots taken. */
  restored = 0;
  taken = 0;

  constructor(shards: number, random: (below: number) => number) {
    this.#random = random;
    this.stores = Array.from({ length: shards }, (_, shard) => new TrimmedStore(`s${shard}`));
    this.snapshots = this.stores.map(({ name }) => new MemorySnapshotStore(`${name}:snapshot`));
  }

  /** For a test run: its logs, how its shards restore, and a snapshot at intervals. */
  get options(): RunOptions {
    return {
      stores: this.stores,
      restore: (shard) => async (ledger) => {
        const place = { shard, shards: this.stores.length };
        const restored = await restoreNewest(this.snapshots[shard] as MemorySnapshotStore, ledger, place);
        if (restored.snapshot !== undefined) this.restored += 1;
        return restored;
      },
      onDisturb: () => {
        if (this.#random(6) === 0) this.#begin(this.#random(this.stores.length));
      },
    };
  }

  /** Rejects if one of the snapshots could not be taken. */
  async end(): Promise<void> {
    await this.#taking;
  }

  #begin(shard: number): void {
    this.#taking = this.#taking.then(() => this.#take(shard));
    // `end` reports it.
    this.#taking.catch(() => {});
  }

  async #take(shard: number): Promise<void> {
    const store = this.stores[shard] as TrimmedStore;
    const until = batchIds(store.entries).at(-1);
    if (until === undefined) return;
    const place = { shard, shards: this.stores.length };
    const snapshots = this.snapshots[shard] as MemorySnapshotStore;
    const { older } = await snapshotOf(store.open(), snapshots, place, until);
    this.taken += 1;
    if (older !== undefined) store.trim(older, Number.POSITIVE_INFINITY);
  }
}
