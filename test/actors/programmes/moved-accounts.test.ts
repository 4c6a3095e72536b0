/** Which accounts the transfer of an act moves money between; a transfer between others is never decided. */
import { expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { movedAccountsOf } from "../../../src/actors/programmes/programmes.ts";
import { creditAccount, phoneAccount } from "../../../src/actors/programmes/topup/acts.ts";
import { bankAccount, walletAccount } from "../../../src/actors/programmes/wallet/acts.ts";
import type { Transfer } from "../../../src/actors/records/command.ts";

const loyalty = (act: string) => ({ programme: "loyalty", act, subject: pointsAccount("ann") });
const topup = (act: string, more: object) => ({
  programme: "topup",
  act,
  subject: creditAccount("shop"),
  ...more,
});
const wallet = (act: string, more = {}) => ({
  programme: "wallet",
  act,
  subject: walletAccount("w"),
  wallet: "w",
  ...more,
});

test.each([
  [loyalty("accrual"), "@issuance", pointsAccount("ann")],
  [loyalty("redemption"), pointsAccount("ann"), "@redemption"],
  [loyalty("expiry"), pointsAccount("ann"), "@expired"],
  [topup("sale", { phone: "+431" }), creditAccount("shop"), phoneAccount("+431")],
  [topup("approve", { amount: 1 }), "@credit", creditAccount("shop")],
  [topup("approve", { amount: -1 }), creditAccount("shop"), "@credit"],
  [wallet("deposit", { bank: "b" }), bankAccount("b"), walletAccount("w")],
  [wallet("send"), walletAccount("w"), null],
  [wallet("accept_request"), walletAccount("w"), null],
  [wallet("hold"), walletAccount("w"), "@holds"],
  [wallet("withdraw"), walletAccount("w"), "@withdrawals"],
  [wallet("confirm_withdrawal", { bank: "b" }), null, bankAccount("b")],
])("$programme $act moves from %s to %s", (act, debit, credit) => {
  expect(movedAccountsOf(act)).toEqual({ debit, credit });
});

test.each([
  loyalty("update_member"),
  topup("reject", {}),
  wallet("void_hold"),
  { programme: "none", act: "x", subject: "" },
])("$programme $act comes with no new transfer", (act) => {
  expect(movedAccountsOf(act)).toBeUndefined();
});

const SALE: Transfer = {
  op: "transfer",
  partner: "acme",
  key: null,
  fingerprint: 0,
  debit: creditAccount("shop"),
  credit: phoneAccount("+431"),
  amount: 1,
  memo: null,
  metadata: null,
  occurredAtMs: null,
  vnode: 0,
  act: topup("sale", { phone: "+431", reference: null }),
};

test.each([
  ["another debit account", { debit: creditAccount("other") }],
  ["another credit account", { credit: phoneAccount("+432") }],
  ["both sides exchanged", { debit: SALE.credit, credit: SALE.debit }],
])("a sale with %s is a broken invariant, and nothing is decided", (_, changes) => {
  const ledger = new Ledger(0);
  expect(() => ledger.decide({ ...SALE, ...changes }, 1, () => "tr_1")).toThrow("between the act's accounts");
  expect(ledger.decide(SALE, 1, () => "tr_1")).toMatchObject({ ok: false, code: "seller_not_found" });
});

test("an act that needs a transfer is not decided alone", () => {
  const ledger = new Ledger(0);
  const { partner, key, fingerprint } = SALE;
  const alone = { op: "act", partner, key, fingerprint, act: loyalty("accrual") } as const;
  expect(() => ledger.decide(alone, 1, () => "tr_1")).toThrow("between the act's accounts");
});

test("the transfer of an act has one posting", () => {
  const ledger = new Ledger(0);
  const posting = { debit: SALE.debit, credit: SALE.credit, amount: 1 };
  const { vnode: _, debit: __, credit: ___, amount: ____, ...rest } = SALE;
  const compound = { ...rest, op: "compound_transfer", postings: [posting, posting] } as const;
  expect(() => ledger.compound.decideAct(compound, 2, 1)).toThrow("between the act's accounts");
});
