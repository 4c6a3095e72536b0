import { expect, test } from "vitest";
import { homeVnodeOf, shardOfVnode, vnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer, Posting } from "../../../src/actors/records/compound-command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, MemoryCluster, mustPost, transfer } from "../shard/memory-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

const SHARDS = 2;
const [DEBIT = "", OTHER = ""] = idsOn(0, SHARDS, 2);
const [CREDIT = ""] = idsOn(1, SHARDS, 1);

function compound(postings: readonly Posting[], pending: boolean): CompoundTransfer {
  const asked = { op: "compound_transfer", partner: "acme", key: null, fingerprint: 0 } as const;
  const noted = { memo: null, metadata: null, occurredAtMs: null } as const;
  const vnode = homeVnodeOf("acme", DEBIT, OTHER, null);
  return { ...asked, ...noted, postings, available: false, pending, timeoutMs: null, vnode };
}

async function startCluster(): Promise<MemoryCluster> {
  const cluster = await MemoryCluster.start([new MemoryStore("s0"), new MemoryStore("s1")]);
  for (const id of [DEBIT, OTHER]) await mustPost(cluster.gateway, account(id));
  await mustPost(cluster.gateway, transfer("@issuance", DEBIT, 100));
  return cluster;
}

test("a transfer between two system accounts is refused and reserves nothing, however many are concurrent", async () => {
  const cluster = await startCluster();
  const names = ["@a", "@b", "@c", "@d", "@e"];
  const there = names.find((name) => shardOfVnode(vnodeOf("acme", name), SHARDS) === 1) ?? "";
  const postings = [
    { debit: DEBIT, credit: OTHER, amount: 1 },
    { debit: there, credit: "@sink", amount: 1 },
  ];
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => cluster.gateway.submit(compound(postings, true))),
  );
  for (const answer of answers) expect(answer).toMatchObject({ outcome: { code: "asset_mismatch" } });
  expect(cluster.shard(1).host.stats()).toMatchObject({ reservations: 0, pending: 0 });
});

test.each([
  ["ceiling", { ceiling: 10 }, "ceiling_exceeded"],
  [
    "limit",
    { limits: [{ windowS: 3600, direction: "credit", maxAmount: null, maxCount: 3 }] },
    "limit_exceeded",
  ],
] as const)(
  "a %s on another shard holds against many concurrent transfers of several postings",
  async (_, rule, code) => {
    const { gateway } = await startCluster();
    await mustPost(gateway, { ...account(CREDIT), ...rule });
    const postings = [
      { debit: DEBIT, credit: OTHER, amount: 1 },
      { debit: DEBIT, credit: CREDIT, amount: 3 },
    ];
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => gateway.submit(compound(postings, false))),
    );
    const codes = answers.map((answer) =>
      "outcome" in answer && !answer.outcome.ok ? answer.outcome.code : "ok",
    );
    expect(codes.filter((each) => each === "ok")).toHaveLength(3);
    expect(codes.filter((each) => each === code)).toHaveLength(17);
    const { accounts } = await gateway.accounts("acme", [DEBIT, OTHER, CREDIT]);
    expect(accounts).toMatchObject([{ posted: 88 }, { posted: 3 }, { posted: 9 }]);
  },
);

test("holds and reservations of another shard are exact together, even at the account's floor", async () => {
  const { gateway } = await startCluster();
  await mustPost(gateway, account(CREDIT, null));
  await mustPost(gateway, transfer("@issuance", CREDIT, 30));
  const vnode = homeVnodeOf("acme", CREDIT, OTHER, null);
  const all = [{ debit: CREDIT, credit: OTHER, amount: 2 ** 52 }];
  await mustPost(gateway, { ...compound(all, true), vnode });
  const some = [
    { debit: DEBIT, credit: OTHER, amount: 1 },
    { debit: CREDIT, credit: OTHER, amount: 8 },
  ];
  expect(await gateway.submit(compound(some, false))).toMatchObject({
    outcome: { code: "balance_out_of_range" },
  });
  const { accounts } = await gateway.accounts("acme", [CREDIT]);
  expect(accounts).toMatchObject([{ posted: 30, held: 2 ** 52 }]);
});
