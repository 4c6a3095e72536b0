/** Thousands of holds expire at one moment: they are processed in portions; only requests for the same account wait. */
import { afterEach, expect, test, vi } from "vitest";
import { homeVnodeOf } from "../../../../src/actors/ledger/routing.ts";
import type { Command } from "../../../../src/actors/records/command.ts";
import type { CompoundTransfer } from "../../../../src/actors/records/compound-command.ts";
import { decodeFrame } from "../../../../src/wal/frame.ts";
import { MemoryStore } from "../../../../src/wal/memory.ts";
import { ENTRY_BYTES_MAX } from "../../../../src/workers/shard/group-commit.ts";
import { idsOn } from "../../cross-shard/cross-shard-history.ts";
import { account, isPending, MemoryCluster, mustPost, recordsOf, transfer } from "../memory-shards.ts";

const BOUNDS = { records: 200, bytes: 1024 * 1024 };
/** Each portion and each other shard may add one record. */
const RECORDS_MAX = BOUNDS.records + 2;
const HOLDS = 1_500;
const TIMEOUT_MS = 1_000;
const [A = "", A2 = "", A3 = ""] = idsOn(0, 2, 3);
const [B = "", B2 = "", B3 = ""] = idsOn(1, 2, 3);

afterEach(() => {
  vi.restoreAllMocks();
});

function compound(
  postings: CompoundTransfer["postings"],
  more: Partial<CompoundTransfer> = {},
): CompoundTransfer {
  const [{ debit, credit } = { debit: "", credit: "" }] = postings;
  const plain = { op: "compound_transfer", partner: "acme", key: null, fingerprint: 0 } as const;
  const noted = { memo: null, metadata: null, occurredAtMs: null } as const;
  const vnode = homeVnodeOf("acme", debit, credit, null);
  return { ...plain, ...noted, postings, available: false, pending: false, timeoutMs: null, vnode, ...more };
}

function hold(debit: string, credit: string): CompoundTransfer {
  const metadata = JSON.stringify({ note: "x".repeat(200) });
  return compound([{ debit, credit, amount: 1 }], { pending: true, timeoutMs: TIMEOUT_MS, metadata });
}

/** Two shards; all money of A and B is in thousands of holds that are due to expire. */
async function begun(isOver = true) {
  const clock = { nowMs: Date.UTC(2026, 5, 1) };
  const stores = [new MemoryStore("s0"), new MemoryStore("s1")] as const;
  const cluster = await MemoryCluster.start(stores, { now: () => clock.nowMs, bounds: BOUNDS });
  const { gateway } = cluster;
  for (const id of [A, A2, A3, B, B2, B3]) await mustPost(gateway, account(id));
  for (const id of [A, A2, B, B2]) await mustPost(gateway, transfer("@issuance", id, HOLDS));
  for (const [debit, credit] of [[A, A2] as const, [B, B2] as const])
    await gateway.submitTransfers(Array.from({ length: HOLDS }, () => hold(debit, credit)));
  if (isOver) clock.nowMs += TIMEOUT_MS;
  return { gateway, stores, clock };
}

function batchesOf(store: MemoryStore) {
  return store.entries.flatMap(({ id, bytes }) => {
    const frame = decodeFrame(bytes, id);
    return frame.kind === "batch" ? [{ seq: id.seq, count: frame.count, bytes: frame.body.length }] : [];
  });
}

/** The number of records of each batch after the first `from`. */
function sizesOf(store: MemoryStore, from = 0): readonly number[] {
  return batchesOf(store)
    .slice(from)
    .map(({ count }) => count);
}

function opsOf(store: MemoryStore): readonly string[] {
  return recordsOf(store, 0).map(({ record }) => record.command.op);
}

function accepted(asked: Promise<unknown>): Promise<unknown> {
  return asked.then((answer) => (answer as { outcome: { ok: boolean } }).outcome.ok);
}

test("a read of an account waits until all its due expiries are processed, and no log entry exceeds its bounds", async () => {
  const { gateway, stores } = await begun();
  const from = stores.map((store) => batchesOf(store).length);
  const read = gateway.account("acme", A);
  // A command for another account is not delayed.
  expect(await accepted(gateway.submit(transfer(A2, A3, 1)))).toBe(true);
  expect(opsOf(stores[0]).filter((op) => op === "expire_transfer").length).toBeLessThan(HOLDS);
  expect(await read).toMatchObject({ posted: HOLDS, held: 0 });
  expect(opsOf(stores[0]).filter((op) => op === "expire_transfer")).toHaveLength(HOLDS);
  expect(Math.max(...sizesOf(stores[0], from[0]))).toBeLessThanOrEqual(RECORDS_MAX);
});

test("records of expiry carry neither memo nor metadata, and the transfer keeps its own", async () => {
  const { gateway, stores } = await begun();
  await gateway.account("acme", A);
  const expired = recordsOf(stores[0], 0).filter(({ record }) => record.command.op === "expire_transfer");
  for (const { record } of expired) expect(JSON.stringify(record)).not.toMatch(/"(?:memo|metadata)"/);
  const [id = ""] = expired.map(({ record }) => ("id" in record.command ? record.command.id : ""));
  expect(await gateway.transfer("acme", id)).toMatchObject({
    status: "expired",
    metadata: expect.stringContaining("xxx"),
  });
});

