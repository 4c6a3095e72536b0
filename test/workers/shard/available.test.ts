/** All that an account has, moved to another shard, while what it has changes before that shard has answered. */
import { expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { idsOn } from "../cross-shard/crossing-history.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

const [A = "", A2 = ""] = idsOn(0, 2, 2);
const [B = ""] = idsOn(1, 2, 1);

/** In fewer of them the other shard is asked more often than it may be for one transfer. */
const TURNS = 100;

/** Account A with 100 on shard 0; account B on shard 1. */
async function begun(ceiling: number | null = null) {
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores);
  await mustPost(cluster.gateway, account(A));
  await mustPost(cluster.gateway, account(A2));
  await mustPost(cluster.gateway, { ...account(B), ceiling });
  await mustPost(cluster.gateway, transfer("@issuance", A, 100));
  return { gateway: cluster.gateway, slow: stores[1] };
}

function allOf(debit: string, credit: string): CompoundTransfer {
  return {
    op: "compound_transfer",
    partner: "acme",
    key: null,
    fingerprint: 0,
    postings: [{ debit, credit, amount: Number.MAX_SAFE_INTEGER }],
    available: true,
    pending: false,
    timeoutMs: null,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: homeVnodeOf("acme", debit, credit, null),
  };
}

function movedBy(answer: unknown): number {
  expect(answer).toMatchObject({ outcome: { ok: true, transfer: { status: "posted" } } });
  return (answer as { outcome: { transfer: { postedAmount: number } } }).outcome.transfer.postedAmount;
}

test("it is moved although something comes in every turn, and the answer says how much", async () => {
  // What is said of an account with a ceiling waits for its newest batch, so that there is a while to wait.
  const { gateway, slow } = await begun(1_000_000);
  const credits: Promise<void>[] = [];
  let append = Promise.withResolvers<void>();
  const asked: ReturnType<typeof gateway.submit>[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    if (turn % 4 === 0) {
      append.resolve();
      append = Promise.withResolvers();
      slow.inject({ kind: "delay", until: append.promise });
    }
    for (const id of [A, B]) credits.push(mustPost(gateway, transfer("@issuance", id, 1)));
    if (turn === 10) asked.push(gateway.submit(allOf(A, B)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  append.resolve();
  const [answer] = await Promise.all(asked);
  const moved = movedBy(answer);
  await Promise.all(credits);
  expect(moved).toBeGreaterThan(110);
  expect(await gateway.account("acme", A)).toMatchObject({ posted: 100 + TURNS - moved, held: 0 });
  expect(await gateway.account("acme", B)).toMatchObject({ posted: TURNS + moved });
});

test("room for more than was moved in the end is given back", async () => {
  const { gateway } = await begun(150);
  const [all] = await Promise.all([gateway.submit(allOf(A, B)), mustPost(gateway, transfer(A, A2, 60))]);
  expect(movedBy(all)).toBe(40);
  await mustPost(gateway, transfer("@issuance", B, 110));
  expect(await gateway.account("acme", B)).toMatchObject({ posted: 150 });
});

test("what would not fit is asked for again when it has become less", async () => {
  const { gateway } = await begun(50);
  const [all] = await Promise.all([gateway.submit(allOf(A, B)), mustPost(gateway, transfer(A, A2, 60))]);
  expect(movedBy(all)).toBe(40);
});
