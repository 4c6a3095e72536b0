/** A former owner of a shard that is still writing a snapshot damages no snapshot of the present owner. */
import { beforeAll, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { checkSnapshot, inspectSlots, snapshotsIn } from "../../../src/wal/snapshots/snapshot.ts";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import { formatLogId, type LogId } from "../../../src/wal/wal.ts";
import { restoreNewest } from "../../../src/workers/recovery/restore.ts";
import { PLACE, writeLogs } from "./large-log.ts";
import { batchIds, logOf, snapshotOf } from "./snapshotting-shards.ts";

const FORMER = 7;
const PRESENT = 8;

let store: MemoryStore;
let ids: readonly LogId[];

beforeAll(async () => {
  [store = new MemoryStore("none")] = await writeLogs(60);
  ids = batchIds(store.entries);
});

/** The same slots over another connection, which pauses before its write number `pauseAt` until `proceed`. */
class PausedStore extends MemorySnapshotStore {
  readonly #shared: MemorySnapshotStore;
  readonly #pauseAt: number;
  readonly paused = Promise.withResolvers<void>();
  readonly proceed = Promise.withResolvers<void>();
  #writes = 0;

  constructor(shared: MemorySnapshotStore, pauseAt: number) {
    super(shared.name);
    this.#shared = shared;
    this.#pauseAt = pauseAt;
  }

  override used = () => this.#shared.used();
  override read = (...args: Parameters<MemorySnapshotStore["read"]>) => this.#shared.read(...args);
  override last = (slot: number) => this.#shared.last(slot);

  override async append(slot: number, chunk: Uint8Array): Promise<void> {
    await this.#wait();
    await this.#shared.append(slot, chunk);
  }

  override async clear(slot: number): Promise<void> {
    await this.#wait();
    await this.#shared.clear(slot);
  }

  async #wait(): Promise<void> {
    if (this.#writes++ !== this.#pauseAt) return;
    this.paused.resolve();
    await this.proceed.promise;
  }
}

const take = (snapshots: MemorySnapshotStore, cut: number, epoch: number) =>
  snapshotOf(logOf(store.entries).open(), snapshots, PLACE, ids[cut] as LogId, epoch);

async function kept(snapshots: MemorySnapshotStore): Promise<readonly string[]> {
  const found = snapshotsIn(await inspectSlots(snapshots));
  for (const snapshot of found) await checkSnapshot(snapshots, snapshot);
  return found.map(({ head }) => formatLogId(head.id));
}

// It clears its slot, writes a head, blocks and an end, and clears the slot of the third-newest.
test.each(Array.from({ length: 9 }, (_, i) => i))(
  "paused before its write %i: the present owner's snapshots are undamaged, also the one that allowed its last trim",
  async (pauseAt) => {
    const snapshots = new MemorySnapshotStore("snapshots");
    for (const cut of [10, 20]) await take(snapshots, cut, FORMER);
    const former = new PausedStore(snapshots, pauseAt);
    const late = take(former, 30, FORMER).catch(() => undefined);
    await Promise.race([former.paused.promise, late]);
    const reports = [];
    for (const cut of [40, 50, 60]) reports.push(await take(snapshots, cut, PRESENT));
    former.proceed.resolve();
    await late;
    const positions = [ids[60], ids[50]].map((id) => formatLogId(id as LogId));
    expect((await kept(snapshots)).slice(0, 2)).toEqual(positions);
    expect(reports.at(-1)?.older).toMatchObject(ids[50] as LogId);
    const { snapshot, passedOver } = await restoreNewest(
      snapshots,
      new Ledger(PLACE.shard, PLACE.shards),
      PLACE,
    );
    expect(snapshot?.head.id).toMatchObject(ids[60] as LogId);
    expect(passedOver).toEqual([]);
  },
);

test("snapshots from before slots had epochs are found, and are replaced by newer ones", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  for (const cut of [10, 20]) await take(snapshots, cut, 0);
  expect(await take(snapshots, 30, PRESENT)).toMatchObject({ replayed: 10, older: ids[20] });
  await take(snapshots, 40, PRESENT);
  expect(await kept(snapshots)).toEqual([formatLogId(ids[40] as LogId), formatLogId(ids[30] as LogId)]);
  expect(snapshots.slots.slice(0, 3)).toEqual([[], [], []]);
});
