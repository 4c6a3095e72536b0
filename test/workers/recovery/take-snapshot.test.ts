/** How a snapshot is taken: from the previous one and the log since then, into a free slot, and then verified. */
import { beforeAll, expect, test, vi } from "vitest";
import * as image from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { coversTrim, freeSlot, inspectSlots, snapshotsIn } from "../../../src/wal/snapshots/snapshot.ts";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import { formatLogId, LogError, type LogId } from "../../../src/wal/wal.ts";
import { restoreNewest } from "../../../src/workers/recovery/restore.ts";
import { PLACE, writeLogs } from "./large-log.ts";
import { batchIds, compareStates, logOf, snapshotOf } from "./snapshotting-shards.ts";

vi.mock("../../../src/actors/ledger/image.ts", { spy: true });

let store: MemoryStore;
let ids: readonly LogId[];

beforeAll(async () => {
  [store = new MemoryStore("none")] = await writeLogs(60);
  ids = batchIds(store.entries);
});

const positions = async (snapshots: MemorySnapshotStore) =>
  snapshotsIn(await inspectSlots(snapshots)).map(({ head }) => formatLogId(head.id));

const take = (snapshots: MemorySnapshotStore, until: LogId | undefined) =>
  snapshotOf(logOf(store.entries).open(), snapshots, PLACE, until ?? { epoch: 9, seq: 9 });

test("each snapshot starts from the previous one, two are kept, and the third slot is empty", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  const reports = [];
  for (const cut of [20, 40, 60, 80, 100]) reports.push(await take(snapshots, ids[cut]));
  expect(reports.map(({ replayed }) => replayed)).toEqual([21, 20, 20, 20, 20]);
  expect(reports.map(({ older }) => older && older.seq)).toEqual([undefined, 21, 41, 61, 81]);
  expect(reports.map(({ snapshot }) => snapshot.head.records)).toEqual([21, 41, 61, 81, 101]);
  expect(await positions(snapshots)).toEqual(["1-101", "1-81"]);
  expect((await inspectSlots(snapshots)).filter(({ kind }) => kind === "empty").length).toBe(1);
  const { whole, started, from } = await compareStates(store.entries, store.entries, snapshots, PLACE);
  expect(from).toMatchObject(ids[100] ?? {});
  expect(started).toEqual(whole);
});

test("if nothing was logged since the last snapshot, nothing is written", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  await take(snapshots, ids[20]);
  const before = structuredClone(snapshots.slots);
  expect(await take(snapshots, ids[20])).toMatchObject({ replayed: 0, older: undefined });
  expect(snapshots.slots).toEqual(before);
});

test("the log may be trimmed up to the older of two snapshots, as long as both are there", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  const [older, newer] = [ids[20], ids[40]] as [LogId, LogId];
  await take(snapshots, older);
  expect(await coversTrim(snapshots, older)).toBe(false);
  await take(snapshots, newer);
  expect(await coversTrim(snapshots, older)).toBe(true);
  expect(await coversTrim(snapshots, newer)).toBe(false);
  // A replica that lacks the newer one became the primary.
  const lost = snapshotsIn(await inspectSlots(snapshots))[0];
  await snapshots.clear(lost?.slot ?? 0);
  expect(await coversTrim(snapshots, older)).toBe(false);
});

test("a partial snapshot is no obstacle, and the next snapshot uses its slot", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  for (const cut of [20, 40, 60]) await take(snapshots, ids[cut]);
  // Two snapshots are in slots 1 and 2; the server was killed while it wrote the next one.
  const half = (snapshots.slots[2] ?? []).slice(0, 2).map((chunk) => new Uint8Array(chunk));
  snapshots.slots[0] = half;
  expect(freeSlot(await inspectSlots(snapshots), 0)).toBe(0);
  const ledger = new Ledger(PLACE.shard, PLACE.shards);
  const { snapshot, passedOver } = await restoreNewest(snapshots, ledger, PLACE);
  expect(snapshot?.head.id).toMatchObject(ids[60] ?? {});
  expect(passedOver).toEqual([expect.stringContaining("slot 0: it is incomplete")]);
  await take(snapshots, ids[80]);
  expect(await positions(snapshots)).toEqual(["1-81", "1-61"]);
  expect(snapshots.slots[1]).toEqual([]);
});

