/**
 * Formats live long: what any released version has written is read by this one. A folder for each version of a format;
 * they are never written again.
 */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../src/actors/ledger/ledger.ts";
import { OPS } from "../../src/actors/records/record-kinds.ts";
import { FORMAT_VERSION } from "../../src/wal/frame.ts";
import { inspectSlots, SNAPSHOT_VERSION, snapshotsIn } from "../../src/wal/snapshots/snapshot.ts";
import type { Witness } from "../../src/wal/wal.ts";
import { followLog } from "../../src/workers/recovery/follow.ts";
import { replayBatch } from "../../src/workers/recovery/replay.ts";
import { restore } from "../../src/workers/recovery/restore.ts";
import { noting, readFixture, summaryOf } from "./fixture.ts";

/** By folder, the versions of the frames and of the snapshots in it. */
const FOLDERS = {
  v1: { frames: 1, snapshots: 1 },
  "v1-programmes": { frames: 1, snapshots: 1 },
} as const;
const NEWEST = "v1-programmes";

describe.each(Object.entries(FOLDERS))("%s", (version, versions) => {
  const { shards, logs, snapshots, expected, kinds } = readFixture(version);

  const replay = (shard: number, ledger: Ledger, from?: Witness) => {
    const log = logs[shard];
    if (log === undefined) throw new Error(`no log of shard ${shard}`);
    return followLog(log.open(), from, {}, (batch) => replayBatch(ledger, log.name, batch));
  };

  test("the log replays to the state that it had, and has every kind of record that there was", async () => {
    const found = new Set<string>();
    for (let shard = 0; shard < shards; shard++) {
      const ledger = noting(new Ledger(shard, shards), found);
      await replay(shard, ledger);
      expect(summaryOf(ledger), `shard ${shard}`).toEqual(expected[shard]);
    }
    expect([...found].toSorted()).toEqual(kinds);
  });

  test("each of its two snapshots and the rest of the log are the same state", async () => {
    for (const [shard, store] of snapshots.entries()) {
      const kept = snapshotsIn(await inspectSlots(store));
      expect(kept).toHaveLength(2);
      for (const snapshot of kept) {
        const ledger = new Ledger(shard, shards);
        await restore(store, snapshot, ledger);
        await replay(shard, ledger, snapshot.head);
        expect(summaryOf(ledger), `shard ${shard} from ${snapshot.head.records}`).toEqual(expected[shard]);
      }
    }
  });

  test("its frames and its chunks say which version they are", () => {
    for (const log of logs)
      expect(new Set(log.entries.map(({ bytes }) => bytes[4]))).toEqual(new Set([versions.frames]));
    const chunks = snapshots.flatMap(({ slots }) => slots.flat());
    expect(new Set(chunks.map((chunk) => chunk[4]))).toEqual(new Set([versions.snapshots]));
  });
});

test("what this version writes has a folder: who raises a version, or adds a kind of record, adds one with make-fixture.ts", () => {
  const written = { frames: FORMAT_VERSION, snapshots: SNAPSHOT_VERSION };
  expect(Object.values<object>(FOLDERS)).toContainEqual(written);
  expect(readFixture(NEWEST).kinds).toEqual(expect.arrayContaining(Object.keys(OPS)));
});
