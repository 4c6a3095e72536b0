/** Replies to cross-shard transfers that are retried, or whose other shard has ended. */
import { expect, test } from "vitest";
import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, isPending, MemoryCluster, mustPost, transfer } from "../shard/memory-shards.ts";

const SHARDS = 2;

function idOn(shard: number, name: string): string {
  for (let i = 0; ; i++) {
    const id = `${name}${i}`;
    if (shardOfVnode(vnodeOfAccount("acme", id), SHARDS) === shard) return id;
  }
}

const [A, B] = [idOn(0, "a"), idOn(1, "b")];

/** Account A with 100 on shard 0, account B on shard 1. */
async function begun(stores = [new MemoryStore("a"), new MemoryStore("b")] as const): Promise<MemoryCluster> {
  const cluster = await MemoryCluster.start(stores);
  await mustPost(cluster.gateway, account(A));
  await mustPost(cluster.gateway, account(B));
  await mustPost(cluster.gateway, transfer("@issuance", A, 100));
  return cluster;
}

test("of concurrent callers with one key, the first gets the outcome and the others get it as a replay", async () => {
  const { gateway } = await begun();
  const thrice = (amount: number, key: string) =>
    Promise.all([1, 2, 3].map(() => gateway.submit(transfer(A, B, amount, key))));
  const refused = await thrice(101, "refused");
  expect(refused.map((answer) => "replayed" in answer && answer.replayed)).toEqual([false, true, true]);
  for (const answer of refused)
    expect(answer).toMatchObject({ outcome: { ok: false, code: "insufficient_funds", subject: A } });
  const done = await thrice(30, "done");
  expect(done.map((answer) => "replayed" in answer && answer.replayed)).toEqual([false, true, true]);
  expect((await gateway.account("acme", B))?.posted).toBe(30);
});

test("the first caller's reply is not a replay, even if the credit's shard could only report that it is done", async () => {
  const cluster = await begun();
  const { gateway } = cluster;
  await cluster.stop(1);
  await cluster.launch(1, [{ shard: 1, point: "before_acknowledge", at: 1 }]);
  const asked = gateway.submit(transfer(A, B, 30, "k"));
  await cluster.shard(1).exited;
  await cluster.launch(1);
  expect(await asked).toMatchObject({
    outcome: { ok: true, debitPosted: 70, creditPosted: 30, creditSeq: 1 },
    position: expect.stringMatching(/^0:1-\d+,1:[23]-\d+$/),
    replayed: false,
  });
  expect(await gateway.submit(transfer(A, B, 30, "k"))).toMatchObject({
    outcome: { ok: true, debitPosted: 70, creditPosted: 30, creditSeq: 1 },
    replayed: true,
  });
});

test("a retry of a committed transfer waits for the credit, and gets the same outcome as the first request", async () => {
  const cluster = await begun();
  const { gateway } = cluster;
  await cluster.stop(1);
  await cluster.launch(1, [{ shard: 1, point: "before_credit", at: 1 }]);
  const asked = gateway.submit(transfer(A, B, 30, "k"));
  await cluster.shard(1).exited;
  const again = gateway.submit(transfer(A, B, 30, "k"));
  expect(await isPending(again)).toBe(true);
  await cluster.launch(1);
  const [first, repeat] = await Promise.all([asked, again]);
  expect(first).toMatchObject({ outcome: { ok: true, creditPosted: 30 }, replayed: false });
  expect(repeat).toEqual({ ...first, replayed: true });
});

test("a retry of a committed transfer is never answered as not done, also while the credit's shard is down", async () => {
  const cluster = await begun();
  const { gateway } = cluster;
  await mustPost(gateway, transfer(A, B, 30, "k"));
  // An acknowledged message is forgotten with the next batch; then only the archive knows where the credit is.
  await mustPost(gateway, transfer("@issuance", A, 1));
  await cluster.stop(1);
  await expect(gateway.submit(transfer(A, B, 30, "k"))).rejects.toMatchObject({ code: "outcome_unknown" });
  await cluster.launch(1);
  expect(await gateway.submit(transfer(A, B, 30, "k"))).toMatchObject({
    outcome: { ok: true },
    replayed: true,
  });
});

test("a shard that comes back without a credit that it had acknowledged is detected, although the debit's shard still keeps the message", async () => {
  const stores = [new MemoryStore("a"), new MemoryStore("b")] as const;
  const cluster = await begun(stores);
  const debitShard = cluster.shard(0);
  await mustPost(cluster.gateway, transfer(A, B, 30));
  await cluster.stop(1);
  stores[1].loseTail(1);
  await Promise.allSettled([cluster.launch(1)]);
  expect(await debitShard.exited).toMatchObject({
    reason: "log_lost_data",
    message: expect.stringContaining("the log of shard 1 has lost its end"),
  });
});
