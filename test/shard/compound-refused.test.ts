import { expect, test } from "vitest";
import type { CompoundTransfer } from "../../src/actors/compound-command.ts";
import { homeVnodeOf, shardOfVnode, vnodeOf } from "../../src/actors/routing.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import { idsOn } from "./crossing-history.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

const SHARDS = 2;

test("what is asked between two system accounts is refused and keeps nothing, however many ask at once", async () => {
  const cluster = await MemoryCluster.start([new MemoryStore("s0"), new MemoryStore("s1")]);
  const { gateway } = cluster;
  const [debit = "", credit = ""] = idsOn(0, SHARDS, 2);
  for (const id of [debit, credit]) await mustPost(gateway, account(id));
  await mustPost(gateway, transfer("@issuance", debit, 100));
  const there = ["@a", "@b", "@c", "@d", "@e"].find(
    (name) => shardOfVnode(vnodeOf("acme", name), SHARDS) === 1,
  );
  const pending = (): CompoundTransfer => ({
    op: "compound_transfer",
    partner: "acme",
    key: null,
    fingerprint: 0,
    postings: [
      { debit, credit, amount: 1 },
      { debit: there ?? "", credit: "@sink", amount: 1 },
    ],
    available: false,
    pending: true,
    timeoutMs: null,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: homeVnodeOf("acme", debit, credit, null),
  });
  const answers = await Promise.all(Array.from({ length: 5 }, () => gateway.submit(pending())));
  for (const answer of answers) expect(answer).toMatchObject({ outcome: { code: "asset_mismatch" } });
  expect(cluster.shard(1).host.figures()).toMatchObject({ reservations: 0, pending: 0 });
});
