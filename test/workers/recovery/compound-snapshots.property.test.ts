/** Snapshots in the middle of random histories of all commands over several shards that crash. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemorySnapshotStore } from "../../../src/wal/snapshots/snapshot-store.ts";
import { history, type Step } from "../../actors/ledger/histories.ts";
import { runCrowd } from "../cross-shard/compound-crowd.ts";
import { runSequence } from "../cross-shard/compound-sequence.ts";
import { randomOf } from "../cross-shard/cross-shard-history.ts";
import { batchIds, compareStates, KeptShards, logOf, snapshotOf } from "./snapshotting-shards.ts";

const HISTORIES = Number(process.env["HISTORIES"] ?? 5);
const FIRST_SEED = Number(process.env["SEED"] ?? 1);
/** Number of first steps, which create accounts with funds. */
const BEGINNING = 10;
/** With this many histories, some shards are restored from snapshots on trimmed logs. */
const MANY = 5;

const seeds = Array.from({ length: HISTORIES }, (_, i) => FIRST_SEED + i);
const historyOf = (seed: number): readonly Step[] => fc.sample(history, { seed, numRuns: 1 })[0] ?? [];

/** At random positions, a snapshot, a later one on top of it, and the rest of the log give the whole state. */
async function checkCuts(kept: KeptShards, random: (below: number) => number): Promise<void> {
  for (const [shard, { history: entries }] of kept.stores.entries()) {
    const place = { shard, shards: kept.stores.length };
    const ids = batchIds(entries);
    for (const later of [0, 1, 2].map(() => random(ids.length))) {
      const snapshots = new MemorySnapshotStore("cut");
      for (const cut of [random(later + 1), later]) {
        const until = ids[cut];
        if (until === undefined) continue;
        await snapshotOf(logOf(entries).open(), snapshots, place, until);
        const { whole, started, from } = await compareStates(entries, entries, snapshots, place);
        expect(from).toEqual(until);
        expect(started).toEqual(whole);
      }
    }
    // As the shard itself would start.
    const [store, snapshots] = [kept.stores[shard], kept.snapshots[shard]] as const;
    if (store === undefined || snapshots === undefined) throw new Error(`no shard ${shard}`);
    const { whole, started } = await compareStates(entries, store.entries, snapshots, place);
    expect(started).toEqual(whole);
  }
}

describe.each([2, 3])("over %i shards", (shards) => {
  test.each([
    [
      "one command after the other",
      (steps: readonly Step[], seed: number, kept: KeptShards) =>
        runSequence(steps, seed, shards, kept.options),
    ],
    [
      "many at once",
      (steps: readonly Step[], seed: number, kept: KeptShards) =>
        runCrowd(steps, BEGINNING, seed, shards, kept.options),
    ],
  ])(
    "I9: %s, shards start from snapshots on trimmed logs, and no reply differs because of that",
    async (_, run) => {
      const total = { taken: 0, restored: 0, trimmed: 0 };
      for (const seed of seeds) {
        const random = randomOf(seed);
        const kept = new KeptShards(shards, random);
        const { problems } = await run(historyOf(seed), seed, kept);
        expect(problems, `SEED=${seed} HISTORIES=1, ${shards} shards`).toEqual([]);
        await kept.end();
        await checkCuts(kept, random);
        total.taken += kept.taken;
        total.restored += kept.restored;
        for (const { trimmed } of kept.stores) total.trimmed += trimmed;
      }
      if (HISTORIES < MANY) return;
      // Otherwise the run would have tested little.
      expect(total.taken).toBeGreaterThan(4 * HISTORIES);
      expect(total.restored).toBeGreaterThan(HISTORIES);
      expect(total.trimmed).toBeGreaterThan(8 * HISTORIES);
    },
    120_000,
  );
});
