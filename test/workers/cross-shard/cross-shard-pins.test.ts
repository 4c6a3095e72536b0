/** Pins and their loss in a crash: no committed credit may fail, and no money may be lost. */
import { expect, test } from "vitest";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

const [A = "", A2 = ""] = idsOn(0, 2, 2);
const [B = "", B2 = ""] = idsOn(1, 2, 2);

type Two = Readonly<{ cluster: MemoryCluster; stores: readonly [MemoryStore, MemoryStore] }>;

/** Shard 0 has an account with 100, shard 1 an account with a ceiling of 100. */
async function start(): Promise<Two> {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores);
  await mustPost(cluster.gateway, account(A));
  await mustPost(cluster.gateway, { ...account(B), ceiling: 100 });
  await mustPost(cluster.gateway, transfer("@issuance", A, 100));
  return { cluster, stores };
}

function opsOf(store: MemoryStore, shard: number): string[] {
  return recordsOf(store, shard).map(({ record: { command, outcome } }) =>
    "to" in outcome ? "sent" : command.op,
  );
}

/** Shard 0 commits a transfer of 80 to B, and ends before it has sent the credit. */
async function commitAndCrash({ cluster }: Two): Promise<void> {
  cluster.shard(0).host.control({ type: "stop" });
  await cluster.shard(0).exited;
  const { exited } = await cluster.launch(0, [{ shard: 0, point: "before_send", at: 1 }]);
  const lost = cluster.gateway.submit(transfer(A, B, 80, "k"));
  await expect(lost).rejects.toMatchObject({ code: "outcome_unknown" });
  expect(await exited).toMatchObject({ reason: "crashed" });
}

test("an account that is not durable yet is not pinned for another shard", async () => {
  const { cluster, stores } = await start();
  const gate = Promise.withResolvers<void>();
  stores[1].inject({ kind: "delay", until: gate.promise });
  const opened = cluster.gateway.submit(account(B2));
  expect(await isPending(opened)).toBe(true);
  const crossing = cluster.gateway.submit(transfer(A, B2, 1));
  expect(await isPending(crossing)).toBe(true);
  expect(opsOf(stores[0], 0)).not.toContain("sent");
  gate.resolve();
  await opened;
  expect(await crossing).toMatchObject({ outcome: { ok: true, creditPosted: 1 } });
});

test("a pin outlives the shard that requested it: the room stays reserved until that shard is back and has sent the credit", async () => {
  const two = await start();
  const { cluster } = two;
  await commitAndCrash(two);
  expect(await cluster.gateway.submit(transfer("@issuance", B, 30))).toMatchObject({
    outcome: { code: "ceiling_exceeded" },
  });
  await mustPost(cluster.gateway, transfer("@issuance", B, 20));
  await cluster.launch(0);
  expect(await cluster.gateway.submit(transfer(A, B, 80, "k"))).toMatchObject({
    outcome: { ok: true, debitPosted: 20 },
    replayed: true,
  });
  expect((await cluster.gateway.account("acme", B))?.posted).toBe(100);
});

test("the pin of a shard that restarted without committing is released", async () => {
  const { cluster, stores } = await start();
  stores[0].inject({ kind: "fail_before" });
  const lost = cluster.gateway.submit(transfer(A, B, 80));
  await expect(lost).rejects.toMatchObject({ code: "outcome_unknown" });
  await cluster.launch(0);
  await mustPost(cluster.gateway, transfer("@issuance", B, 100));
});

test("a shard that has lost its pins keeps the room, and the account open, until the other shard has resent all messages", async () => {
  const two = await start();
  const { cluster } = two;
  await commitAndCrash(two);
  cluster.shard(1).host.control({ type: "stop" });
  await cluster.shard(1).exited;
  await cluster.launch(1);
  const { gateway } = cluster;
  await expect(gateway.submit(transfer("@issuance", B, 30))).rejects.toMatchObject({
    code: "log_unavailable",
  });
  // Commands that no credit can conflict with are not delayed.
  await mustPost(gateway, account(B2));
  await mustPost(gateway, transfer("@issuance", B2, 5));
  const base = { partner: "acme", key: null, fingerprint: 0, id: B } as const;
  const closing = gateway.submit({ ...base, op: "set_account_status", action: "close" });
  const lowering = gateway.submit({ ...base, op: "update_account", ceiling: 50 });
  expect(await isPending(closing)).toBe(true);
  await cluster.launch(0);
  // Both were retried when the credit had arrived.
  expect(await closing).toMatchObject({ outcome: { code: "account_not_empty" } });
  expect(await lowering).toMatchObject({ outcome: { code: "balance_conflict" } });
  expect(await gateway.submit(transfer("@issuance", B, 30))).toMatchObject({
    outcome: { code: "ceiling_exceeded" },
  });
  expect((await gateway.account("acme", B))?.posted).toBe(80);
});