test.each(["the first chunk", "a block", "the end"])(
  "with a store that refuses %s, the kept snapshots stay, and no partial one is left",
  async (which) => {
    const snapshots = new MemorySnapshotStore("snapshots");
    for (const cut of [20, 40]) await take(snapshots, ids[cut]);
    const accepted = { "the first chunk": 0, "a block": 1, "the end": 2 }[which] ?? 0;
    let appended = 0;
    const append = vi.spyOn(snapshots, "append").mockImplementation(async (slot, chunk) => {
      if (appended++ === accepted) throw new LogError("log_unavailable", "there is no room");
      (snapshots.slots[slot] ??= []).push(new Uint8Array(chunk));
    });
    await expect(take(snapshots, ids[60])).rejects.toThrow("there is no room");
    append.mockRestore();
    expect(await positions(snapshots)).toEqual(["1-41", "1-21"]);
    expect(snapshots.slots[2]).toEqual([]);
    expect((await take(snapshots, ids[60])).older).toMatchObject(ids[40] ?? {});
  },
);

type Writer = typeof image.imageOf;

test.each<[string, (imageOf: Writer) => Writer]>([
  [
    "leaves out the messages to other shards",
    (imageOf) => (state) => imageOf(new Proxy<typeof state>(state, { get: withoutExchanges })),
  ],
  [
    "leaves out the end",
    (imageOf) =>
      function* (state) {
        yield* [...imageOf(state)].slice(0, -1);
      },
  ],
  [
    "writes everything twice",
    (imageOf) =>
      function* (state) {
        yield* [...imageOf(state), ...imageOf(state)];
      },
  ],
])("a snapshot by a writer that %s is not kept", async (_, spoil) => {
  const snapshots = new MemorySnapshotStore("snapshots");
  const last = ids.at(-1);
  for (const cut of [20, 40]) await take(snapshots, ids[cut]);
  const { imageOf } = await vi.importActual<typeof image>("../../../src/actors/ledger/image.ts");
  vi.mocked(image.imageOf).mockImplementation(spoil(imageOf));
  await expect(take(snapshots, last)).rejects.toThrow(/the snapshot at 1-\d+ is not kept/);
  vi.mocked(image.imageOf).mockImplementation(imageOf);
  expect(await positions(snapshots)).toEqual(["1-41", "1-21"]);
  expect(snapshots.slots[2]).toEqual([]);
  expect((await take(snapshots, last)).older).toMatchObject(ids[40] ?? {});
});

function withoutExchanges(state: object, name: string | symbol): unknown {
  return name === "exchanges" ? new Map() : Reflect.get(state, name, state);
}

test("a log that ends before the requested batch has lost data", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  await expect(take(snapshots, undefined)).rejects.toMatchObject({ code: "log_lost_data" });
  expect(snapshots.slots).toEqual([[], [], []]);
});

test("from a damaged log no snapshot is taken, and existing snapshots are kept", async () => {
  const snapshots = new MemorySnapshotStore("snapshots");
  for (const cut of [20, 40]) await take(snapshots, ids[cut]);
  const damaged = logOf(store.entries);
  damaged.flipBit(60, 100, 3);
  const until = ids[80];
  if (until === undefined) throw new Error("the log is too short");
  await expect(snapshotOf(damaged.open(), snapshots, PLACE, until)).rejects.toMatchObject({
    code: "log_corrupt",
  });
  expect(await positions(snapshots)).toEqual(["1-41", "1-21"]);
});
