/** I2: the range of balances. No decision goes beyond ±2^52, and what is committed then always fits ±(2^53−1). */
import { describe, expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer, Posting } from "../../../src/actors/records/compound-command.ts";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
import { account, isPending, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

const MAX = 2 ** 52;
const [A = "", A2 = ""] = idsOn(0, 2, 2);
const [B = ""] = idsOn(1, 2, 1);
/** Two accounts of one owner: their transfers with a system account use one slice. */
const [X, Y] = [`${B}/x`, `${B}/y`];

async function begun(): Promise<MemoryCluster> {
  const cluster = await MemoryCluster.start([new MemoryStore("s0"), new MemoryStore("s1")]);
  for (const id of [A, A2, X, Y]) await mustPost(cluster.gateway, account(id, null));
  return cluster;
}

/** A transfer whose home is shard 0. */
function atHome(...postings: readonly Posting[]): CompoundTransfer {
  const all = [{ debit: A, credit: A2, amount: 1 }, ...postings];
  const kind = { available: false, pending: false, timeoutMs: null } as const;
  const { op: _, amount: _amount, debit: _debit, credit: _credit, ...asked } = transfer(A, A2, 1);
  return {
    ...asked,
    ...kind,
    op: "compound_transfer",
    postings: all,
    vnode: homeVnodeOf("acme", A, A2, null),
  };
}

async function codesOf(answers: readonly ReturnType<Gateway["submit"]>[]): Promise<string[]> {
  const settled = await Promise.all(answers);
  return settled.map((answer) => ("outcome" in answer && !answer.outcome.ok ? answer.outcome.code : "ok"));
}

async function expectBalanced({ gateway }: MemoryCluster): Promise<void> {
  await expect
    .poll(async () => (await gateway.trialBalance("acme")).assets["PTS/0"], { timeout: 10_000 })
    .toMatchObject({ sum: 0n, inTransit: 0n });
}

describe("of two concurrent transfers of another shard for which a slice has room for one, one is refused", () => {
  test.each<readonly [what: string, (amount: number, id: string) => readonly Posting[]]>([
    ["it is debited", (amount, id) => [{ debit: "@x", credit: id, amount }]],
    ["it is credited", (amount, id) => [{ debit: id, credit: "@x", amount }]],
    [
      "it is debited together with an account there",
      (amount, id) => [
        { debit: id, credit: A, amount: 1 },
        { debit: "@x", credit: id, amount },
      ],
    ],
  ])("%s", async (_, postings) => {
    const cluster = await begun();
    const { gateway } = cluster;
    const big = [atHome(...postings(MAX - 1, X)), atHome(...postings(MAX - 2, Y))];
    const codes = await codesOf(big.map((command) => gateway.submit(command)));
    expect(codes.toSorted()).toEqual(["balance_out_of_range", "ok"]);
    const { posted = 0n } = (await gateway.systemAccount("acme", "@x"))?.balances["PTS/0"] ?? {};
    expect(posted < 0n ? -posted : posted).toBeLessThanOrEqual(MAX - 1);
    await expectBalanced(cluster);
    // The reservation of the refused transfer is released: a slice at one limit has full room in the other direction.
    const [back] = await codesOf([
      gateway.submit(transfer(posted < 0n ? X : "@x", posted < 0n ? "@x" : X, MAX)),
    ]);
    expect(back).toBe("ok");
  });
});

test("reserving room in a slice of a system account does not make that account exist", async () => {
  const { gateway } = await begun();
  const refused = atHome({ debit: "@x", credit: X, amount: 1 }, { debit: A, credit: "nobody", amount: 1 });
  expect(await codesOf([gateway.submit(refused)])).toEqual(["account_not_found"]);
  expect(await gateway.systemAccount("acme", "@x")).toBeUndefined();
});

/** A credit of the whole range is committed; then both shards end, and only the credit's shard comes back. */
async function unsettled(postings: readonly Posting[]): Promise<MemoryCluster> {
  const cluster = await begun();
  const { gateway } = cluster;
  await mustPost(gateway, transfer("@issuance", A, MAX));
  for (const shard of [0, 1]) await cluster.stop(shard);
  await Promise.all([
    cluster.launch(0, [{ shard: 0, point: "after_send", at: 1 }]),
    cluster.launch(1, [{ shard: 1, point: "before_credit", at: 1 }]),
  ]);
  const exits = [0, 1].map((shard) => cluster.shard(shard).exited);
  const [first] = postings as [Posting, ...Posting[]];
  const lost =
    postings.length > 1 ? atHome(...postings.slice(1)) : transfer(first.debit, first.credit, first.amount);
  await expect(gateway.submit(lost)).rejects.toMatchObject({ code: "outcome_unknown" });
  expect(await Promise.all(exits)).toMatchObject([{ reason: "crashed" }, { reason: "crashed" }]);
  await cluster.launch(1);
  return cluster;
}

test("before another shard has greeted, a shard gives away no room that a committed credit of it may need", async () => {
  const cluster = await unsettled([{ debit: A, credit: X, amount: MAX }]);
  const { gateway } = cluster;
  await expect(gateway.submit(transfer("@issuance", X, MAX / 2))).rejects.toMatchObject({
    code: "log_unavailable",
  });
  // Such a small amount fits, whatever credit may still arrive.
  await mustPost(gateway, transfer("@issuance", X, 2));
  await cluster.launch(0);
  await expectBalanced(cluster);
  expect((await gateway.account("acme", X))?.posted).toBe(MAX + 2);
  expect(await codesOf([gateway.submit(transfer("@issuance", X, 1))])).toEqual(["balance_out_of_range"]);
  // An amount beyond the limit can be returned in one transfer, to an account that has room for it.
  await mustPost(gateway, transfer(A, "@issuance", 2));
  await mustPost(gateway, transfer(X, A, MAX + 2));
});

test("nor does it give away the room of a slice that a committed debit may need", async () => {
  const kept = { debit: "@x", credit: X, amount: MAX };
  const cluster = await unsettled([{ debit: A, credit: A2, amount: 1 }, kept]);
  const { gateway } = cluster;
  for (const [debit, credit] of [
    ["@x", Y],
    [Y, "@x"],
  ] as const) {
    await expect(gateway.submit(transfer(debit, credit, MAX / 2))).rejects.toMatchObject({
      code: "log_unavailable",
    });
  }
  await mustPost(gateway, transfer("@x", Y, 2));
  await cluster.launch(0);
  await expectBalanced(cluster);
  expect((await gateway.systemAccount("acme", "@x"))?.balances["PTS/0"]?.posted).toBe(-BigInt(MAX + 2));
  expect(await codesOf([gateway.submit(transfer("@x", Y, 1))])).toEqual(["balance_out_of_range"]);
});

test("room made by a large debit is not pinned for another shard before the debit is durable", async () => {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores);
  const { gateway } = cluster;
  for (const id of [A, X]) await mustPost(gateway, account(id, null));
  await mustPost(gateway, transfer("@issuance", X, MAX));
  const gate = Promise.withResolvers<void>();
  stores[1].inject({ kind: "delay", until: gate.promise });
  const debit = gateway.submit(transfer(X, "@x", MAX));
  const credit = gateway.submit(transfer(A, X, MAX));
  expect(await isPending(credit)).toBe(true);
  const sent = async () => (await gateway.account("acme", A))?.posted;
  expect(await sent()).toBe(0);
  gate.resolve();
  expect(await codesOf([debit, credit])).toEqual(["ok", "ok"]);
  expect(await sent()).toBe(-MAX);
});