test("an account change that waits too long for incoming credits is refused, and nothing is logged", async () => {
  const two = await start();
  const { cluster, stores } = two;
  await commitAndCrash(two);
  const command = { partner: "acme", key: null, fingerprint: 0, id: B } as const;
  const closing = cluster.gateway.submit({ ...command, op: "set_account_status", action: "close" });
  await expect(closing).rejects.toMatchObject({ code: "overloaded" });
  expect(opsOf(stores[1], 1)).not.toContain("set_account_status");
});

test("a credit that is not durable is not acknowledged, not even in a greeting", async () => {
  const { cluster, stores } = await start();
  const gate = Promise.withResolvers<void>();
  cluster.shard(0).host.control({ type: "stop" });
  await cluster.shard(0).exited;
  const { exited } = await cluster.launch(0, [{ shard: 0, point: "after_send", at: 1 }]);
  stores[1].inject({ kind: "delay", until: gate.promise });
  // Its append is in flight on shard 1 while shard 0 restarts and greets.
  const unrelated = cluster.gateway.submit(account(B2)).catch(() => undefined);
  expect(await isPending(unrelated)).toBe(true);
  const lost = cluster.gateway.submit(transfer(A, B, 80, "k")).catch(() => undefined);
  await exited;
  stores[1].inject({ kind: "fail_before" });
  const back = cluster.launch(0);
  expect(await isPending(back)).toBe(true);
  // The credit, in the next batch of shard 1, is lost with it.
  gate.resolve();
  expect(await cluster.shard(1).exited).toMatchObject({ reason: "append_lost" });
  await Promise.all([back, cluster.launch(1), unrelated, lost]);
  expect(await cluster.gateway.submit(transfer(A, B, 80, "k"))).toMatchObject({ outcome: { ok: true } });
  expect((await cluster.gateway.account("acme", B))?.posted).toBe(80);
  expect((await cluster.gateway.account("acme", A))?.posted).toBe(20);
  expect(opsOf(stores[1], 1).filter((op) => op === "credit")).toHaveLength(1);
});

test("if the log of either of two shards has lost its end, the other shard detects it", async () => {
  for (const loser of [0, 1]) {
    const { cluster, stores } = await start();
    await mustPost(cluster.gateway, account(A2));
    await mustPost(cluster.gateway, transfer(A, B, 10));
    // Before that, the credit would only be sent again.
    await expect.poll(() => opsOf(stores[0], 0), { interval: 1 }).toContain("delivered");
    const running = [cluster.shard(0), cluster.shard(1)];
    for (const { host, exited } of running) {
      host.control({ type: "stop" });
      await exited;
    }
    // The batch of the transfer and all later ones.
    const lost = stores[loser] as MemoryStore;
    const keep = lost.entries.length;
    const from = recordsOf(lost, loser).find(({ record: { command, outcome } }) =>
      loser === 0 ? "to" in outcome : command.op === "credit",
    );
    const at = lost.entries.findIndex(({ id }) => id.epoch === from?.at.epoch && id.seq === from.at.seq);
    lost.loseTail(keep - at);
    const launched = [cluster.launch(0), cluster.launch(1)];
    for (const each of launched) each.catch(() => {});
    const noticed = await Promise.any([0, 1].map(async (shard) => cluster.shard(shard).exited));
    expect(noticed).toMatchObject({
      reason: "log_lost_data",
      message: expect.stringContaining(`the log of shard ${loser} has lost its end`),
    });
  }
});

test("an account that cannot be closed yet delays no other request on its shard", async () => {
  const two = await start();
  const { cluster } = two;
  await commitAndCrash(two);
  const closed = cluster.gateway.submit({
    op: "set_account_status",
    partner: "acme",
    key: null,
    fingerprint: 0,
    id: B,
    action: "close",
  });
  expect(await isPending(closed)).toBe(true);
  expect((await cluster.gateway.account("acme", B))?.status).toBe("open");
  await mustPost(cluster.gateway, account(B2));
  expect(await isPending(closed)).toBe(true);
  await cluster.launch(0);
  expect(await closed).toMatchObject({ outcome: { code: "account_not_empty" } });
});
