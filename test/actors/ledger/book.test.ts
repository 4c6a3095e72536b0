/** One partner's balances on one shard, and their sums. */
import { expect, test } from "vitest";
import type { Account } from "../../../src/actors/ledger/account.ts";
import { AssetCodes, type AssetSum, Book } from "../../../src/actors/ledger/book.ts";
import { sliceBytes } from "../../../src/actors/quotas/bytes.ts";

function newBook(): Book {
  return new Book(new AssetCodes(), { bytes: 0 });
}

function put(book: Book, id: string, asset: string, posted: number): void {
  book.accounts.set(id, { id, asset, posted } as Account);
}

function sumsOf(book: Book): Record<string, AssetSum> {
  const sums = new Map<string, AssetSum>();
  book.addSums(sums);
  return Object.fromEntries(sums);
}

test("sums are exact beyond 2^53, per asset, and count accounts, not slices", () => {
  const book = newBook();
  const max = Number.MAX_SAFE_INTEGER;
  for (const id of ["a", "b", "c"]) put(book, id, "PTS/0", max);
  put(book, "d", "PTS/0", -5);
  put(book, "e", "EUR/2", 7);
  book.openSlice("@issuance", "PTS/0", 3).posted = -max;
  book.openSlice("@issuance", "PTS/0", 4).posted = -max;
  expect(sumsOf(book)).toEqual({
    "PTS/0": { sum: BigInt(max) - 5n, accounts: 4, sent: 0n, received: 0n },
    "EUR/2": { sum: 7n, accounts: 1, sent: 0n, received: 0n },
  });
});

test("sums are added to those of other books", () => {
  const book = newBook();
  put(book, "a", "PTS/0", 2);
  book.countCrossShard("PTS/0", 30, 0);
  const sums = new Map<string, AssetSum>([["PTS/0", { sum: 5n, accounts: 1, sent: 1n, received: 2n }]]);
  book.addSums(sums);
  expect(sums.get("PTS/0")).toEqual({ sum: 7n, accounts: 2, sent: 31n, received: 2n });
});

test("what crosses to other shards is counted for each direction and each asset, exactly", () => {
  const book = newBook();
  const max = Number.MAX_SAFE_INTEGER;
  book.countCrossShard("PTS/0", max, 0);
  book.countCrossShard("PTS/0", max, 1);
  book.countCrossShard("PTS/0", 0, 2);
  book.countCrossShard("EUR/2", 0, -4);
  expect(Object.fromEntries(book.crossed)).toEqual({
    "PTS/0": { sent: 2n * BigInt(max), received: 3n },
    "EUR/2": { sent: 0n, received: -4n },
  });
  book.restoreCrossed("PTS/0", 9n, 8n);
  expect(book.crossed.get("PTS/0")).toEqual({ sent: 9n, received: 8n });
  expect(sumsOf(book)["PTS/0"]).toEqual({ sum: 0n, accounts: 0, sent: 9n, received: 8n });
});

test("a slice is part of the state, and counted, from the first record that touches it", () => {
  const book = newBook();
  const reserved = book.sliceWithRoom("@issuance", "PTS/0", 5);
  reserved.reserved = 3;
  expect([book.usage.bytes, [...book.slices()], book.systemAccount("@issuance")]).toEqual([0, [], undefined]);
  const slice = book.openSlice("@issuance", "PTS/0", 5);
  expect(slice).toBe(reserved);
  book.openSlice("@issuance", "PTS/0", 5);
  expect(book.usage.bytes).toBe(sliceBytes("@issuance"));
  expect([...book.slices()]).toEqual([["@issuance", "PTS/0", 5, slice]]);
});

test("slices of one system account differ by asset and vnode, and do not mix with another account's", () => {
  const book = newBook();
  for (const [name, asset, vnode, posted] of [
    ["@issuance", "PTS/0", 0, 1],
    ["@issuance", "PTS/0", 1023, 2],
    ["@issuance", "EUR/2", 0, 4],
    ["@burn", "PTS/0", 0, 8],
  ] as const)
    book.openSlice(name, asset, vnode).posted = posted;
  book.openSlice("@issuance", "PTS/0", 0).held = 16;
  book.openSlice("@issuance", "PTS/0", 1023).held = 32;
  expect(book.sliceOf("@issuance", "PTS/0", 1023)?.posted).toBe(2);
  expect(book.sliceOf("@burn", "PTS/0", 0)?.posted).toBe(8);
  expect(book.sliceOf("@issuance", "PTS/0", 7)).toBeUndefined();
  expect(book.sliceOf("@fees", "PTS/0", 0)).toBeUndefined();
  expect(Object.fromEntries(book.systemAccount("@issuance") ?? [])).toEqual({
    "PTS/0": { posted: 3n, held: 48n },
    "EUR/2": { posted: 4n, held: 0n },
  });
  expect(book.systemAccount("@fees")).toBeUndefined();
  expect([...book.slices()].map(([name, asset, vnode]) => [name, asset, vnode])).toEqual([
    ["@issuance", "PTS/0", 0],
    ["@issuance", "PTS/0", 1023],
    ["@issuance", "EUR/2", 0],
    ["@burn", "PTS/0", 0],
  ]);
});

test("an asset has one number, counted from 0, and its name again", () => {
  const assets = new AssetCodes();
  expect(["PTS/0", "EUR/2", "PTS/0"].map((name) => assets.numberOf(name))).toEqual([0, 1, 0]);
  expect([assets.nameOf(0), assets.nameOf(1)]).toEqual(["PTS/0", "EUR/2"]);
  expect(() => assets.nameOf(2)).toThrow(RangeError);
});

test("system accounts are listed in order of their names, whatever the order of their use, and only used ones", () => {
  const book = newBook();
  const names = Array.from({ length: 40 }, (_, i) => `@fees:${(i * 17) % 40}`);
  for (const [vnode, name] of names.entries()) book.openSlice(name, "USD/2", vnode);
  book.sliceWithRoom("@asked", "USD/2", 1);
  const sorted = names.toSorted();
  expect(book.systemAccountsAfter("", 7)).toEqual(sorted.slice(0, 7));
  expect(book.systemAccountsAfter(sorted[6] ?? "", 7)).toEqual(sorted.slice(7, 14));
  expect(book.systemAccountsAfter(sorted[38] ?? "", 7)).toEqual(sorted.slice(39));
});
