/** A damaged snapshot is skipped with a reason; the log provides the rest, or the start is refused. */
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { MemoryStore } from "../../../src/wal/memory.ts";
import { inspectSlots, snapshotsIn, writeSnapshot } from "../../../src/wal/snapshots/snapshot.ts";
import type { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import { formatLogId, type StoredEntry } from "../../../src/wal/wal.ts";
import { type Recovered, recover } from "../../../src/workers/recovery/recover.ts";
import { restoreNewest } from "../../../src/workers/recovery/restore.ts";
import { makeJournal } from "../../wal/journal-contract.ts";
import { copyOf, PLACE, type TwoSnapshots, takeTwo, writeLogs } from "./large-log.ts";
import { compareStates, logOf, snapshotOf } from "./snapshotting-shards.ts";

/** Slots of `takeTwo`. */
const [OLDER, NEWER] = [0, 1] as const;

let two: TwoSnapshots;
let foreign: TwoSnapshots;

beforeAll(async () => {
  const [store, other] = (await writeLogs(150)) as [MemoryStore, MemoryStore];
  two = await takeTwo(store);
  foreign = await takeTwo(other, { shard: 1, shards: 2 });
});

/** The result of a start on `entries` with damaged snapshots. */
async function start(snapshots: MemorySnapshotStore, entries: readonly StoredEntry[] = two.store.entries) {
  const warnings: string[] = [];
  const ledger = new Ledger(PLACE.shard, PLACE.shards);
  const journal = makeJournal(logOf(entries).open(), {
    claimant: { instance: "next", generation: 1, ...PLACE },
  });
  await journal.claim();
  const recovered: Recovered = await recover({
    journal,
    ledger,
    restore: (empty) => restoreNewest(snapshots, empty, PLACE),
    progress: () => {},
    warn: (message) => warnings.push(message),
  });
  const whole = await compareStates(two.store.entries, entries, snapshots, PLACE);
  return { ...recovered, warnings, lines: [...ledger.stateLines(0)], whole: whole.whole };
}

type Damage = (chunks: Uint8Array[], two: TwoSnapshots) => Uint8Array[];

function flip(chunk: Uint8Array | undefined, byte: number): Uint8Array {
  const damaged = new Uint8Array(chunk ?? []);
  damaged[byte] = (damaged[byte] ?? 0) ^ 0x10;
  return damaged;
}

/** The same chunk as another version would have written it, undamaged. */
function otherVersion(chunk: Uint8Array | undefined): Uint8Array {
  const other = Buffer.from(chunk ?? []);
  other[4] = 2;
  other.writeUInt32LE(crc32(other.subarray(16), crc32(other.subarray(0, 12))), 12);
  return other;
}

const DAMAGES: readonly (readonly [string, Damage, RegExp])[] = [
  ["its head is missing", (chunks) => chunks.slice(1), /chunk 1 is in the position of chunk 0/],
  [
    "a block is missing",
    (chunks) => chunks.toSpliced(2, 1),
    /its end belongs to another snapshot|is in the position of/,
  ],
  ["its end is missing", (chunks) => chunks.slice(0, -1), /it is incomplete/],
  ["all but its head is missing", (chunks) => chunks.slice(0, 1), /it is incomplete/],
  [
    "two blocks are swapped",
    (chunks) => chunks.with(1, chunks[2] as Uint8Array).with(2, chunks[1] as Uint8Array),
    /chunk 2 is in the position of chunk 1/,
  ],
  [
    "a block is there twice",
    (chunks) => chunks.toSpliced(2, 0, chunks[1] as Uint8Array),
    /chunk 1 is in the position of chunk 2/,
  ],
  [
    "a block is of the previous snapshot",
    (chunks, { snapshots }) => chunks.with(2, snapshots.slots[OLDER]?.[2] as Uint8Array),
    /chunk 2 is of the snapshot 1-/,
  ],
  [
    "its end is of the previous snapshot",
    (chunks, { snapshots }) => [...chunks.slice(0, -1), snapshots.slots[OLDER]?.at(-1) as Uint8Array],
    /it is incomplete/,
  ],
  [
    "bytes that are no chunk follow it",
    (chunks) => [...chunks, Buffer.from("something else")],
    /not part of a snapshot/,
  ],
  [
    "a block of the log follows it",
    (chunks, { store }) => [...chunks, store.entries[5]?.bytes as Uint8Array],
    /not part of a snapshot/,
  ],
  [
    "a chunk is cut short",
    (chunks) => chunks.with(1, (chunks[1] as Uint8Array).slice(0, 1000)),
    /crc mismatch in chunk 1: damaged bytes/,
  ],
  ["a chunk is empty", (chunks) => chunks.with(1, new Uint8Array(0)), /chunk 1 is not part of a snapshot/],
  [
    "it is of a later version",
    (chunks) => chunks.map(otherVersion),
    /it is of version 2: this program reads version 1/,
  ],
  [
    "it is of another shard",
    () => foreign.snapshots.slots[NEWER] ?? [],
    /it is of shard 1 of 2, not 0 of 2: were files or keys renamed/,
  ],
];

function damaged(damage: Damage, slot: number = NEWER): MemorySnapshotStore {
  const copy = copyOf(two.snapshots);
  copy.slots[slot] = damage(copy.slots[slot] as Uint8Array[], two);
  return copy;
}

test("the snapshots under test have several blocks, and a start loads the newer one", async () => {
  for (const slot of [OLDER, NEWER]) expect(two.snapshots.slots[slot]?.length).toBeGreaterThanOrEqual(5);
  expect(two.snapshots.slots[2]).toEqual([]);
  const { recovery, warnings, lines, whole } = await start(two.snapshots);
  expect(recovery.snapshotPosition).toBe(formatLogId(two.newer));
  expect([warnings, recovery.replayed]).toEqual([[], 10]);
  expect(lines).toEqual(whole);
});

async function expectPassedOver(snapshots: MemorySnapshotStore, reason: RegExp): Promise<void> {
  const { recovery, warnings, lines, whole } = await start(snapshots);
  expect(recovery.snapshotPosition).toBe(formatLogId(two.older));
  expect(recovery.replayed).toBe(20);
  expect(warnings).toEqual([expect.stringMatching(reason)]);
  expect(warnings[0]).not.toContain("\n");
  expect(lines).toEqual(whole);
}

describe("the newest snapshot is skipped for the previous one", () => {
  test.each(DAMAGES)("%s", async (_, damage, reason) => {
    await expectPassedOver(damaged(damage), reason);
  });

  test("a bit is flipped in any chunk, in each field of its header and in its bytes", async () => {
    const chunks = two.snapshots.slots[NEWER] ?? [];
    for (const [number, chunk] of chunks.entries()) {
      for (const byte of [0, 4, 5, 6, 8, 12, 16, 24, 32, chunk.length - 1]) {
        await expectPassedOver(
          damaged((all) => all.with(number, flip(chunk, byte))),
          /crc mismatch|not part of a snapshot|of version \d+/,
        );
      }
    }
  });

  test("each of its chunks is missing", async () => {
    for (const number of two.snapshots.slots[NEWER]?.keys() ?? [])
      await expectPassedOver(
        damaged((all) => all.toSpliced(number, 1)),
        /is in the position of|its end belongs to another snapshot|it is incomplete/,
      );
  });
});

test("without a good snapshot a complete log is replayed from its beginning", async () => {
  for (const [, damage] of DAMAGES) {
    const both = damaged(damage);
    both.slots[OLDER] = [flip(both.slots[OLDER]?.[0], 40)];
    const { recovery, warnings, lines, whole } = await start(both);
    expect(recovery.snapshotPosition).toBeNull();
    expect(warnings.length).toBe(2);
    expect(lines).toEqual(whole);
  }
});

test("on a trimmed log without a good snapshot, a start is refused with one line that names what is missing and what is bad", async () => {
  const kept = two.store.entries.slice(two.store.entries.findIndex(({ id }) => id.seq === two.older.seq));
  const older = await start(
    damaged((chunks) => chunks.slice(0, -1)),
    kept,
  ).catch((error: unknown) => error);
  expect(older).toMatchObject({ recovery: { snapshotPosition: formatLogId(two.older) } });
  const both = damaged((chunks) => chunks.slice(0, -1));
  both.slots[OLDER] = (both.slots[OLDER] ?? []).with(1, flip(both.slots[OLDER]?.[1], 50));
  const refused = await start(both, kept).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  expect(refused).toMatchObject({ code: "log_corrupt" });
  const { message = "" } = refused ?? {};
  const before = formatLogId({ epoch: 1, seq: two.older.seq - 1 });
  expect(message).toContain(`the log begins with a batch: ${before}, which it follows, is missing`);
  expect(message).toMatch(/bad snapshots: .*slot 1: it is incomplete/);
  expect(message).toContain(`the snapshot at ${formatLogId(two.older)}: crc mismatch in chunk 1`);
  expect(message).not.toContain("\n");
});

test("a snapshot newer than its log shows that the log has lost data", async () => {
  const { entries } = two.store;
  const lost = entries.slice(
    0,
    entries.findIndex(({ id }) => id.seq === two.newer.seq),
  );
  await expect(start(two.snapshots, lost)).rejects.toMatchObject({
    code: "log_lost_data",
    message: expect.stringContaining(`it held ${formatLogId(two.newer)} before and no longer does`),
  });
});

test("a snapshot with another history than its log shows that the log has lost data", async () => {
  const [other] = (await writeLogs(150)) as [MemoryStore];
  await expect(start(two.snapshots, other.entries)).rejects.toMatchObject({
    code: "log_lost_data",
    message: expect.stringContaining(`${formatLogId(two.newer)} is not the batch that it held before`),
  });
});

test("an undamaged snapshot of an unknown version is not skipped: the start is refused with one line", async () => {
  const snapshots = copyOf(two.snapshots);
  const [snapshot] = snapshotsIn(await inspectSlots(snapshots));
  if (snapshot === undefined) throw new Error("there is no snapshot");
  const unknown = [Uint8Array.of(0x91, 99)];
  await writeSnapshot(snapshots, NEWER, snapshot.head, unknown, async () => {});
  await expect(start(snapshots)).rejects.toMatchObject({
    code: "log_corrupt",
    message: `snapshots: the snapshot at ${formatLogId(two.newer)} cannot be read by this version: unknown item 99 in an image`,
  });
});

test("the next snapshot is made from the good one, and the bad one is removed", async () => {
  const snapshots = damaged((chunks) => chunks.with(1, flip(chunks[1], 50)));
  const until = two.store.entries.at(-1)?.id;
  if (until === undefined) throw new Error("the log is empty");
  const report = await snapshotOf(logOf(two.store.entries).open(), snapshots, PLACE, until);
  expect(report.passedOver).toEqual([expect.stringMatching(/crc mismatch in chunk 1/)]);
  expect(report.older).toMatchObject(two.older);
  expect(report.replayed).toBe(20);
  // Otherwise the log would be trimmed because of a bad snapshot.
  const { recovery, warnings } = await start(snapshots);
  expect([recovery.snapshotPosition, warnings]).toEqual([formatLogId(until), []]);
});
