import { expect, test } from "vitest";
import { BALANCE_MAX, openAccount, refusalOfCredit } from "../../src/actors/account.ts";

test("what is announced to an account far below zero stays a number that can be given back exactly", () => {
  const view = {
    id: "a",
    asset: "PTS/0",
    status: "open",
    floor: null,
    ceiling: null,
    metadata: null,
  } as const;
  const account = openAccount(
    { ...view, posted: -(2 ** 52) - 2, held: 0, seq: 1, createdAtMs: 0 },
    "PTS/0",
    0,
  );
  expect(refusalOfCredit(account, null, account.posted + BALANCE_MAX, BALANCE_MAX, 1, 0)).toBeUndefined();
  account.pinned = 2;
  account.pins = 1;
  // Both would fit the balance; together they are no safe integer.
  expect(refusalOfCredit(account, null, account.posted + BALANCE_MAX, BALANCE_MAX, 1, 0)).toBe(
    "balance_out_of_range",
  );
  const less = BALANCE_MAX - 2;
  expect(refusalOfCredit(account, null, account.posted + less, less, 1, 0)).toBeUndefined();
});
