/** Moves the whole available balance to another shard, while the balance changes before that shard has answered. */
import { expect, test } from "vitest";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { CompoundTransfer } from "../../../src/actors/records/compound-command.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import { idsOn } from "../cross-shard/cross-shard-history.ts";
import { account, MemoryCluster, mustPost, transfer } from "./memory-shards.ts";

const [A = "", A2 = ""] = idsOn(0, 2, 2);
const [B = ""] = idsOn(1, 2, 1);

/** Number of turns: more than enough for one transfer to exceed its prepare rounds. */
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

test("the whole balance is moved although credits arrive in every turn, and the reply states the amount", async () => {
  // The answer about an account with a ceiling waits for its newest batch, which leaves time for more changes.
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

test("room prepared beyond the amount that was moved is released", async () => {
  const { gateway } = await begun(150);
  const [all] = await Promise.all([gateway.submit(allOf(A, B)), mustPost(gateway, transfer(A, A2, 60))]);
  expect(movedBy(all)).toBe(40);
  await mustPost(gateway, transfer("@issuance", B, 110));
  expect(await gateway.account("acme", B)).toMatchObject({ posted: 150 });
});

test("amounts that would not fit are prepared again after they have shrunk", async () => {
  const { gateway } = await begun(50);
  const [all] = await Promise.all([gateway.submit(allOf(A, B)), mustPost(gateway, transfer(A, A2, 60))]);
  expect(movedBy(all)).toBe(40);
});
