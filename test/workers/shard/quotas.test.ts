/** Quotas on shards with small bounds: checked before anything is logged, and freed again. */
import { describe, expect, test } from "vitest";
import { setQuotas } from "../../../src/actors/programmes/quotas/acts.ts";
import type { Command, Transfer } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer, VoidTransfer } from "../../../src/actors/records/compound-command.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, MemoryCluster, recordsOf, transfer } from "./memory-shards.ts";

const stores = () => [new MemoryStore("g1s0"), new MemoryStore("g1s1")];
const unkeyed = { partner: "acme", key: null, fingerprint: 0 } as const;

function hold(from: Transfer): CompoundTransfer {
  const { debit, credit, amount, op: _, ...rest } = from;
  const postings = [{ debit, credit, amount }];
  return { ...rest, op: "compound_transfer", postings, available: false, pending: true, timeoutMs: null };
}

async function open(logs: readonly MemoryStore[], keysMax = 20) {
  const cluster = await MemoryCluster.start(logs, { settings: { keysMax } });
  await cluster.gateway.submit(account("a", null));
  return cluster;
}

test("a command refused by a quota is not logged: when there is room its key is still new, and is used once", async () => {
  const logs = stores();
  const { gateway } = await open(logs);
  await gateway.submit({ op: "act", ...unkeyed, act: setQuotas("acme", { idempotency_keys: 1 }) });
  expect(await gateway.submit(transfer("a", "@x", 1, "first"))).toMatchObject({ outcome: { ok: true } });
  const logged = logs.flatMap(recordsOf).length;
  expect(await gateway.submit(transfer("a", "@x", 2, "second"))).toMatchObject({
    refused: "quota_exceeded",
    detail: expect.stringContaining("1 of 1 idempotency keys"),
  });
  const { items } = await gateway.submitTransfers([transfer("a", "@x", 2, "second"), transfer("a", "@x", 3)]);
  expect(items).toEqual([{ code: "quota_exceeded" }, { id: expect.stringMatching(/^tr_/) }]);
  expect(await gateway.submit(transfer("a", "@x", 1, "first"))).toMatchObject({ replayed: true });
  expect(logs.flatMap(recordsOf)).toHaveLength(logged + 1);
  await gateway.submit({ op: "act", ...unkeyed, act: setQuotas("acme", { idempotency_keys: null }) });
  expect(await gateway.submit(transfer("a", "@x", 2, "second"))).toMatchObject({ replayed: false });
  expect(await gateway.submit(transfer("a", "@x", 2, "second"))).toMatchObject({ replayed: true });
});

test("quotas apply on every shard, also after restarts", async () => {
  const logs = stores();
  const cluster = await open(logs);
  await cluster.gateway.submit({
    op: "act",
    ...unkeyed,
    act: setQuotas("acme", { open_transfers: 3, bytes: 9 }),
  });
  const quotas = { idempotency_keys: 8_000_000, open_transfers: 3, bytes: 9 };
  for (const shard of [0, 1]) {
    await cluster.stop(shard);
    await cluster.launch(shard);
    expect((await cluster.gateway.usage("acme")).quotas).toEqual(quotas);
  }
  const onAll = await Promise.all(cluster.links.map((link) => link.ask("acme", ["usage"])));
  expect(onAll.map(({ result }) => result)).toEqual([
    expect.objectContaining({ quotas }),
    expect.objectContaining({ quotas }),
  ]);
});

test("a key table filled by one partner leaves room for other partners, and for ending what is open", async () => {
  const { gateway } = await open(stores());
  const held = await gateway.submit(hold(transfer("a", "@x", 1, "held")));
  for (let no = 0; no < 30; no++) await gateway.submit(transfer("a", "@x", 1, `key-${no}`));
  expect(await gateway.submit(transfer("a", "@x", 1, "one more"))).toMatchObject({
    refused: "quota_exceeded",
  });
  const other = { ...account("a", null), partner: "other", key: "k", fingerprint: 1 };
  expect(await gateway.submit(other)).toMatchObject({ outcome: { ok: true } });
  const id = "outcome" in held && held.outcome.ok ? held.outcome.id : "";
  const end: VoidTransfer = {
    op: "void_transfer",
    ...unkeyed,
    key: "end",
    fingerprint: 1,
    owner: "a",
    id,
    settled: null,
  };
  expect(await gateway.submit(end)).toMatchObject({ outcome: { ok: true } });
});

describe("while the archive is behind or the log is full", () => {
  const end: VoidTransfer = { op: "void_transfer", ...unkeyed, id: "tr_0001001", settled: null };
  const freeze = { op: "set_account_status", ...unkeyed, id: "a", action: "freeze" } as const;

  test.each<readonly [string, Command, string]>([
    ["a transfer", transfer("a", "@x", 1), "the archive is behind"],
    ["an account", account("b"), "the archive is behind"],
    // It gets as far as the shards; there are none in this test.
    ["a void", end, "not an answer"],
    ["a freeze", freeze, "not an answer"],
  ])("%s", async (_, command, answer) => {
    const gateway = new Gateway();
    const link = { execute: () => Promise.reject(new Error("not an answer")) };
    gateway.connect([link as never], {} as never, () => "the archive is behind");
    await expect(gateway.submit(command)).rejects.toThrow(answer);
  });
});
