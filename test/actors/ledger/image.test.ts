/** An image holds every part of a shard's state, each at its place. */
import { expect, test } from "vitest";
import { type Account, openAccount } from "../../../src/actors/ledger/account.ts";
import { copiesOf, ImageReader, imageOf, restoreCopies } from "../../../src/actors/ledger/image.ts";
import { LedgerState } from "../../../src/actors/ledger/ledger-state.ts";
import type { PartnerState } from "../../../src/actors/ledger/partner.ts";
import { stateLines } from "../../../src/actors/ledger/state-digest.ts";
import type { Broadcast } from "../../../src/actors/records/command.ts";
import { writeValue } from "../../../src/actors/records/pack.ts";
import { PackWriter } from "../../../src/actors/records/pack-writer.ts";

const BLOCK_BYTES = 64 * 1024;

/** Bytes that depend on how many were asked for before. */
function counting(): (bytes: number) => Uint8Array {
  let next = 1;
  return (bytes) => Uint8Array.from({ length: bytes }, () => next++ & 0xff);
}

function newState(): LedgerState {
  return new LedgerState(0, 2, counting());
}

function restored(image: Iterable<Uint8Array>, at = { epoch: 0, seq: 0 }, state = newState()): LedgerState {
  const reader = new ImageReader(state, at);
  for (const block of image) reader.accept(block);
  return state;
}

/** One item as images of older versions have it. */
function item(...values: readonly unknown[]): Uint8Array {
  const writer = new PackWriter();
  writeValue(writer, values);
  return writer.take();
}

function notice(no: number): Broadcast {
  const header = { partner: "acme", key: null, fingerprint: 0 };
  return { ...header, op: "notice", programme: "vouchers", notice: [no], from: 0, no, sentAtMs: 9 };
}

function account(id: string, changes: Partial<Account> = {}): Account {
  const view = {
    id,
    status: "open",
    floor: 0,
    ceiling: null,
    posted: 0,
    held: 0,
    seq: 0,
    metadata: null,
  } as const;
  const limits = [{ windowS: 60, direction: "debit", maxAmount: 5, maxCount: null }] as const;
  return { ...openAccount({ ...view, asset: "PTS/0", createdAtMs: 5, limits }, "PTS/0", 0), ...changes };
}

test("partners and their keys, the operator's key, sums across shards, messages and claims come back as they were", () => {
  const state = newState();
  state.operatorKeyHash = "0p";
  const partner = { id: "acme", name: "Acme", status: "active", createdAtMs: 1 };
  const keys = ["k1", "k2"].map((id) => [id, { id, role: "partner", hash: `${id}#` }]);
  state.partners.set("acme", { partner, keys: new Map(keys as never) } as unknown as PartnerState);
  state.book("acme").countCrossShard("PTS/0", 3, 4);
  state.exchange(1).restore(7, 6);
  state.exchange(1).send(notice(8), { epoch: 2, seq: 3, index: 4 });
  state.claims.restoreForgotten({ epoch: 1, seq: 2 });
  state.claims.take("name", "tr_1", { epoch: 2, seq: 3 });

  const copy = restored(imageOf(state));
  expect([...stateLines(copy, 0)]).toEqual([...stateLines(state, 0)]);
  expect(copy.operatorKeyHash).toBe("0p");
  expect(copy.partners.get("acme")).toEqual({ partner, keys: new Map(keys as never) });
  expect(copy.book("acme").crossed.get("PTS/0")).toEqual({ sent: 3n, received: 4n });
  const { sent, received, forgotten, kept } = copy.exchange(1);
  expect({ sent, received, forgotten, kept }).toEqual({
    sent: 8,
    received: 6,
    forgotten: 7,
    kept: [{ message: notice(8), epoch: 2, seq: 3, index: 4 }],
  });
  expect(copy.claims.forgotten).toEqual({ epoch: 1, seq: 2 });
  expect([...copy.claims.all()]).toEqual([["name", { by: "tr_1", epoch: 2, seq: 3 }]]);
});

