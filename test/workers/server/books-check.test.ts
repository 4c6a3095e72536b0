import { expect, test } from "vitest";
import { BooksCheck } from "../../../src/workers/server/books-check.ts";

const balanced = { sum: -5n, inTransit: 5n, accounts: 2 };

function checkOf(assets: Readonly<Record<string, typeof balanced>>): BooksCheck {
  return new BooksCheck(async () => ({ assets, positions: [] }));
}

test("the books balance if each asset's balances and amounts in transit add up to 0", async () => {
  const check = checkOf({ "USD/2": balanced, "PTS/0": { ...balanced, sum: 0n, inTransit: 0n } });
  expect(check.books.isBalanced).toBeUndefined();
  await check.check();
  expect(check.books).toEqual({ isBalanced: true, inTransit: { "USD/2": 5n, "PTS/0": 0n } });
});

test("one asset that does not add up is enough", async () => {
  const check = checkOf({ "USD/2": balanced, "PTS/0": { ...balanced, sum: 1n } });
  await check.check();
  expect(check.books.isBalanced).toBe(false);
});

test("while a shard is away, the last result stays", async () => {
  let isAway = false;
  const check = new BooksCheck(async () => {
    if (isAway) throw new Error("shard 1 is restarting");
    return { assets: { "USD/2": balanced }, positions: [] };
  });
  await check.check();
  isAway = true;
  await check.check();
  expect(check.books.isBalanced).toBe(true);
});
