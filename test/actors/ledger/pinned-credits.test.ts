import { describe, expect, test } from "vitest";
import {
  type Account,
  BALANCE_MAX,
  EMPTY_SLICE,
  openAccount,
  refusalOfCredit,
  refusalOfDebit,
  refusalOfSliceCredit,
  refusalOfSliceDebit,
} from "../../../src/actors/ledger/account.ts";

test("pinned and new credits together must be a safe integer, even if the balance is far below zero", () => {
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
  // The balance would fit each of them, but their sum is not a safe integer.
  expect(refusalOfCredit(account, null, account.posted + BALANCE_MAX, BALANCE_MAX, 1, 0)).toBe(
    "balance_out_of_range",
  );
  const less = BALANCE_MAX - 2;
  expect(refusalOfCredit(account, null, account.posted + less, less, 1, 0)).toBeUndefined();
});

const MAX = 2 ** 52;

describe("pinned and reserved credits count against a further credit", () => {
  const limits = [{ windowS: 60, direction: "credit", maxAmount: 50, maxCount: 9 }] as const;
  const rules = {
    id: "a",
    asset: "PTS/0",
    status: "open",
    floor: null,
    ceiling: 100,
    metadata: null,
  } as const;

  function accountWith(more: Partial<Account>): Account {
    const view = { ...rules, posted: 0, held: 0, seq: 0, createdAtMs: 0, limits };
    return Object.assign(openAccount(view, "PTS/0", 0), more);
  }

  test.each<
    readonly [Partial<Account>, posted: number, credited: number, credits: number, string | undefined]
  >([
    [{ pinned: 20, reserved: 10 }, 70, 10, 1, undefined],
    [{ pinned: 20, reserved: 10 }, 71, 10, 1, "ceiling_exceeded"],
    [{ pinned: 20, reserved: 10 }, 20, 20, 1, undefined],
    [{ pinned: 20, reserved: 10 }, 21, 21, 1, "limit_exceeded"],
    [{ pinned: 20, reserved: 10 }, 21, 21, 0, undefined],
    [{ pins: 3, reservations: 4 }, 2, 2, 2, undefined],
    [{ pins: 3, reservations: 4 }, 3, 3, 3, "limit_exceeded"],
    [{ ceiling: null, velocities: null, pinned: 5, reserved: 6 }, MAX - 11, 1, 1, undefined],
    [{ ceiling: null, velocities: null, pinned: 5, reserved: 6 }, MAX - 10, 1, 1, "balance_out_of_range"],
    [{ status: "frozen" }, 1, 1, 1, undefined],
    [{ status: "closed" }, 1, 1, 1, "account_closed"],
    [{ programme: "loyalty", status: "closed" }, 1, 1, 1, "managed_account"],
  ])(
    "of an account with %o: credited to %i, by %i in %i entries",
    (more, posted, credited, credits, refusal) => {
      expect(refusalOfCredit(accountWith(more), null, posted, credited, credits, 0)).toBe(refusal);
    },
  );

  test("a programme moves accounts that it manages and unmanaged ones, but not those of other programmes", () => {
    const account = accountWith({ programme: "loyalty" });
    for (const [programme, refusal] of [
      ["loyalty", undefined],
      ["wallet", "managed_account"],
      [null, "managed_account"],
    ] as const) {
      expect(refusalOfCredit(account, programme, 1, 1, 1, 0)).toBe(refusal);
      expect(refusalOfDebit(account, programme, 1, 0, 1, 1, 0)).toBe(refusal);
    }
    expect(refusalOfDebit(accountWith({}), "wallet", 1, 0, 1, 1, 0)).toBeUndefined();
  });

  test.each([
    [{ pinned: 3, reserved: 4 }, MAX - 7, 1, undefined],
    [{ pinned: 3, reserved: 4 }, MAX - 6, 1, "balance_out_of_range"],
    [{ pinned: 3, reserved: 4 }, 0, BALANCE_MAX - 7, undefined],
    [{ pinned: 3, reserved: 4 }, 0, BALANCE_MAX - 6, "balance_out_of_range"],
  ] as const)("of a slice with %o: credited to %i, by %i", (more, posted, credited, refusal) => {
    expect(refusalOfSliceCredit({ ...EMPTY_SLICE, ...more }, posted, credited)).toBe(refusal);
  });

  test.each([
    [4, 5 - MAX + 4, 5, 9, undefined],
    [4, 5 - MAX + 3, 5, 9, "balance_out_of_range"],
    [4, 0, 0, BALANCE_MAX - 4, undefined],
    [4, 0, 0, BALANCE_MAX - 3, "balance_out_of_range"],
  ] as const)(
    "of a slice with %i pinned debits: debited to %i, with %i held, by %i",
    (pinnedDebits, posted, held, debited, refusal) => {
      expect(refusalOfSliceDebit({ ...EMPTY_SLICE, pinnedDebits }, posted, held, debited)).toBe(refusal);
    },
  );
});
