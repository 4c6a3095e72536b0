/** Creating, updating, freezing and closing accounts, and merging metadata. */
import { describe, expect, test } from "vitest";
import type { AccountView, Command, UpdateAccount } from "../../../src/actors/records/command.ts";
import { LedgerRun } from "./ledger-run.ts";

const header = { partner: "p", key: null, fingerprint: 0 } as const;

class Book {
  readonly run = new LedgerRun(() => {});

  do(command: Command): AccountView | string {
    const { outcome } = this.run.do(command);
    if (!outcome.ok) return outcome.code;
    return "account" in outcome && outcome.account !== undefined ? outcome.account : "ok";
  }

  create(more: Partial<AccountView> = {}): AccountView | string {
    const { asset = "PTS/0", floor = null, ceiling = null, metadata = null } = more;
    return this.do({ op: "create_account", ...header, id: "a", asset, floor, ceiling, metadata });
  }

  update(change: Partial<UpdateAccount>): AccountView | string {
    return this.do({ op: "update_account", ...header, id: "a", ...change });
  }

  status(action: "freeze" | "unfreeze" | "close"): string {
    const account = this.do({ op: "set_account_status", ...header, id: "a", action });
    return typeof account === "string" ? account : account.status;
  }

  move(debit: string, credit: string, amount: number): AccountView | string {
    const details = { memo: null, metadata: null, occurredAtMs: null, vnode: 0 };
    return this.do({ op: "transfer", ...header, ...details, debit, credit, amount });
  }
}

test("a new account is open with balance 0, and bounds that exclude 0 are refused", () => {
  const book = new Book();
  expect(book.create({ floor: 1 })).toBe("balance_conflict");
  expect(book.create({ ceiling: -1 })).toBe("balance_conflict");
  expect(book.create({ floor: 0, ceiling: 0, metadata: '{"a":"1"}' })).toEqual({
    id: "a",
    asset: "PTS/0",
    status: "open",
    floor: 0,
    ceiling: 0,
    posted: 0,
    held: 0,
    seq: 0,
    metadata: '{"a":"1"}',
    createdAtMs: book.run.nowMs,
    limits: [],
  });
  expect(book.create()).toBe("account_exists");
});

test("an update changes only the fields it names, and a bound that the present balance breaks is refused", () => {
  const book = new Book();
  const limits = [{ windowS: 60, direction: "debit", maxAmount: 100, maxCount: null }] as const;
  expect(book.update({ floor: 0 })).toBe("account_not_found");
  book.create({ floor: -5, ceiling: 50, metadata: '{"a":"1"}' });
  book.move("@x", "a", 10);
  expect(book.update({ limits })).toMatchObject({ floor: -5, ceiling: 50, metadata: '{"a":"1"}', limits });
  expect(book.update({ floor: 10 })).toMatchObject({ floor: 10, ceiling: 50, limits });
  expect(book.update({ floor: 11 })).toBe("balance_conflict");
  expect(book.update({ ceiling: 10 })).toMatchObject({ floor: 10, ceiling: 10 });
  expect(book.update({ ceiling: 9 })).toBe("balance_conflict");
  expect(book.update({ floor: null, ceiling: null, limits: [] })).toMatchObject({
    floor: null,
    ceiling: null,
    limits: [],
    posted: 10,
    seq: 1,
  });
});

test("an account can be frozen and unfrozen; it can be closed only when empty, and never reopened", () => {
  const book = new Book();
  expect(book.status("freeze")).toBe("account_not_found");
  book.create();
  book.move("@x", "a", 3);
  expect([book.status("freeze"), book.status("freeze")]).toEqual(["frozen", "frozen"]);
  expect(book.move("a", "@x", 3)).toBe("account_frozen");
  expect(book.status("close")).toBe("account_not_empty");
  expect(book.status("unfreeze")).toBe("open");
  book.move("a", "@x", 3);
  expect([book.status("close"), book.status("close")]).toEqual(["closed", "closed"]);
  for (const action of ["freeze", "unfreeze"] as const) expect(book.status(action)).toBe("account_closed");
  expect(book.update({ floor: null })).toBe("account_closed");
  expect(book.move("@x", "a", 1)).toBe("account_closed");
});

function keys(from: number, to: number, value: string): string {
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: to - from }, (_, i) => [`k${from + i}`, value])),
  );
}

describe("metadata", () => {
  test.each([
    [null, { b: "2", a: "1" }, '{"a":"1","b":"2"}'],
    ['{"a":"1"}', { a: "2" }, '{"a":"2"}'],
    ['{"b":"1"}', { a: "2" }, '{"a":"2","b":"1"}'],
    ['{"a":"1","b":"2"}', { a: null }, '{"b":"2"}'],
    ['{"a":"1"}', { a: null, none: null }, null],
    [null, {}, null],
  ])("%s patched with %o becomes %s", (before, patch, after) => {
    const book = new Book();
    book.create({ metadata: before });
    expect(book.update({ metadata: JSON.stringify(patch) })).toMatchObject({ metadata: after });
  });

  test("has at most 50 keys, counted after the patch", () => {
    const book = new Book();
    book.create();
    expect(book.update({ metadata: keys(0, 51, "v") })).toBe("metadata_too_large");
    expect(book.update({ metadata: keys(0, 50, "v") })).toMatchObject({ metadata: expect.any(String) });
    expect(book.update({ metadata: keys(50, 51, "v") })).toBe("metadata_too_large");
    expect(book.update({ metadata: '{"k0":null,"k50":"v"}' })).toMatchObject({
      metadata: expect.any(String),
    });
  });
});
