/** Two keys with the same hash, produced by a weak hash function. */
import { expect, test } from "vitest";
import type { ScopeHash } from "../../../src/actors/idempotency/scope-hash.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Transfer } from "../../../src/actors/records/command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "./memory-shards.ts";

const COLLIDING: ScopeHash = { a: 1, b: 2, c: 3, d: 4, run: () => {} };
const [A = ""] = idsOn(0, 2, 1);
const [B = ""] = idsOn(1, 2, 1);

/** The same body, so that the fingerprints are equal, too. */
function of(partner: string, key: string): Transfer {
  return { ...transfer(A, B, 5, key), partner, vnode: homeVnodeOf(partner, A, B, key) };
}

async function begun() {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores, { settings: { keyHash: COLLIDING } });
  for (const id of [A, B]) await mustPost(cluster.gateway, account(id));
  await mustPost(cluster.gateway, transfer("@issuance", A, 100));
  const transfers = () =>
    recordsOf(stores[0], 0).filter(({ record }) => record.command.op === "transfer" && record.command.key)
      .length;
  return { stores, gateway: cluster.gateway, transfers };
}

const REFUSED = { refused: "idempotency_key_reused" };

test("a key with the same hash as another is refused; it gets neither the other's record nor is its command executed", async () => {
  const { gateway, transfers } = await begun();
  const first = await gateway.submit(of("acme", "one"));
  expect(await gateway.submit(of("acme", "two"))).toEqual(REFUSED);
  expect(await gateway.submitTransfers([of("acme", "two")])).toMatchObject({
    items: [{ code: "idempotency_key_reused" }],
  });
  expect(transfers()).toBe(1);
  // The first user of the key still gets its outcome.
  expect(first).toMatchObject({ outcome: { ok: true }, replayed: false });
  expect(await gateway.submit(of("acme", "one"))).toEqual({ ...first, replayed: true });
});

test("another partner whose key has the same hash learns nothing about the first partner's transfer", async () => {
  const { gateway, transfers } = await begun();
  await mustPost(gateway, of("acme", "one"));
  const foreign = { ...of("other", "one"), vnode: of("acme", "one").vnode };
  expect(await gateway.submit(foreign)).toEqual(REFUSED);
  expect(transfers()).toBe(1);
});

test("the same while the first request still waits for the other shard", async () => {
  const { stores, gateway, transfers } = await begun();
  const gate = Promise.withResolvers<void>();
  const credited = new Promise<void>((resolve) => {
    stores[1].inject({ kind: "delay", until: gate.promise.then(resolve) });
  });
  const first = gateway.submit(of("acme", "one"));
  expect(await isPending(first)).toBe(true);
  expect(transfers()).toBe(1);
  const second = gateway.submit(of("acme", "two"));
  expect(await isPending(first)).toBe(true);
  gate.resolve();
  await credited;
  expect(await first).toMatchObject({ outcome: { ok: true } });
  expect(await second).toEqual(REFUSED);
  expect(transfers()).toBe(1);
});
