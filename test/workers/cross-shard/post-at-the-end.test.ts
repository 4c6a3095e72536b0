import { expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

const TIMEOUT_MS = 1_000;
const [debit = ""] = idsOn(0, 2, 1);
const [credit = ""] = idsOn(1, 2, 1);

test("a capture is refused as too late if its transfer expires while another shard prepares", async () => {
  let nowMs = 1_700_000_000_000;
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")];
  const { gateway, ...cluster } = await startCluster(stores, () => nowMs);
  await mustPost(gateway, account(debit));
  await mustPost(gateway, { ...account(credit), ceiling: 100 });
  await mustPost(gateway, transfer("@issuance", debit, 10));
  const held = await gateway.submit({
    op: "compound_transfer",
    partner: "acme",
    key: "hold",
    fingerprint: 1,
    postings: [{ debit, credit, amount: 5 }],
    available: false,
    pending: true,
    timeoutMs: TIMEOUT_MS,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: homeVnodeOf("acme", debit, credit, "hold"),
  });
  const id = "outcome" in held && held.outcome.ok && "id" in held.outcome ? held.outcome.id : "";

  // The credit's shard answers only when a change of the account is durable.
  const durable = Promise.withResolvers<void>();
  stores[1]?.inject({ kind: "delay", until: durable.promise });
  const asked = { partner: "acme", key: null, fingerprint: 0 } as const;
  const changed = gateway.submit({ ...asked, op: "update_account", id: credit, ceiling: 50 });
  const command = { op: "post_transfer", id, amount: null, final: false, settled: null } as const;
  const posted = gateway.submit({ ...asked, ...command });
  expect(await isPending(posted)).toBe(true);
  nowMs += TIMEOUT_MS;
  durable.resolve();

  await changed;
  expect(await posted).toMatchObject({ outcome: { ok: false, code: "transfer_expired" } });
  expect(stores.flatMap(recordsOf).map(({ record }) => record.command.op)).not.toContain("portion");
  expect(await gateway.account("acme", debit)).toMatchObject({ posted: 10, held: 0 });
  await cluster.stop();
});

async function startCluster(stores: readonly MemoryStore[], now: () => number) {
  const cluster = await MemoryCluster.start(stores, { now });
  const stop = () => Promise.all(stores.map((_, shard) => cluster.stop(shard)));
  return { gateway: cluster.gateway, stop };
}
