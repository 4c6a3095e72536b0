/** Concurrent reverts of one transfer: all but the first wait, and only one of them needs the money. */
import { expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

const [A = "", D = ""] = idsOn(0, 2, 2);
const [B = "", C = "", OTHER = ""] = idsOn(1, 2, 3);
const unkeyed = { partner: "acme", key: null, fingerprint: 0 } as const;

/** A transfer between both shards, and reverts of it. B has 14: enough for two reverts, or one and another expense. */
async function begun() {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores);
  const { gateway } = cluster;
  for (const id of [A, B, C, D, OTHER]) await mustPost(gateway, account(id));
  for (const [id, amount] of [
    [A, 6],
    [C, 4],
    [B, 8],
  ] as const)
    await mustPost(gateway, transfer("@issuance", id, amount));
  const command: CompoundTransfer = {
    ...unkeyed,
    op: "compound_transfer",
    postings: [
      { debit: A, credit: B, amount: 6 },
      { debit: C, credit: D, amount: 4 },
    ],
    pending: false,
    timeoutMs: null,
    available: false,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: homeVnodeOf("acme", A, B, null),
  };
  const moved = await gateway.submit(command);
  if (!("outcome" in moved && moved.outcome.ok)) throw new Error(JSON.stringify(moved));
  const { id } = moved.outcome;
  const revert = (key: string) => gateway.revert({ partner: "acme", key, fingerprint: 1, id });
  return { stores, cluster, gateway, revert };
}

test("a second revert waits for the first, and reserves no money meanwhile", async () => {
  const { stores, gateway, revert } = await begun();
  const gate = Promise.withResolvers<void>();
  stores[1].inject({ kind: "delay", until: gate.promise });
  const reverts = [revert("first"), revert("second"), revert("second")];
  expect(await isPending(Promise.race(reverts))).toBe(true);
  const spent = gateway.submit(transfer(B, OTHER, 4));
  gate.resolve();
  const answers = await Promise.all(reverts);
  expect(answers).toMatchObject([
    { outcome: { ok: true }, replayed: false },
    { outcome: { ok: false, code: "already_reverted" }, replayed: false },
    { outcome: { ok: false, code: "already_reverted" }, replayed: true },
  ]);
  expect(await spent).toMatchObject({ outcome: { ok: true } });
  const reserved = recordsOf(stores[1], 1).filter(
    ({ record: { command } }) => command.op === "reserve" && command.purpose === "revert",
  );
  expect(reserved.length).toBe(1);
  expect(await gateway.account("acme", B)).toMatchObject({ posted: 4, held: 0 });
});

test("if the first revert lacks money, the second is decided and rejected for the same reason", async () => {
  const { gateway, revert } = await begun();
  await mustPost(gateway, transfer(B, OTHER, 14));
  const answers = await Promise.all([revert("first"), revert("second")]);
  expect(answers).toMatchObject([
    { outcome: { ok: false, code: "insufficient_funds" } },
    { outcome: { ok: false, code: "insufficient_funds" } },
  ]);
  await mustPost(gateway, transfer(OTHER, B, 14));
  expect(await revert("third")).toMatchObject({ outcome: { ok: true } });
});

test("if the first revert cannot be done now, none of the waiting reverts is forgotten", async () => {
  const { cluster, revert } = await begun();
  await cluster.stop(1);
  await cluster.launch(1, [{ shard: 1, point: "before_reserve", at: 1 }]);
  const reverts = await Promise.allSettled([revert("first"), revert("second"), revert("third")]);
  const answers = reverts.map((each) => (each.status === "fulfilled" ? each.value : each.reason.code));
  expect(answers).toEqual(["log_unavailable", "log_unavailable", "log_unavailable"]);
  await cluster.launch(1);
  expect(await Promise.all([revert("first"), revert("second")])).toMatchObject([
    { outcome: { ok: true } },
    { outcome: { ok: false, code: "already_reverted" } },
  ]);
});
