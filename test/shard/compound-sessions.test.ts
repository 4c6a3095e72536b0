/** What was said over a way between two shards holds no longer than that way. */
import { expect, test } from "vitest";
import type { CompoundTransfer } from "../../src/actors/compound-command.ts";
import { homeVnodeOf } from "../../src/actors/routing.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import { idsOn } from "./crossing-history.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "./memory-shards.ts";

const SHARDS = 3;
const [A = "", B = "", C = ""] = [0, 1, 2].map((shard) => idsOn(shard, SHARDS, 1)[0]);

/** All that A, B and C have, to the sink. */
function all(key: string): CompoundTransfer {
  const postings = [A, B, C].map((debit) => ({ debit, credit: "@sink", amount: 100 }));
  const vnode = homeVnodeOf("acme", A, "@sink", key);
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode } as const;
  const shape = { postings, available: false, pending: false, timeoutMs: null } as const;
  return { partner: "acme", key, fingerprint: 7, op: "compound_transfer", ...shape, ...rest };
}

function opsOf(stores: readonly MemoryStore[], shard: number): readonly string[] {
  return recordsOf(stores[shard] as MemoryStore, shard).map(({ record }) => record.command.op);
}

test("a yes is worth nothing once who has said it has started anew, although others have still to answer", async () => {
  const stores = Array.from({ length: SHARDS }, (_, shard) => new MemoryStore(`s${shard}`));
  const cluster = await MemoryCluster.start(stores);
  const { gateway } = cluster;
  for (const id of [A, B, C]) {
    await mustPost(gateway, account(id));
    await mustPost(gateway, transfer("@issuance", id, 100));
  }
  const gate = Promise.withResolvers<void>();
  stores[2]?.inject({ kind: "delay", until: gate.promise });
  const asked = gateway.submit(all("k"));
  const refused = expect(asked).rejects.toMatchObject({ code: "log_unavailable" });
  expect(await isPending(asked)).toBe(true);
  expect(opsOf(stores, 1)).toContain("reserve");
  await cluster.stop(1);
  expect(await isPending(asked)).toBe(false);
  await refused;
  gate.resolve();
  await cluster.launch(1);
  // What was reserved for it is free again, and somebody else takes it.
  await mustPost(gateway, transfer(B, "@sink", 100));
  expect(opsOf(stores, 0)).not.toContain("compound_transfer");
  expect(opsOf(stores, 1).filter((op) => op === "release")).toHaveLength(1);
  expect(await gateway.submit(all("k"))).toMatchObject({
    outcome: { code: "insufficient_funds", subject: B },
  });
  await mustPost(gateway, transfer(C, "@sink", 100));
});
