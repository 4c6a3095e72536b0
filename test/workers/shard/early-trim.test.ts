import { expect, test } from "vitest";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

/** A timer that is set later, and for longer, fires after the shard's own timer. */
const LATER_MS = 100;

test("a shard that is told to trim before its log answers starts with its whole log", async () => {
  const store = new MemoryStore("s0");
  const cluster = await MemoryCluster.start([store]);
  await mustPost(cluster.gateway, account("alice"));
  await mustPost(cluster.gateway, transfer("@issuance", "alice", 5));
  await cluster.stop(0);
  const entries = store.entries.length;

  store.reachable = false;
  const launched = cluster.launch(0);
  cluster.running(0)?.host.control({ type: "trim", below: { epoch: 1, seq: 1 } });
  await new Promise((resolve) => setTimeout(resolve, LATER_MS));
  store.reachable = true;
  await launched;

  expect((await cluster.gateway.account("acme", "alice"))?.posted).toBe(5);
  expect(store.entries.length).toBe(entries + 1);
  await cluster.stop(0);
});
