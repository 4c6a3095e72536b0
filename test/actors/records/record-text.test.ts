/** The description of each kind of record, and the accounts that it names. */
import { describe, expect, test } from "vitest";
import type { Command, LogRecord, Recorded } from "../../../src/actors/records/command.ts";
import { OPS } from "../../../src/actors/records/record-kinds.ts";
import { describeCommand, describeOutcome } from "../../../src/actors/records/record-text.ts";
import { formatBar, formatBytes } from "../../../src/cli/terminal.ts";
import { accountsOf, matches } from "../../../src/cli/wal/record.ts";
import { printable } from "../../../src/text/printable.ts";

const asked = { partner: "acme", key: null, fingerprint: 0 };
const free = { memo: null, metadata: null, occurredAtMs: null };
const postings = [1, 2, 3, 4, 5].map((amount) => ({ debit: "alice", credit: `to${amount}`, amount }));
const view = {
  id: "tr_1",
  status: "posted" as const,
  postings: postings.slice(0, 1),
  postedAmount: 7,
  ...free,
  createdAtMs: 1,
  expiresAtMs: null,
  reverts: null,
};
const move = {
  posting: 0,
  account: "alice",
  asset: "USD/2",
  vnode: 1,
  amount: -7,
  posted: 1,
  held: 0,
  seq: 1,
};
const changed = {
  ok: true as const,
  id: "tr_1",
  transfer: view,
  moves: [move],
  sent: [],
  part: 0,
  holds: [],
  reservedAt: [],
  elsewhere: [],
};
const leg = { posting: 0, account: "alice", counterparty: "to1", vnode: 1, amount: -7, asset: "USD/2" };
const done = { ok: true as const };
const loyalty = { programme: "loyalty" };
const whole = {
  ...done,
  debitPosted: -5,
  debitHeld: 0,
  debitSeq: 1,
  creditPosted: 5,
  creditHeld: 0,
  creditSeq: 1,
};
const newKey = { id: "k1", role: "partner" as const, name: "n", prefix: "p", hash: "h" };

