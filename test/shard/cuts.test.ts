/** Consistent cuts, step by step: what is on its way is in them, and none holds up another for good. */
import { afterEach, expect, test, vi } from "vitest";
import type { Query, QueryResults } from "../../src/shard/messages.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import { idsOn } from "./crossing-history.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "./memory-shards.ts";

const [A = "", A2 = ""] = idsOn(0, 2, 2);
const [B = ""] = idsOn(1, 2, 1);

afterEach(() => {
  vi.restoreAllMocks();
});

/** Account A with 100 on shard 0; account B on shard 1. */
async function begun() {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores);
  for (const id of [A, A2, B]) await mustPost(cluster.gateway, account(id));
  await mustPost(cluster.gateway, transfer("@issuance", A, 100));
  const ask = async <Q extends Query>(shard: number, query: Q): Promise<QueryResults[Q[0]]> => {
    const reached = await cluster.links[shard]?.ask("acme", query);
    return reached?.result as QueryResults[Q[0]];
  };
  return { stores, gateway: cluster.gateway, ask };
}

/** From here on everything happens so much later. */
function passes(ms: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + ms);
}

function hasForgotten(store: MemoryStore): boolean {
  return recordsOf(store, 0).some(({ record: { command } }) => command.op === "delivered");
}

test("what was sent before a shard is looked at stays on its way, although it arrives where the look is over", async () => {
  const { stores, gateway, ask } = await begun();
  expect(await ask(0, ["halt", "1"])).toEqual([[1, 0]]);
  expect(await ask(1, ["halt", "1"])).toEqual([[0, 0]]);
  const moved = gateway.submit(transfer(A, B, 30));
  expect(await isPending(moved)).toBe(true);
  const there = await ask(1, ["capture", "1", [A, B], [[0, 0]]]);
  expect(there).toMatchObject({ accounts: [{ id: B, posted: 0 }], inTransit: [] });
  expect(await moved).toMatchObject({ outcome: { ok: true, creditPosted: 30 } });
  // Whatever is written next could say that the message is not needed any more.
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(false);
  const here = await ask(0, ["capture", "1", [A, B], [[1, 0]]]);
  expect(here).toMatchObject({ accounts: [{ id: A, posted: 70 }], inTransit: [["PTS/0", "30"]] });
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(true);
});

test("a cut that waits for another one does not keep the end of that one from coming", async () => {
  const { ask } = await begun();
  await ask(0, ["halt", "1"]);
  passes(100);
  const second = ask(0, ["halt", "2"]);
  expect(await isPending(second)).toBe(true);
  expect(await ask(0, ["capture", "1", [A], []])).toMatchObject({ accounts: [{ id: A }] });
  expect(await second).toEqual([[1, 0]]);
  expect(await ask(0, ["capture", "2", [A], []])).toMatchObject({ accounts: [{ id: A }] });
});

test("a cut does not wait for a later one, which may wait for it on another shard", async () => {
  const { ask } = await begun();
  await ask(0, ["halt", "1"]);
  await ask(1, ["halt", "2"]);
  passes(100);
  const second = ask(0, ["halt", "2"]);
  expect(await isPending(second)).toBe(true);
  expect(await ask(1, ["halt", "1"])).toEqual([[0, 0]]);
  for (const shard of [0, 1])
    expect(await ask(shard, ["capture", "1", [A, B], []])).toMatchObject({ accounts: [{}] });
  await second;
  for (const shard of [0, 1])
    expect(await ask(shard, ["capture", "2", [A, B], []])).toMatchObject({ accounts: [{}] });
});
