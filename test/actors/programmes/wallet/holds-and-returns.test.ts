/** Who decides about a hold, a payment request or a withdrawal, and what is taken back of a transfer. */
import { describe, expect, test } from "vitest";
import type { ListPage } from "../../../../src/actors/programmes/paged-index.ts";
import {
  bankSubject,
  type HoldView,
  isRevertible,
  subjectsOfWallet,
  takeBackWallet,
  walletAccount,
  walletAct,
} from "../../../../src/actors/programmes/wallet/acts.ts";
import {
  askHolds,
  askPayeeHolds,
  askPaymentRequests,
} from "../../../../src/actors/programmes/wallet/questions.ts";
import { WalletsFixture } from "./wallet-fixture.ts";

const idsOf = ({ rows }: ListPage<HoldView>) => rows.map(([, { id }]) => id);

/** Ann's wallet with 100, Bob's and Carl's, which are empty. */
function threeWallets() {
  const fixture = new WalletsFixture();
  const [ann, bob, carl] = [fixture.wallet("ann@x", 100), fixture.wallet("bob@x"), fixture.wallet("carl@x")];
  return { fixture, ann, bob, carl } as const;
}

describe("a hold that names a wallet", () => {
  test("is captured and voided by that wallet, and by no other", () => {
    const { fixture, ann, bob, carl } = threeWallets();
    fixture.hold(ann, 40, bob);
    const hold = fixture.last;
    for (const round of ["live", "restored"]) {
      expect(fixture.capture(ann, hold, 5), round).toEqual(["hold_of_payee", hold]);
      expect(fixture.voidHold(ann, hold)).toEqual(["hold_of_payee", hold]);
      expect(fixture.capture(carl, hold, 5)).toEqual(["hold_not_found", hold]);
      expect(fixture.voidHold(carl, hold)).toEqual(["hold_not_found", hold]);
      expect(fixture.capture(bob, hold, 5, false, carl)).toEqual(["hold_of_payee", hold]);
      fixture.restart();
    }
    expect(fixture.capture(bob, hold, 15, false)).toBeUndefined();
    expect(fixture.order(hold)).toMatchObject({ status: "pending", captured: 15, to: bob });
    expect(fixture.capture(bob, hold, 5, true, bob)).toBeUndefined();
    expect(fixture.order(hold)).toMatchObject({ status: "captured", captured: 20 });
    expect([fixture.profile("ann@x"), fixture.profile("bob@x")]).toMatchObject([
      { posted: 80, held: 0 },
      { posted: 20, held: 0 },
    ]);
  });

  test("is listed by its payer and by its payee, newest first", () => {
    const { fixture, ann, bob, carl } = threeWallets();
    const ids = [bob, undefined, bob, carl].map((to) => {
      fixture.hold(ann, 10, to);
      return fixture.last;
    });
    const [first, second, third, fourth] = ids;
    fixture.voidHold(bob, first ?? "");
    fixture.restart();
    expect(idsOf(fixture.ask(askHolds(ann)([9, null])))).toEqual([fourth, third, second, first]);
    expect(idsOf(fixture.ask(askPayeeHolds(bob)([9, null])))).toEqual([third, first]);
    expect(idsOf(fixture.ask(askPayeeHolds(ann)([9, null])))).toEqual([]);
    expect(fixture.order(first ?? "")).toMatchObject({ status: "voided" });
  });
});

test("a hold that names no wallet is its payer's alone", () => {
  const { fixture, ann, bob } = threeWallets();
  fixture.hold(ann, 40);
  const hold = fixture.last;
  expect(fixture.capture(bob, hold, 5, true, bob)).toEqual(["hold_not_found", hold]);
  expect(fixture.voidHold(bob, hold)).toEqual(["hold_not_found", hold]);
  expect(fixture.capture(ann, hold, null, false, bob)).toBeUndefined();
  expect(fixture.order(hold)).toMatchObject({ status: "captured", captured: 40 });
});

test("a hold expires at its millisecond", () => {
  const { fixture, ann, bob } = threeWallets();
  fixture.hold(ann, 40, bob, 60);
  const hold = fixture.last;
  const expiresAtMs = fixture.run.nowMs + 60;
  fixture.run.nowMs += 59;
  expect(fixture.order(hold)).toMatchObject({ status: "pending", expiresAtMs });
  fixture.run.nowMs += 1;
  expect(fixture.order(hold)).toMatchObject({ status: "expired" });
  expect(fixture.profile("ann@x")).toMatchObject({ posted: 100, held: 0 });
});

test("a payment request is accepted and declined by its payer, and cancelled by its requester, once", () => {
  const { fixture, ann, bob, carl } = threeWallets();
  const request = fixture.requested(bob, ann, 10);
  const unknown = ["payment_request_not_found", request];
  for (const wallet of [bob, carl]) {
    expect(fixture.decide("decline_request", wallet, request)).toEqual(unknown);
    expect(fixture.accept(wallet, request, ann, 10)).toEqual(unknown);
  }
  for (const wallet of [ann, carl])
    expect(fixture.decide("cancel_request", wallet, request)).toEqual(unknown);
  expect(fixture.accept(ann, request, bob, 10)).toMatchObject({ id: request, status: "accepted" });
  expect(fixture.order(request)).toMatchObject({ status: "accepted", transfer: fixture.last });
  for (const answer of [
    fixture.accept(ann, request, bob, 10),
    fixture.decide("decline_request", ann, request),
    fixture.decide("cancel_request", bob, request),
  ])
    expect(answer).toEqual(["already_decided", request]);
  expect(fixture.request(ann, ann, 5)).toEqual(["same_account", ann]);
  expect(fixture.request(ann, "wal_none", 5)).toEqual(["wallet_not_found", "wal_none"]);
  const listed = (role: "payer" | "requester", wallet: string) =>
    fixture.ask(askPaymentRequests(role, wallet)([9, null])).rows.map(([, { id }]) => id);
  expect([listed("payer", ann), listed("requester", bob)]).toEqual([[request], [request]]);
  expect([listed("payer", bob), listed("requester", ann)]).toEqual([[], []]);
});

