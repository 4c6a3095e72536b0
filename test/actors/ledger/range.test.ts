/** I2: the range of balances, for new decisions and for balances of older logs beyond it. */
import { describe, expect, test } from "vitest";
import { applyEntry, EMPTY_SLICE } from "../../../src/actors/ledger/account.ts";
import { ImageReader, imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import { decideLegs, decideReserve, NOT_OPEN, plan } from "../../../src/actors/ledger/transfers/compound.ts";
import type { Transfer } from "../../../src/actors/records/command.ts";
import type { CompoundTransfer, Posting, Reserve } from "../../../src/actors/records/compound-command.ts";

const MAX = 2 ** 52;
/** The range that older versions allowed. */
const OLD_MAX = Number.MAX_SAFE_INTEGER;
const NOW_MS = 1_700_000_000_000;
const header = { partner: "p", key: null, fingerprint: 0 } as const;
const place = { epoch: 1, seq: 1, index: 0, timeMs: NOW_MS };

function ledgerWith(accounts: Readonly<Record<string, number>>): Ledger {
  const ledger = new Ledger(0);
  for (const [id, posted] of Object.entries(accounts)) {
    const rules = { asset: "PTS/0", floor: null, ceiling: null, metadata: null } as const;
    const account = { id, ...rules, status: "open", posted, held: 0, seq: 1, createdAtMs: NOW_MS } as const;
    ledger.apply({ ...header, op: "create_account", id, ...rules }, { ok: true, account }, place, 0);
  }
  return ledger;
}

function transfer({ debit, credit, amount }: Posting): Transfer {
  const rest = { memo: null, metadata: null, occurredAtMs: null } as const;
  const vnode = homeVnodeOf("p", debit, credit, null);
  return { ...header, ...rest, op: "transfer", debit, credit, amount, vnode };
}

function decidePlain(ledger: Ledger, posting: Posting): unknown {
  return ledger.decide(transfer(posting), NOW_MS, () => "tr");
}

function decideCompound(ledger: Ledger, posting: Posting, pending = false): unknown {
  const { op: _op, debit: _debit, credit: _credit, amount: _amount, ...rest } = transfer(posting);
  const kind = { available: false, pending, timeoutMs: null } as const;
  const command: CompoundTransfer = { ...rest, ...kind, op: "compound_transfer", postings: [posting] };
  const planned = plan(ledger.compound, command);
  if (planned === NOT_OPEN || !planned.ok) throw new Error("the transfer has no plan");
  return decideLegs(ledger.compound, command, planned, new Map(), "tr", NOW_MS);
}

describe.each([
  ["a plain transfer", decidePlain],
  ["a compound transfer", decideCompound],
] as const)("%s", (_, decide) => {
  test.each<readonly [debit: string, credit: string]>([
    ["a", "b"],
    ["@x", "a"],
    ["a", "@x"],
  ])("from %s to %s can reach the end of the range, but not exceed it", (debit, credit) => {
    const ledger = ledgerWith({ a: 0, b: 0 });
    expect(decide(ledger, { debit, credit, amount: MAX })).toMatchObject({ ok: true });
    for (const amount of [MAX + 1, OLD_MAX]) {
      const subject = debit;
      expect(decide(ledger, { debit, credit, amount })).toEqual({
        ok: false,
        code: "balance_out_of_range",
        subject,
      });
    }
  });

  test("can move an older log's balance beyond the range back at once, but not further out", () => {
    const ledger = ledgerWith({ high: OLD_MAX, low: -OLD_MAX, a: 0 });
    expect(decide(ledger, { debit: "high", credit: "low", amount: OLD_MAX })).toMatchObject({ ok: true });
    expect(decide(ledger, { debit: "high", credit: "a", amount: 1 })).toMatchObject({ ok: true });
    expect(decide(ledger, { debit: "a", credit: "low", amount: 1 })).toMatchObject({ ok: true });
    expect(decide(ledger, { debit: "a", credit: "high", amount: 1 })).toMatchObject({ subject: "high" });
    expect(decide(ledger, { debit: "low", credit: "a", amount: 1 })).toMatchObject({ subject: "low" });
  });
});

test("an older log's balance beyond the range can be held as a whole", () => {
  const ledger = ledgerWith({ high: OLD_MAX, a: 0 });
  expect(decideCompound(ledger, { debit: "high", credit: "a", amount: OLD_MAX }, true)).toMatchObject({
    ok: true,
    moves: [{ held: OLD_MAX }],
  });
});

test("an older log's record with a balance beyond the present range is applied unchanged", () => {
  const ledger = ledgerWith({ a: 0 });
  const command = transfer({ debit: "@x", credit: "a", amount: OLD_MAX });
  const from = { debitPosted: -OLD_MAX, debitHeld: 0, debitSeq: 1 };
  const to = { creditPosted: OLD_MAX, creditHeld: 0, creditSeq: 2 };
  ledger.apply(command, { ok: true, id: "tr", ...from, ...to }, place, 0);
  expect(ledger.account("p", "a")?.posted).toBe(OLD_MAX);
});

test("an entry to a balance that is not a safe integer throws and changes nothing", () => {
  const slice = { ...EMPTY_SLICE, posted: OLD_MAX };
  expect(() => applyEntry(slice, 1, OLD_MAX + 1, 0, 1, 1)).toThrow("I2");
  expect(() => applyEntry(slice, -1, OLD_MAX - 1, OLD_MAX + 1, 1, 1)).toThrow("I2");
  expect(slice.posted).toBe(OLD_MAX);
});

test("credits reserved on a slice count against its range, also after a restore, until they are released", () => {
  const ledger = ledgerWith({ a: 10, b: 0 });
  const vnode = homeVnodeOf("p", "a", "@x", null);
  const legs = [
    { posting: 0, account: "a", counterparty: "@x", vnode, amount: -6 },
    { posting: 0, account: "@x", counterparty: "a", vnode, amount: 6 },
  ];
  const command: Reserve = { ...header, op: "reserve", id: "tr", from: 1, purpose: "post", legs };
  ledger.apply(command, decideReserve(ledger.compound, command, NOW_MS), place, 0);
  const copy = new Ledger(0);
  const reader = new ImageReader(copy.state, { epoch: 0, seq: 0 });
  for (const block of imageOf(ledger.state)) reader.accept(block);
  for (const each of [ledger, copy]) {
    expect(each.systemAccount("p", "@x")).toBeUndefined();
    const credit = (amount: number) => decidePlain(each, { debit: "a", credit: "@x", amount });
    expect(credit(MAX - 6)).toMatchObject({ ok: true });
    expect(credit(MAX - 5)).toMatchObject({ code: "balance_out_of_range", subject: "@x" });
    each.apply({ ...header, op: "release", id: "tr" }, { ok: true, moves: [] }, place, 0);
    expect(credit(MAX)).toMatchObject({ ok: true });
  }
});