test("a copy remembers keys under the same hash, and a new state under a hash of its own", () => {
  const state = newState();
  const other = new LedgerState(0, 2, () => Uint8Array.from({ length: 16 }, () => 9));
  expect(other.keys.seed).not.toEqual(state.keys.seed);
  expect(new Set(state.keys.seed).size).toBe(4);
  expect(restored(imageOf(state), undefined, other).keys.seed).toEqual(state.keys.seed);
});

test("the reverted transfers of an image of an older version are claims at the place of the image", () => {
  const copy = restored([item(13, "tr_1", "tr_2")], { epoch: 3, seq: 4 });
  expect([...copy.claims.all()]).toEqual([["revert\0tr_1", { by: "tr_2", epoch: 3, seq: 4 }]]);
});

test("blocks are closed once they have 64 KiB, and none is empty", () => {
  expect([...imageOf(newState())].map(({ length }) => length > 0)).toEqual([true]);
  const state = newState();
  for (let i = 0; i < 3_000; i++) state.addAccount("acme", account(`account-${i}`.padEnd(100, ".")));
  const blocks = [...imageOf(state)];
  expect(blocks.length).toBeGreaterThan(3);
  for (const { length } of blocks.slice(0, -1)) {
    expect(length).toBeGreaterThanOrEqual(BLOCK_BYTES);
    expect(length).toBeLessThan(BLOCK_BYTES + 200);
  }
  expect(blocks.at(-1)?.length).toBeGreaterThan(0);
  expect(restored(blocks).accounts).toBe(3_000);
});

test("copies of some accounts and slices are added to the book of their partner", () => {
  const state = newState();
  restoreCopies(
    state,
    "acme",
    copiesOf(
      [account("alice", { posted: 5, programme: "loyalty" }), account("bob")],
      [{ name: "@issuance", asset: "PTS/0", vnode: 9, posted: -5, held: 2, seq: 3 }],
    ),
  );
  expect(state.accounts).toBe(2);
  expect(state.book("acme").accounts.get("alice")).toMatchObject({ posted: 5, programme: "loyalty" });
  expect(state.book("acme").accounts.get("bob")).toMatchObject({ posted: 0, programme: null });
  expect(state.book("acme").sliceOf("@issuance", "PTS/0", 9)).toMatchObject({ posted: -5, held: 2, seq: 3 });
  expect([...state.books.keys()]).toEqual(["acme"]);
});

test("copies for decisions have no metadata", () => {
  const metadata = JSON.stringify({ note: "x".repeat(1_000) });
  const copies = copiesOf([account("alice", { posted: 5, metadata })], []);
  expect(copies.length).toBeLessThan(200);
  const state = newState();
  restoreCopies(state, "acme", copies);
  expect(state.book("acme").accounts.get("alice")).toMatchObject({ posted: 5, metadata: null });
});

test("items of programmes are handed to their programme", () => {
  const state = newState();
  restored([item(14, "quotas", ["quotas", "acme", { bytes: 77 }])], undefined, state);
  expect([...state.programmes.items()].map(([programme]) => programme)).toEqual(["quotas"]);
  expect([...stateLines(restored(imageOf(state)), 0)]).toEqual([...stateLines(state, 0)]);
});

test("a book knows the usage of its partner, and a partner without a book keeps nothing", () => {
  const state = newState();
  expect(state.usageOf("acme").bytes).toBe(0);
  expect(state.books.size).toBe(0);
  state.addAccount("acme", account("a"));
  const bytes = state.usageOf("acme").bytes;
  expect(bytes).toBeGreaterThan(0);
  state.addAccount("globex", account("a"));
  state.addAccount("globex", account("b"));
  expect([state.usageOf("acme").bytes, state.usageOf("globex").bytes]).toEqual([bytes, 2 * bytes]);
  expect([state.kept.bytes, state.accounts]).toEqual([3 * bytes, 3]);
  expect(state.book("acme")).toBe(state.books.get("acme"));
  expect(state.exchange(1)).toBe(state.exchange(1));
});
