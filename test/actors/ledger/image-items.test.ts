/** The items of an image, as docs/WAL_FORMAT.md lists them, and the state that is read from them. */
import { expect, test } from "vitest";
import { ImageReader, imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import type { Broadcast, Limit } from "../../../src/actors/records/command.ts";
import { readValue, writeValue } from "../../../src/actors/records/pack.ts";
import { PackReader } from "../../../src/actors/records/pack-reader.ts";
import { PackWriter } from "../../../src/actors/records/pack-writer.ts";
import { restoredShard } from "./copies.ts";
import { keyless, LedgerShard, NOW_MS, ownersOn, posting, transferOf, vnodeOf } from "./ledger-shard.ts";

const HOUR_MS = 3_600_000;
const BLOCK_BYTES = 64 * 1024;
const [A = "", B = ""] = ownersOn(1);

function itemsOf(ledger: Ledger): readonly (readonly unknown[])[] {
  const items: (readonly unknown[])[] = [];
  const reader = new PackReader();
  for (const block of imageOf(ledger.state)) {
    reader.start(block);
    while (reader.at < block.length) items.push(readValue(reader) as readonly unknown[]);
  }
  return items;
}

/** A block of these items. */
function block(...items: readonly (readonly unknown[])[]): Uint8Array {
  const writer = new PackWriter();
  for (const item of items) writeValue(writer, item);
  return writer.take();
}

function read(...items: readonly (readonly unknown[])[]): Ledger {
  const ledger = new Ledger(1, 2);
  new ImageReader(ledger.state, { epoch: 3, seq: 4 }).accept(block(...items));
  return ledger;
}

const limit: Limit = { windowS: 60, direction: "debit", maxAmount: 50, maxCount: null };
const partner = { id: "p", name: "P", status: "active", createdAtMs: 1 } as const;
const key = { id: "k", partner: "p", role: "partner", hash: "#", createdAtMs: 1 };

/** A shard whose state has an item of every kind. */
function full(): LedgerShard {
  const shard = new LedgerShard(1);
  shard.open(A, { floor: null, ceiling: 900, metadata: '{"a":"1"}', limits: [limit] });
  shard.open(B, { status: "frozen", programme: "loyalty" });
  shard.open(`${A}/closed`, { status: "closed", posted: 0, seq: 0 });
  const { state } = shard.ledger;
  state.operatorKeyHash = "0p";
  state.partners.set("p", { partner, keys: new Map([["k", key as never]]) });
  state.book("p").countCrossShard("PTS/0", 3, 4);
  const tick = { op: "tick", partner: "p", key: "key", fingerprint: 9 } as const;
  shard.apply(tick, { ok: true });
  shard.transfer(transferOf([posting(A, "@x", 5)], { pending: true, timeoutMs: 60 }), undefined, "tr_1");
  shard.transfer(transferOf([posting(A, "@x", 6)], { pending: true }), undefined, "tr_2");
  shard.transfer(transferOf([posting(A, "@x", 7)]), undefined, "tr_3");
  shard.reserve("tr_9", [posting("@y", A, 1), posting(A, "@y", 2)]);
  const header = { ...keyless, op: "notice", programme: "quotas", from: 1 } as const;
  const notice: Broadcast = { ...header, notice: { bytes: 7 }, no: 4, sentAtMs: 9 };
  state.exchange(0).restore(3, 2);
  state.exchange(0).send(notice, { epoch: 1, seq: 2, index: 3 });
  state.claims.restoreForgotten({ epoch: 1, seq: 1 });
  state.claims.take("name", "tr_3", { epoch: 2, seq: 5 });
  state.programmes.restore("quotas", ["quotas", "p", { bytes: 7 }]);
  return shard;
}

function lines({ ledger }: LedgerShard): readonly string[] {
  return [...ledger.stateLines(NOW_MS)];
}

test("each kind of item has its number and its fields in their order", () => {
  const { ledger } = full();
  const [seed, keys = [], ...items] = itemsOf(ledger);
  expect(seed).toEqual([1, ledger.keys.seed, 1]);
  expect([keys[0], (keys[1] as Uint8Array).length]).toEqual([2, 44]);
  const of = (asset: string) => ({ account: A, asset, vnode: vnodeOf(A) });
  const view = (id: string) => ledger.compound.pending.get(id)?.view;
  const hold = (amount: number) => [{ ...of("PTS/0"), amount }];
  const use = (amount: number) => [{ account: A, amount, count: 1 }];
  const { velocities } = ledger.account("p", A) ?? {};
  expect(items).toEqual([
    [3, "0p"],
    [4, partner, [key]],
    [5, "p", [[Math.floor(NOW_MS / HOUR_MS), 1]]],
    [6, A, "PTS/0", 0, null, 900, 93, 12, 2, '{"a":"1"}', 0, velocities, null],
    [6, B, "PTS/0", 1, 0, null, 100, 0, 1, null, 0, null, "loyalty"],
    [6, `${A}/closed`, "PTS/0", 2, 0, null, 0, 0, 0, null, 0, null, null],
    [7, "@x", "PTS/0", vnodeOf(A), 7, 0, 1],
    [7, "@y", "PTS/0", vnodeOf(A), 0, 1, 0],
    [8, "PTS/0", "3", "4"],
    [9, 0, 3, 2],
    [10, 0, ledger.exchange(0).message(4), 1, 2, 3],
    [11, "tr_1", "p", view("tr_1"), 5, 0, hold(5), use(5), []],
    [11, "tr_2", "p", view("tr_2"), 6, 0, hold(6), use(6), []],
    [12, "tr_9", ledger.compound.reservations.get("tr_9")],
    [15, 1, 1],
    [16, "name", "tr_3", 2, 5],
    [14, "quotas", ["quotas", "p", { bytes: 7 }]],
  ]);
});

test("a restored image has the same state, its copy the same image, and both go on alike", () => {
  const shard = full();
  const copy = new LedgerShard(1, restoredShard(shard.ledger));
  expect(lines(copy)).toEqual(lines(shard));
  expect(itemsOf(copy.ledger)).toEqual(itemsOf(shard.ledger));
  const tick = { op: "tick", partner: "p", key: "key", fingerprint: 9 } as const;
  expect(copy.ledger.lookUpKey(tick, NOW_MS)).toEqual(shard.ledger.lookUpKey(tick, NOW_MS));
  const usages = [shard, copy].map(({ ledger }) => ledger.state.usageOf("p").keys.at(NOW_MS));
  expect(usages).toEqual([1, 1]);
  for (const each of [shard, copy]) {
    const { pending } = each.ledger.compound;
    expect(each.ledger.nextExpiryMs).toBe(NOW_MS + 60);
    const [due] = [pending.nextExpired(NOW_MS + 60)];
    if (due === undefined) throw new Error("a transfer is due");
    pending.remove(due);
    expect([due.id, pending.nextExpired(1e15), pending.size]).toEqual(["tr_1", undefined, 1]);
    each.release("tr_9");
  }
  expect(lines(copy)).toEqual(lines(shard));
});

test("items of older versions lack the newest fields", () => {
  const account = [6, "a", "PTS/0", 0, 0, null, 7, 0, 1, null, 9, null];
  const ledger = read([5, "p"], account, [...account.with(1, "b"), "loyalty"]);
  expect(ledger.account("p", "a")).toMatchObject({ programme: null, floor: 0, posted: 7 });
  expect(ledger.account("p", "b")).toMatchObject({ programme: "loyalty", floor: 0, posted: 7 });
  expect(ledger.state.usageOf("p").keys.hours).toEqual([]);
  const reverted = read([13, "tr_1", "tr_2"], [14, "wallet", ["reference", "b", "r"]]);
  const places = [...reverted.state.claims.all()].map(([, { by, epoch, seq }]) => [by, epoch, seq]);
  expect(places).toEqual([
    ["tr_2", 3, 4],
    ["", 3, 4],
  ]);
  expect(reverted.state.claims.forgotten).toEqual({ epoch: 0, seq: 0 });
});

test("fields of a newer version are skipped in accounts and slices, wherever they stand", () => {
  const account = [6, "a", "PTS/0", 0, 0, null, 7, 0, 1, null, 9, null, null, "new", 1];
  const ledger = read([5, "p"], account, [7, "@x", "PTS/0", 5, -7, 0, 1, "new"], [8, "PTS/0", "1", "2"]);
  expect(ledger.account("p", "a")?.posted).toBe(7);
  expect(ledger.systemAccount("p", "@x")?.get("PTS/0")).toEqual({ posted: -7n, held: 0n });
  expect(ledger.sums("p").get("PTS/0")).toEqual({ sum: 0n, accounts: 1, sent: 1n, received: 2n });
});

/** Lengths of the blocks of an image that ends with claims whose names have these lengths. */
function lengthsOf(...names: readonly number[]): readonly number[] {
  const { state } = new Ledger(1, 2);
  for (const [i, length] of names.entries())
    state.claims.take(`${i}`.padEnd(length, "."), "", { epoch: 1, seq: i });
  return [...imageOf(state)].map(({ length }) => length);
}

test("a block ends with the item that fills its 64 KiB, be it the last one", () => {
  const [bytes = 0] = lengthsOf(60_000);
  const full = 60_000 + BLOCK_BYTES - bytes;
  expect(lengthsOf(full - 1)).toEqual([BLOCK_BYTES - 1]);
  expect(lengthsOf(full)).toEqual([BLOCK_BYTES]);
  const [first, second = 0] = lengthsOf(full, 1_000);
  expect([first, second > 1_000 && second < 1_020]).toEqual([BLOCK_BYTES, true]);
});
