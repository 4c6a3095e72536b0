/** The events of wallets, in every field. */
import { expect, test } from "vitest";
import { bankSubject, walletAccount } from "../../../../src/actors/programmes/wallet/acts.ts";
import { eventsOfWallet, USER_EVENT_TYPES } from "../../../../src/actors/programmes/wallet/events.ts";
import { WalletsFixture } from "./wallet-fixture.ts";

/** Ann's wallet with 100, and Bob's, which is empty. */
function twoWallets(): Readonly<{ fixture: WalletsFixture; ann: string; bob: string }> {
  const fixture = new WalletsFixture();
  return { fixture, ann: fixture.wallet("ann@x", 100), bob: fixture.wallet("bob@x") };
}

test("a deposit is an event of the wallet that gets it, and a transfer one of each wallet", () => {
  const { fixture, ann, bob } = twoWallets();
  fixture.deposit(ann, 20);
  const deposited = {
    transfer: fixture.last,
    wallet: ann,
    amount: 20,
    balance: 120,
    counterparty: "@bank:mill",
  };
  expect(fixture.events()).toEqual([{ type: "wallet.deposited", subject: ann, data: deposited }]);
  fixture.send(ann, bob, 30);
  const moved = { transfer: fixture.last, amount: 30 };
  expect(fixture.events()).toEqual([
    {
      type: "wallet.sent",
      subject: ann,
      data: { ...moved, wallet: ann, balance: 90, counterparty: walletAccount(bob) },
    },
    {
      type: "wallet.received",
      subject: bob,
      data: { ...moved, wallet: bob, balance: 30, counterparty: walletAccount(ann) },
    },
  ]);
});

test("a hold is no event of wallets until it is captured", () => {
  const { fixture, ann, bob } = twoWallets();
  fixture.hold(ann, 40, bob);
  const hold = fixture.last;
  expect(fixture.events()).toEqual([]);
  fixture.capture(bob, hold, 15, false);
  const moved = { transfer: hold, amount: 15 };
  expect(fixture.events()).toMatchObject([
    { type: "wallet.sent", subject: ann, data: { ...moved, counterparty: walletAccount(bob) } },
    { type: "wallet.received", subject: bob, data: { ...moved, counterparty: walletAccount(ann) } },
  ]);
});

test("a payment request is an event of its payer when it is made, and when it is decided or expires", () => {
  const { fixture, ann, bob } = twoWallets();
  const ids = Array.from({ length: 4 }, () => fixture.requested(bob, ann, 10));
  const data = (id: string | undefined) => ({ id, payer: ann, requester: bob, amount: 10, memo: "rent" });
  expect(fixture.events()).toEqual(
    ids.map((id) => ({
      type: "payment_request.created",
      subject: ann,
      data: { ...data(id), status: "pending" },
    })),
  );
  const [accepted = "", declined = "", cancelled = "", expired] = ids;
  const decided = (id: string | undefined, status: string) => ({
    type: "payment_request.decided",
    subject: ann,
    data: { ...data(id), status },
  });
  fixture.accept(ann, accepted, bob, 10);
  const events = fixture.events();
  expect(events.filter(({ type }) => type.startsWith("wallet.")).map(({ type }) => type)).toEqual([
    "wallet.sent",
    "wallet.received",
  ]);
  expect(events).toContainEqual(decided(accepted, "accepted"));
  fixture.decide("decline_request", ann, declined);
  fixture.decide("cancel_request", bob, cancelled);
  fixture.run.nowMs += 60;
  fixture.run.end();
  expect(fixture.events()).toEqual([
    decided(declined, "declined"),
    decided(cancelled, "cancelled"),
    decided(expired, "expired"),
  ]);
});

test("a withdrawal is an event of its wallet when it is made, confirmed and failed", () => {
  const { fixture, ann } = twoWallets();
  const [confirmed, failed] = [10, 20].map((amount) => {
    fixture.withdraw(ann, amount);
    return fixture.last;
  }) as [string, string];
  const of = (type: string, id: string, amount: number, more: object) => ({
    type: `withdrawal.${type}`,
    subject: ann,
    data: { id, wallet: ann, amount, bank: null, reason: null, ...more },
  });
  expect(fixture.events()).toEqual([
    of("created", confirmed, 10, { status: "pending" }),
    of("created", failed, 20, { status: "pending" }),
  ]);
  fixture.confirm(confirmed);
  fixture.fail(failed, "no such account");
  expect(fixture.events()).toEqual([
    of("decided", confirmed, 10, { status: "confirmed", bank: "mill" }),
    of("decided", failed, 20, { status: "failed", bank: "mill", reason: "no such account" }),
  ]);
});

test("a return is an event of both wallets that names the transfer and the reason", () => {
  const { fixture, ann, bob } = twoWallets();
  fixture.send(ann, bob, 30);
  const reverts = fixture.last;
  fixture.events();
  fixture.takeBack(reverts, walletAccount(ann), 12);
  const moved = { transfer: fixture.last, amount: 12, reverts, reason: "wrong" };
  const events = fixture.events();
  expect(events).toHaveLength(2);
  expect(events).toContainEqual({
    type: "wallet.sent",
    subject: bob,
    data: { ...moved, wallet: bob, balance: 18, counterparty: walletAccount(ann) },
  });
  expect(events).toContainEqual({
    type: "wallet.received",
    subject: ann,
    data: { ...moved, wallet: ann, balance: 82, counterparty: walletAccount(bob) },
  });
});

test("a deposit that is taken back is an event of the wallet", () => {
  const { fixture, ann } = twoWallets();
  fixture.deposit(ann, 30);
  const reverts = fixture.last;
  fixture.events();
  fixture.takeBack(reverts, bankSubject("mill"), null, "correction");
  const data = { transfer: fixture.last, wallet: ann, amount: 30, balance: 100, counterparty: "@bank:mill" };
  expect(fixture.events()).toEqual([
    { type: "wallet.sent", subject: ann, data: { ...data, reverts, reason: "wrong" } },
  ]);
});

test("a wallet's user sees the events of the wallet and of its account, of these types", () => {
  expect(eventsOfWallet("w")).toEqual({
    account: "wallet:w",
    programme: "wallet",
    subjects: ["w", "wallet:w"],
  });
  expect([...USER_EVENT_TYPES].toSorted()).toEqual([
    "payment_request.created",
    "payment_request.decided",
    "transfer.received",
    "wallet.deposited",
    "wallet.received",
    "wallet.sent",
    "withdrawal.created",
    "withdrawal.decided",
  ]);
});
