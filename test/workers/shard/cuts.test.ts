/** Consistent cuts, step by step: they contain the amounts in transit, and no cut blocks another forever. */
import { afterEach, expect, test, vi } from "vitest";
import { MemoryStore } from "../../../src/wal/memory.ts";
import type { Query, QueryResults } from "../../../src/workers/shard/messages.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
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

/** Moves the clock forward. */
function passes(ms: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + ms);
}

function hasForgotten(store: MemoryStore): boolean {
  return recordsOf(store, 0).some(({ record: { command } }) => command.op === "delivered");
}

test("a message sent before a shard's capture counts as in transit, even if it arrives at a shard that is already captured", async () => {
  const { stores, gateway, ask } = await begun();
  expect(await ask(0, ["halt", "1", true])).toEqual([[1, 0]]);
  expect(await ask(1, ["halt", "1", true])).toEqual([[0, 0]]);
  const moved = gateway.submit(transfer(A, B, 30));
  expect(await isPending(moved)).toBe(true);
  const there = await ask(1, ["capture", "1", [A, B], [[0, 0]]]);
  expect(there).toMatchObject({ accounts: [{ id: B, posted: 0 }], inTransit: [] });
  expect(await moved).toMatchObject({ outcome: { ok: true, creditPosted: 30 } });
  // The next record could log that the message is not needed any more.
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(false);
  const here = await ask(0, ["capture", "1", [A, B], [[1, 0]]]);
  expect(here).toMatchObject({ accounts: [{ id: A, posted: 70 }], inTransit: [["PTS/0", "30"]] });
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(true);
});

test("a waiting cut does not block the capture of the cut that it waits for", async () => {
  const { ask } = await begun();
  await ask(0, ["halt", "1", true]);
  passes(100);
  const second = ask(0, ["halt", "2", true]);
  expect(await isPending(second)).toBe(true);
  expect(await ask(0, ["capture", "1", [A], []])).toMatchObject({ accounts: [{ id: A }] });
  expect(await second).toEqual([[1, 0]]);
  expect(await ask(0, ["capture", "2", [A], []])).toMatchObject({ accounts: [{ id: A }] });
});

test("a cut never waits for a younger cut, which may wait for it on another shard", async () => {
  const { ask } = await begun();
  await ask(0, ["halt", "1", true]);
  await ask(1, ["halt", "2", true]);
  passes(100);
  const second = ask(0, ["halt", "2", true]);
  expect(await isPending(second)).toBe(true);
  expect(await ask(1, ["halt", "1", true])).toEqual([[0, 0]]);
  for (const shard of [0, 1])
    expect(await ask(shard, ["capture", "1", [A, B], []])).toMatchObject({ accounts: [{}] });
  await second;
  for (const shard of [0, 1])
    expect(await ask(shard, ["capture", "2", [A, B], []])).toMatchObject({ accounts: [{}] });
});

test("a shard without accounts of the cut goes on handling messages, and keeps those that it sent until it is captured", async () => {
  const { stores, gateway, ask } = await begun();
  expect(await ask(0, ["halt", "1", false])).toEqual([[1, 0]]);
  expect(await ask(1, ["halt", "1", true])).toEqual([[0, 0]]);
  const brought = gateway.submit(transfer("@issuance", B, 9)).then(() => gateway.submit(transfer(B, A, 9)));
  expect(await brought).toMatchObject({ outcome: { ok: true, creditPosted: 109 } });
  await ask(1, ["capture", "1", [B], [[1, 0]]]);
  await mustPost(gateway, transfer(A, B, 30));
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(false);
  expect(await ask(0, ["capture", "1", [B], [[1, 0]]])).toMatchObject({ accounts: [], inTransit: [] });
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(true);
});

test("back-to-back cuts do not keep a shard from forgetting delivered messages", async () => {
  const { stores, gateway, ask } = await begun();
  await ask(0, ["halt", "1", false]);
  await mustPost(gateway, transfer(A, B, 1));
  await ask(0, ["halt", "2", false]);
  await ask(0, ["capture", "1", [B], [[1, 0]]]);
  await mustPost(gateway, transfer("@issuance", A2, 1));
  expect(hasForgotten(stores[0])).toBe(true);
});

test("for a transfer whose home is a third shard, undelivered amounts count as in transit, and a debit counts as negative", async () => {
  const [C = "", C2 = ""] = idsOn(2, 3, 2);
  const [from = ""] = idsOn(0, 3, 1);
  const [to = ""] = idsOn(1, 3, 1);
  const stores = [new MemoryStore("s0"), new MemoryStore("s1"), new MemoryStore("s2")] as const;
  const { gateway, links } = await MemoryCluster.start(stores);
  for (const id of [C, C2, from, to]) await mustPost(gateway, account(id, null));
  const ask = async <Q extends Query>(shard: number, query: Q) =>
    (await links[shard]?.ask("acme", query))?.result as QueryResults[Q[0]];
  const { op: _, debit: _debit, credit: _credit, amount: _amount, ...asked } = transfer(C, C2, 1);
  const postings = [
    { debit: C, credit: C2, amount: 1 },
    { debit: from, credit: to, amount: 7 },
  ];
  const kind = { available: false, pending: false, timeoutMs: null } as const;
  // From here on the debit's shard handles no messages, while the credit's shard still does.
  await ask(0, ["halt", "1", true]);
  const moved = gateway.submit({ ...asked, ...kind, op: "compound_transfer", postings });
  await expect.poll(async () => (await gateway.account("acme", to))?.posted).toBe(7);
  await ask(1, ["halt", "1", true]);
  await ask(2, ["halt", "1", false]);
  const received = [
    [0, 0],
    [1, 1],
  ] as const;
  const found = await Promise.all(
    [0, 1, 2].map((shard) => ask(shard, ["capture", "1", [from, to], received])),
  );
  expect(found.flatMap((part) => part?.accounts ?? [])).toMatchObject([{ posted: 0 }, { posted: 7 }]);
  expect(found.map((part) => part?.inTransit)).toEqual([[], [], [["PTS/0", "-7"]]]);
  expect(await moved).toMatchObject({ outcome: { ok: true } });
  expect(await gateway.consistentAccounts("acme", [from, to])).toMatchObject({
    accounts: [{ posted: -7 }, { posted: 7 }],
    inTransit: {},
  });
});
