/** What a new owner of a log waits for: the other one may answer reads until its lease is over. */
import { expect, test } from "vitest";
import { StreamJournal } from "../../../src/wal/journal.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { LEASE_MS } from "../../../src/workers/shard/lease.ts";
import { ShardHost } from "../../../src/workers/shard/shard-host.ts";
import { account, mustPost, startShard } from "./memory-shards.ts";

function journalOf(store: MemoryStore, instance: string): StreamJournal {
  const claimant = { instance, generation: 1, shard: 0, shards: 1 };
  return new StreamJournal({ stream: store.open(), claimant, witnesses: [], mayCreate: false });
}

/** @returns how long the shard took from the word to proceed until it served. */
async function serve(store: MemoryStore, instance: string, proceedAfterMs = 0): Promise<number> {
  const ready = Promise.withResolvers<void>();
  let proceedMs = 0;
  const host = new ShardHost({
    shard: 0,
    shards: 1,
    journal: journalOf(store, instance),
    clocks: { wallMs: Date.now, uptimeMs: () => performance.now() },
    threadId: 0,
    failpoints: [],
    takesOver: true,
    onDurable: () => {},
    warnings: () => [],
    post: ({ type }) => {
      if (type === "ready") ready.resolve();
      if (type === "inspected") host.control({ type: "claim" });
      if (type !== "claimed") return;
      setTimeout(() => {
        proceedMs = performance.now();
        host.control({ type: "proceed" });
      }, proceedAfterMs);
    },
  });
  const exited = host.run();
  await ready.promise;
  const tookMs = performance.now() - proceedMs;
  host.control({ type: "stop" });
  await exited;
  return tookMs;
}

async function logOfAnother(): Promise<MemoryStore> {
  const store = new MemoryStore("log");
  await mustPost((await startShard(store, "one")).gateway, account("a"));
  return store;
}

test("a shard waits one lease although its own server has claimed the log since the other one", async () => {
  const store = await logOfAnother();
  // It ended before it had waited.
  await journalOf(store, "two").claim();
  expect(await serve(store, "two")).toBeGreaterThan(LEASE_MS - 50);
});

test("the lease counts from when all logs of the server are claimed: another shard's owner may answer until then", async () => {
  expect(await serve(await logOfAnother(), "two", LEASE_MS / 2)).toBeGreaterThan(LEASE_MS - 50);
});