/** One record of each kind, its description, and its accounts. */
const CASES: readonly [Command, Recorded, string, string, readonly string[]][] = [
  [
    { ...asked, ...free, op: "transfer", debit: "alice", credit: "bob", amount: 5, vnode: 1 },
    { ok: true, id: "tr_9", debitPosted: 1, debitHeld: 0, debitSeq: 1, to: 2, no: 17 },
    "alice → bob 5",
    "tr_9, to shard 2 as message 17",
    ["alice", "bob"],
  ],
  [
    {
      ...asked,
      ...free,
      op: "credit",
      debit: "alice",
      credit: "bob",
      amount: 5,
      id: "tr_9",
      createdAtMs: 1,
      from: 0,
      no: 17,
    },
    { ok: true, posted: 5, held: 0, seq: 1 },
    "alice → bob 5 (tr_9, from shard 0 as message 17)",
    "",
    ["alice", "bob"],
  ],
  [{ ...asked, op: "delivered", to: 1, upTo: 17 }, done, "shard 1 has messages up to 17", "", []],
  [
    {
      ...asked,
      ...free,
      op: "compound_transfer",
      postings,
      available: true,
      pending: true,
      timeoutMs: null,
      vnode: 1,
    },
    { ...changed, transfer: { ...view, status: "pending" } },
    "alice → to1 1 USD/2; alice → to2 2 USD/2; alice → to3 3 USD/2, and 2 more, at most, pending",
    "tr_1 pending",
    ["alice", "to1", "to2", "to3", "to4", "to5"],
  ],
  [
    { ...asked, op: "post_transfer", id: "tr_1", amount: null, final: true, settled: null },
    changed,
    "tr_1 what is left, final",
    "posted 7",
    ["alice", "to1"],
  ],
  [
    { ...asked, op: "void_transfer", id: "tr_1", settled: null },
    { ok: false, code: "transfer_not_pending", subject: "tr_1" },
    "tr_1",
    "transfer_not_pending (tr_1)",
    ["tr_1"],
  ],
  [
    { ...asked, op: "revert_transfer", id: "tr_0", original: { postings: postings.slice(1, 2) }, vnode: 1 },
    changed,
    "tr_0",
    "tr_1 posted 7",
    ["alice", "to2", "to1"],
  ],
  [
    { ...asked, op: "expire_transfer", id: "tr_1" },
    { ...changed, transfer: { ...view, status: "expired" } },
    "tr_1",
    "expired",
    ["alice", "to1"],
  ],
  [
    { ...asked, op: "create_account", id: "alice", asset: "USD/2", floor: -5, ceiling: 100, metadata: null },
    { ok: false, code: "account_exists", subject: null },
    "alice USD/2, floor -5, ceiling 100",
    "account_exists",
    ["alice"],
  ],
  [{ ...asked, op: "update_account", id: "alice", floor: null }, done, "alice", "", ["alice"]],
  [
    { ...asked, op: "set_account_status", id: "alice", action: "freeze" },
    done,
    "alice freeze",
    "",
    ["alice"],
  ],
  [{ ...asked, op: "create_partner", name: "Acme\nBooks" }, done, "Acme\\u000aBooks", "", []],
  [{ ...asked, op: "update_partner", status: "suspended" }, done, "suspended", "", []],
  [{ ...asked, op: "create_key", newKey }, done, "k1 partner", "", []],
  [{ ...asked, op: "revoke_key", keyId: "k1" }, done, "k1", "", []],
  [{ ...asked, op: "set_operator_key", keyHash: "h" }, done, "", "", []],
  [
    { ...asked, op: "reserve", id: "tr_1", from: 2, purpose: "post", legs: [leg] },
    { ok: true, moves: [], holds: [], rises: [] },
    "tr_1 for shard 2 (post): alice -7",
    "",
    ["alice"],
  ],
  [{ ...asked, op: "release", id: "tr_1" }, { ok: true, moves: [move] }, "tr_1", "", ["alice"]],
  [
    {
      ...asked,
      op: "portion",
      from: 2,
      no: 3,
      transfer: view,
      part: 0,
      purpose: "capture",
      legs: [],
      sentAtMs: 1,
    },
    { ok: true, moves: [] },
    "tr_1 from shard 2 as message 3 (capture): nothing",
    "",
    ["alice", "to1"],
  ],
  [{ ...asked, op: "tick" }, done, "", "", []],
  [
    { ...asked, op: "act", act: { ...loyalty, act: "create_member", subject: "points:alice" } },
    { ok: true, effect: null },
    "loyalty create_member points:alice",
    "",
    ["points:alice"],
  ],
  [
    { ...asked, op: "notice", programme: "loyalty", notice: null, from: 2, no: 3, sentAtMs: 1 },
    done,
    "loyalty from shard 2 as message 3",
    "",
    [],
  ],
  [
    {
      ...asked,
      ...free,
      op: "transfer",
      debit: "@issuance",
      credit: "points:alice",
      amount: 5,
      vnode: 1,
      act: { ...loyalty, act: "accrual", subject: "points:alice" },
    },
    { ...whole, id: "tr_9" },
    "@issuance → points:alice 5, loyalty accrual",
    "tr_9",
    ["@issuance", "points:alice"],
  ],
];

test("every kind of command is among the cases", () => {
  expect(new Set(CASES.map(([{ op }]) => op))).toEqual(new Set(Object.keys(OPS)));
});

describe.each(CASES)("%o", (command, outcome, says, decided, accounts) => {
  const record: LogRecord = { command, outcome };

  test("describes the command and its outcome on one line", () => {
    expect(describeCommand(record)).toBe(says);
    expect(describeOutcome(record)).toBe(decided);
  });

  test("names its accounts", () => {
    expect(accountsOf(record)).toEqual(new Set(accounts));
  });
});

test("a filter selects records that match all of its fields", () => {
  const [command, outcome] = CASES[0] as (typeof CASES)[number];
  const record: LogRecord = { command: { ...command, key: "k" }, outcome };
  expect(matches(record, {})).toBe(true);
  expect(matches(record, { partner: "acme", key: "k", account: "bob" })).toBe(true);
  expect(matches(record, { partner: "acm" })).toBe(false);
  expect(matches(record, { key: "K" })).toBe(false);
  expect(matches(record, { account: "bo" })).toBe(false);
});

test("control characters in stored text are escaped", () => {
  expect(printable("a\u001b[31mb\u009b1m\u202ec\nd é→")).toBe("a\\u001b[31mb\\u009b1m\\u202ec\\u000ad é→");
});

test("sizes and progress bars are formatted for people", () => {
  expect([0, 999, 1000, 123_456, 4e9].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "123.5 kB",
    "4.0 GB",
  ]);
  expect(formatBar(5000, 10_000)).toBe("[############------------] 50 %  5,000 of 10,000");
  expect(formatBar(11, 10)).toContain("100 %");
  expect(formatBar(0, 0)).toContain("100 %");
});