test("reads, commands, dry runs and cuts over two shards see nothing that has expired, however many requests are concurrent", async () => {
  const { gateway, stores } = await begun();
  const from = stores.map((store) => batchesOf(store).length);
  const all = HOLDS;
  const [reads, cut, dry, others] = await Promise.all([
    Promise.all([A, B].map((id) => gateway.account("acme", id))),
    gateway.consistentAccounts("acme", [A, B]),
    gateway.dryRun(compound([{ debit: A, credit: A3, amount: all }])),
    Promise.all([A2, B2].map((id) => accepted(gateway.submit(transfer(id, "@issuance", 1))))),
  ]);
  expect(reads.map((view) => view?.held)).toEqual([0, 0]);
  expect(cut?.accounts.map(({ held }) => held)).toEqual([0, 0]);
  expect(dry.ok).toBe(true);
  expect(others).toEqual([true, true]);
  // A cross-shard transfer waits for the expiries of its debit account.
  expect(await accepted(gateway.submit(transfer(A, B3, all)))).toBe(true);
  for (const [i, store] of stores.entries())
    expect(Math.max(...sizesOf(store, from[i]))).toBeLessThanOrEqual(RECORDS_MAX);
});

test("a reservation for another shard waits until all due expiries of the account are processed", async () => {
  const { gateway } = await begun();
  const legs = [
    { debit: A2, credit: B3, amount: 1 },
    { debit: B, credit: A3, amount: HOLDS },
  ];
  expect(await accepted(gateway.submit(compound(legs)))).toBe(true);
});

test("a batch of transfers of which one has to wait gets one reply, with each result as if it had been sent alone", async () => {
  const { gateway } = await begun();
  const { items } = await gateway.submitTransfers([
    transfer(A2, A3, 1),
    transfer(A, A3, HOLDS),
    transfer(A3, A2, HOLDS),
  ]);
  expect(items).toMatchObject([{ id: expect.any(String) }, { id: expect.any(String) }, {}]);
});

test("a cross-shard transfer is decided after expiries that became due while it waited for the other shard", async () => {
  const { gateway, stores, clock } = await begun(false);
  const durable = Promise.withResolvers<void>();
  stores[1].inject({ kind: "delay", until: durable.promise });
  const changed = gateway.submit({
    op: "update_account",
    partner: "acme",
    key: null,
    fingerprint: 0,
    id: B3,
    ceiling: HOLDS,
  });
  const crossing = gateway.submit(transfer(A, B3, HOLDS));
  const several = gateway.submit(
    compound([
      { debit: A2, credit: B3, amount: 1 },
      { debit: A, credit: A3, amount: 1 },
    ]),
  );
  expect(await isPending(crossing)).toBe(true);
  clock.nowMs += TIMEOUT_MS;
  durable.resolve();
  await changed;
  const [first, second] = await Promise.all([accepted(crossing), accepted(several)]);
  // Only one of them has enough money; neither was refused because of holds that are due to expire.
  expect([first, second]).toContain(true);
  expect(opsOf(stores[0]).filter((op) => op === "expire_transfer")).toHaveLength(HOLDS);
});

test("a read and a command that wait too long are refused, with nothing done", async () => {
  const { gateway, stores } = await begun();
  const stuck = Promise.withResolvers<void>();
  stores[0].inject({ kind: "delay", until: stuck.promise });
  const read = gateway.account("acme", A).catch((error: { code: string }) => error.code);
  const command = gateway.submit(transfer(A, A3, HOLDS)).catch((error: { code: string }) => error.code);
  expect(await isPending(read)).toBe(true);
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + 6_000);
  expect(await Promise.all([read, command])).toEqual(["overloaded", "overloaded"]);
  stuck.resolve();
  vi.restoreAllMocks();
  expect(await gateway.account("acme", A)).toMatchObject({ posted: HOLDS, held: 0 });
});

test("answers of another shard in one message do not fill a batch beyond its bounds", async () => {
  const { gateway, stores } = await begun(false);
  const from = batchesOf(stores[0]).length;
  const crossing = Array.from({ length: 1_000 }, () => transfer(A2, B2, 1));
  const several = Array.from({ length: 400 }, () =>
    compound([
      { debit: A2, credit: B2, amount: 1 },
      { debit: B2, credit: A2, amount: 1 },
    ]),
  );
  const { items } = await gateway.submitTransfers([...crossing, ...several]);
  expect(items.filter((item) => "id" in item)).toHaveLength(1_400);
  expect(Math.max(...sizesOf(stores[0], from))).toBeLessThanOrEqual(RECORDS_MAX);
});

test("a request larger than a log entry is split over several entries, and gets one reply", async () => {
  const store = new MemoryStore("s0");
  const { gateway } = await MemoryCluster.start([store]);
  await mustPost(gateway, account("u"));
  const metadata = JSON.stringify({ note: "x".repeat(16_000) });
  const items: Command[] = Array.from({ length: 1_200 }, () =>
    compound([{ debit: "@issuance", credit: "u", amount: 1 }], { metadata }),
  );
  const answer = await gateway.submitTransfers(items as CompoundTransfer[]);
  expect(answer.items.filter((item) => "id" in item)).toHaveLength(1_200);
  expect(Math.max(...batchesOf(store).map(({ bytes }) => bytes))).toBeLessThanOrEqual(ENTRY_BYTES_MAX);
  expect(batchesOf(store).length).toBeGreaterThan(2);
  expect(await gateway.account("acme", "u")).toMatchObject({ posted: 1_200 });
});
