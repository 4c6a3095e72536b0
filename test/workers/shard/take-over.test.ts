/** A new owner of a log waits one lease, because the former owner may answer reads until its lease expires. */
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

/** @returns ms from the "proceed" message until the shard served. */
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

test("a shard waits one lease even if its own server has claimed the log after the other server", async () => {
  const store = await logOfAnother();
  // It ended before its wait was over.
  await journalOf(store, "two").claim();
  expect(await serve(store, "two")).toBeGreaterThan(LEASE_MS - 50);
});

test("the lease wait starts when all logs of the server are claimed: until then a former owner of another shard may answer", async () => {
  expect(await serve(await logOfAnother(), "two", LEASE_MS / 2)).toBeGreaterThan(LEASE_MS - 50);
});
