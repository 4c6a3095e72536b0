/** Prepare answers are valid only within the session between two shards in which they were given. */
import { expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { until } from "../../support/until.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "../shard/memory-shards.ts";
import { idsOn } from "./cross-shard-history.ts";

const SHARDS = 3;
const [A = "", B = "", C = ""] = [0, 1, 2].map((shard) => idsOn(shard, SHARDS, 1)[0]);

/** Moves the whole available balances of A, B and C to the sink. */
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

/** A shard's first append after its claim is that of a reservation. */
const RELEASE_APPEND = 2;

type Three = Readonly<{ cluster: MemoryCluster; stores: readonly MemoryStore[] }>;

/** Each of the accounts has 100. */
async function start(): Promise<Three> {
  const stores = Array.from({ length: SHARDS }, (_, shard) => new MemoryStore(`s${shard}`));
  const cluster = await MemoryCluster.start(stores);
  for (const id of [A, B, C]) {
    await mustPost(cluster.gateway, account(id));
    await mustPost(cluster.gateway, transfer("@issuance", id, 100));
  }
  return { cluster, stores };
}

test("a prepare answer is void after its shard has restarted, even if other shards have not answered yet", async () => {
  const { cluster, stores } = await start();
  const { gateway } = cluster;
  const gate = Promise.withResolvers<void>();
  stores[2]?.inject({ kind: "delay", until: gate.promise });
  const asked = gateway.submit(all("k"));
  const refused = Promise.allSettled([asked]);
  expect(await isPending(asked)).toBe(true);
  expect(opsOf(stores, 1)).toContain("reserve");
  await cluster.stop(1);
  expect(await isPending(asked)).toBe(false);
  expect(await refused).toMatchObject([{ reason: { code: "log_unavailable" } }]);
  gate.resolve();
  await cluster.launch(1);
  // Its reservation is released, and another transfer takes the money.
  await mustPost(gateway, transfer(B, "@sink", 100));
  expect(opsOf(stores, 0)).not.toContain("compound_transfer");
  expect(opsOf(stores, 1).filter((op) => op === "release")).toHaveLength(1);
  expect(await gateway.submit(all("k"))).toMatchObject({
    outcome: { code: "insufficient_funds", subject: B },
  });
  await mustPost(gateway, transfer(C, "@sink", 100));
});

test("a rejection is answered once nothing is reserved for it, whichever shards crash before", async () => {
  const { cluster, stores } = await start();
  const { gateway } = cluster;
  const held = async () => (await gateway.accounts("acme", [B])).accounts[0]?.held;
  await mustPost(gateway, transfer(C, "@sink", 100));
  // The reservation is its first append, the release its second.
  await cluster.stop(1);
  const { exited } = await cluster.launch(1, [{ shard: 1, point: "before_append", at: RELEASE_APPEND }]);
  const first = gateway.submit(all("k"));
  await exited;
  const again = gateway.submit(all("k"));
  expect(await isPending(Promise.race([first, again]))).toBe(true);
  expect(opsOf(stores, 0)).toContain("compound_transfer");
  await cluster.launch(1);
  expect(await first).toMatchObject({ outcome: { code: "insufficient_funds", subject: C } });
  expect(await held()).toBe(0);
  expect(await again).toMatchObject({ outcome: { code: "insufficient_funds" }, replayed: true });
});

test("a rejection is not replayed while a shard that cannot be reached may hold money for it", async () => {
  const { cluster, stores } = await start();
  const { gateway } = cluster;
  await mustPost(gateway, transfer(C, "@sink", 100));
  await cluster.stop(1);
  const { exited } = await cluster.launch(1, [{ shard: 1, point: "before_append", at: RELEASE_APPEND }]);
  const first = Promise.allSettled([gateway.submit(all("k"))]);
  await exited;
  await cluster.stop(0);
  expect(await first).toMatchObject([{ reason: { code: "outcome_unknown" } }]);
  await cluster.launch(0);
  await expect(gateway.submit(all("k"))).rejects.toMatchObject({ code: "log_unavailable" });
  await cluster.launch(1);
  const replays: unknown[] = [];
  await until("it is replayed", async () => {
    replays.push(await gateway.submit(all("k")));
    return true;
  });
  expect(replays).toMatchObject([{ outcome: { code: "insufficient_funds" }, replayed: true }]);
  expect((await gateway.accounts("acme", [B])).accounts[0]?.held).toBe(0);
  expect(opsOf(stores, 1).filter((op) => op === "release")).toHaveLength(1);
});

test("a retry waits while a part is not durable, also after the home shard has restarted", async () => {
  const { cluster, stores } = await start();
  const { gateway } = cluster;
  // The reservation comes first, then the portion: shard 2 crashes before that is durable.
  await cluster.stop(2);
  const { exited } = await cluster.launch(2, [{ shard: 2, point: "before_credit", at: 1 }]);
  const first = gateway.submit(all("k"));
  await exited;
  const again = gateway.submit(all("k"));
  expect(await isPending(Promise.race([first, again]))).toBe(true);
  const lost = Promise.allSettled([first, again]);
  await cluster.stop(0);
  for (const each of await lost) expect(each).toMatchObject({ reason: { code: "outcome_unknown" } });
  await cluster.launch(0);
  const later = gateway.submit(all("k"));
  expect(await isPending(later)).toBe(true);
  expect(opsOf(stores, 2)).not.toContain("portion");
  await cluster.launch(2);
  expect(await later).toMatchObject({ outcome: { ok: true }, replayed: true });
  expect(opsOf(stores, 2)).toContain("portion");
});