test("a withdrawal is confirmed or failed by a bank, once, and a failed one gives the money back", () => {
  const { fixture, ann } = threeWallets();
  fixture.withdraw(ann, 30);
  const failed = fixture.last;
  expect(fixture.profile("ann@x")).toMatchObject({ posted: 100, held: 30 });
  fixture.fail(failed, "no such account");
  expect(fixture.profile("ann@x")).toMatchObject({ posted: 100, held: 0 });
  const closed = { kind: "withdrawal", wallet: ann, amount: 30, details: "IBAN", bank: "mill" };
  expect(fixture.order(failed)).toMatchObject({ ...closed, status: "failed", reason: "no such account" });
  fixture.withdraw(ann, 30);
  const confirmed = fixture.last;
  fixture.confirm(confirmed, "bank 2");
  fixture.restart();
  expect(fixture.order(confirmed)).toMatchObject({ ...closed, status: "confirmed", bank: "bank 2" });
  expect(fixture.order(confirmed)).not.toHaveProperty("reason");
  for (const answer of [fixture.confirm(failed), fixture.fail(confirmed)])
    expect(answer).toEqual(["transfer_not_pending", expect.stringMatching(/^tr_/)]);
});

describe("a transfer between wallets", () => {
  test("is returned in full or in part, once, and never more than it was", () => {
    const { fixture, ann, bob } = threeWallets();
    const subject = walletAccount(ann);
    const sent = [30, 30].map((amount) => {
      fixture.send(ann, bob, amount);
      return fixture.last;
    });
    const [first = "", second = ""] = sent;
    expect(fixture.takeBack(first, subject, 31)).toMatchObject(["amount_exceeds_transfer", null]);
    expect(fixture.takeBack(first, subject, 30)).toBeUndefined();
    expect(fixture.takeBack(first, subject, 1)).toEqual(["already_reverted", first]);
    expect(fixture.takeBack(second, subject, 12)).toBeUndefined();
    expect(fixture.takeBack(second, subject, 1)).toEqual(["already_reverted", second]);
    expect([fixture.profile("ann@x"), fixture.profile("bob@x")]).toMatchObject([
      { posted: 82 },
      { posted: 18 },
    ]);
    fixture.send(ann, bob, 2);
    expect(fixture.takeBack(fixture.last, subject, null)).toBeUndefined();
    expect(fixture.profile("bob@x")).toMatchObject({ posted: 18 });
  });

  test("is taken back with an act of its own, which says why; a hold only if it named its payee", () => {
    const terms = { kind: "return", reason: "wrong", by: "ann", amount: 3 } as const;
    const transfer = { id: "t", status: "posted", postings: [], postedAmount: 3 } as never;
    const hold = { wallet: "a", amount: 3, memo: null, timeoutMs: 1 };
    const subject = walletAccount("a");
    const acts = [
      walletAct("send", subject, { wallet: "a" }),
      walletAct("deposit", bankSubject("mill"), { wallet: "a", bank: "mill", ref: null }),
      walletAct("accept_request", subject, { vnode: 0, wallet: "a", request: "r" }),
      walletAct("hold", subject, { ...hold, to: "b" }),
      walletAct("hold", subject, hold),
      walletAct("withdraw", subject, { wallet: "a", amount: 3, details: "" }),
      walletAct("take_back", subject, terms),
    ];
    expect(acts.map((act) => isRevertible(act))).toEqual([true, true, true, true, false, false, false]);
    for (const act of acts) {
      const expected = isRevertible(act) ? walletAct("take_back", act.subject, terms) : undefined;
      expect(takeBackWallet(act, transfer, terms), act.act).toEqual(expected);
      expect(takeBackWallet(act, transfer)).toBeUndefined();
    }
    expect([isRevertible(null), isRevertible({ programme: "other", act: "send", subject })]).toEqual([
      false,
      false,
    ]);
  });
});

test("a bank uses each reference of a deposit once, and the refusal names the first deposit", () => {
  const { fixture, ann, bob } = threeWallets();
  fixture.deposit(ann, 5, "r1");
  const first = fixture.last;
  fixture.restart();
  expect(fixture.deposit(bob, 5, "r1")).toEqual(["duplicate_reference", first]);
  expect(fixture.deposit(bob, 5, "r1", "other")).toBeUndefined();
  expect(fixture.deposit(bob, 5)).toBeUndefined();
  expect(fixture.deposit(bob, 5)).toBeUndefined();
});

function historiesOf(act: string, effect: unknown, fields: object = {}): readonly string[] {
  const whole = { programme: "wallet", act, subject: "s", wallet: "w", ...fields };
  return subjectsOfWallet(whole, effect as never);
}

test("a payment request is part of the history of both wallets, also when one of them is closed", () => {
  const ended = { wallet: "a", requester: "b" };
  expect(historiesOf("request_payment", null, { payer: "p" })).toEqual(["wallet:p", "wallet:w"]);
  expect(historiesOf("decline_request", ended, { request: "r" })).toEqual(["wallet:a", "wallet:b"]);
  expect(historiesOf("decline_request", null, { request: "r" })).toEqual(["wallet:w"]);
  expect(historiesOf("close_wallet", { ended: [ended] })).toEqual(["wallet:w", "wallet:b"]);
  expect(historiesOf("send", null)).toEqual([]);
  expect(subjectsOfWallet({ programme: "other", act: "request_payment", subject: "s" }, null)).toEqual([]);
});
