/** Transfers across shards, on logs in memory. */
import { expect, test } from "vitest";
import { homeVnodeOf, shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, MemoryCluster, mustPost, transfer } from "../shard/memory-shards.ts";

/** An account id on the shard, told apart by `name`. */
function idOn(shard: number, shards: number, name: string): string {
  for (let i = 0; ; i++) {
    const id = `${name}${i}`;
    if (shardOfVnode(vnodeOfAccount("acme", id), shards) === shard) return id;
  }
}

test("money moves between two shards, and the reply shows both sides as they are in the logs", async () => {
  const stores = [new MemoryStore("a"), new MemoryStore("b")];
  const { gateway } = await MemoryCluster.start(stores);
  const [a, b] = [idOn(0, 2, "a"), idOn(1, 2, "b")];
  await mustPost(gateway, account(a));
  await mustPost(gateway, account(b));
  await mustPost(gateway, transfer("@issuance", a, 100));
  expect(shardOfVnode(homeVnodeOf("acme", a, b, null), 2)).toBe(0);
  expect(await gateway.submit(transfer(a, b, 30, "k"))).toMatchObject({
    outcome: { ok: true, debitPosted: 70, debitSeq: 2, creditPosted: 30, creditSeq: 1 },
    position: expect.stringMatching(/^0:1-\d+,1:1-\d+$/),
    replayed: false,
  });
  expect(await gateway.submit(transfer(a, b, 30, "k"))).toMatchObject({
    outcome: { ok: true, debitPosted: 70, debitSeq: 2, creditPosted: 30, creditSeq: 1 },
    replayed: true,
  });
  expect(await gateway.submit(transfer(a, b, 71))).toMatchObject({ outcome: { code: "insufficient_funds" } });
  expect(await gateway.submit(transfer(a, idOn(1, 2, "no"), 1))).toMatchObject({
    outcome: { code: "account_not_found", subject: idOn(1, 2, "no") },
  });
  expect((await gateway.account("acme", a))?.posted).toBe(70);
  expect((await gateway.account("acme", b))?.posted).toBe(30);
  const { assets } = await gateway.trialBalance("acme");
  expect(assets).toEqual({ "PTS/0": { sum: 0n, inTransit: 0n, accounts: 2 } });
});
