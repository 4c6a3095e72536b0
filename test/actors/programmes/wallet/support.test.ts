/** What the platform tenant does for a wallet's user: freezing, limits, closing, and the reset of a password. */
import { describe, expect, test } from "vitest";
import { emailSubject, walletAccount } from "../../../../src/actors/programmes/wallet/acts.ts";
import {
  askCredential,
  askOpenFor,
  askProfile,
  askReset,
  askWalletOf,
} from "../../../../src/actors/programmes/wallet/questions.ts";
import { WalletsFixture } from "./wallet-fixture.ts";

const HOUR_MS = 3_600_000;

describe("a reset of the password", () => {
  test("is possible with the newest token only, for less than an hour, and once", () => {
    const fixture = new WalletsFixture();
    const ann = fixture.wallet("ann@x");
    const issuedMs = fixture.run.nowMs;
    expect(fixture.support("issue_reset", ann, { token: "first" })).toMatchObject({
      walletId: ann,
      createdAtMs: issuedMs,
      expiresAtMs: issuedMs + HOUR_MS,
    });
    fixture.support("issue_reset", ann, { token: "second" });
    fixture.run.nowMs += HOUR_MS - 1;
    fixture.restart();
    expect(["first", "second"].map((token) => fixture.ask(askReset(token, 0)))).toEqual([false, true]);
    expect(fixture.reset("first", "hash 2")).toEqual(["bad_reset_token", null]);
    expect(fixture.reset("second", "hash 2")).toMatchObject({ walletId: ann, email: "ann@x" });
    expect(fixture.ask(askCredential("ann@x"))).toEqual({ password: "hash 2", credential: 2 });
    expect(fixture.isOpen("ann@x")).toBe(false);
    expect(fixture.reset("second", "hash 3")).toEqual(["bad_reset_token", null]);
    fixture.support("issue_reset", ann, { token: "third" });
    fixture.run.nowMs += HOUR_MS;
    expect(fixture.ask(askReset("third", 0))).toBe(false);
    expect(fixture.reset("third", "hash 3")).toEqual(["bad_reset_token", null]);
  });

  test("is over when the password is changed, or the wallet is closed", () => {
    const fixture = new WalletsFixture();
    const [ann, bob] = [fixture.wallet("ann@x"), fixture.wallet("bob@x")];
    for (const wallet of [ann, bob]) fixture.support("issue_reset", wallet, { token: `t ${wallet}` });
    const password = { wallet: ann, credential: 1, password: "hash 2" };
    expect(fixture.act("change_password", walletAccount(ann), password)).toMatchObject({ walletId: ann });
    expect(fixture.act("change_password", walletAccount(ann), password)).toEqual(["bad_credentials", null]);
    fixture.support("close_wallet", bob, { openElsewhere: 0 });
    for (const wallet of [ann, bob])
      expect(fixture.reset(`t ${wallet}`, "hash")).toEqual(["bad_reset_token", null]);
    expect(fixture.support("issue_reset", bob, { token: "more" })).toEqual([
      "account_closed",
      walletAccount(bob),
    ]);
    expect(fixture.support("issue_reset", "wal_none", { token: "t" })).toEqual([
      "wallet_user_not_found",
      "wal_none",
    ]);
  });
});

test("a frozen wallet pays nothing until it is open again, and its user still signs in", () => {
  const fixture = new WalletsFixture();
  const [ann, bob] = [fixture.wallet("ann@x", 100), fixture.wallet("bob@x")];
  expect(fixture.support("freeze_wallet", ann)).toMatchObject({ walletId: ann, email: "ann@x" });
  expect(fixture.profile("ann@x")).toMatchObject({ status: "frozen", posted: 100 });
  expect(fixture.send(ann, bob, 1)).toEqual(["account_frozen", walletAccount(ann)]);
  expect(fixture.isOpen("ann@x")).toBe(true);
  fixture.support("unfreeze_wallet", ann);
  expect(fixture.profile("ann@x")).toMatchObject({ status: "open" });
  expect(fixture.send(ann, bob, 1)).toBeUndefined();
  for (const act of ["freeze_wallet", "unfreeze_wallet"] as const)
    expect(fixture.support(act, "wal_none")).toEqual(["wallet_user_not_found", "wal_none"]);
});

test("limits of a wallet bind its transfers from then on, and are shown with the user", () => {
  const fixture = new WalletsFixture();
  const [ann, bob] = [fixture.wallet("ann@x", 100), fixture.wallet("bob@x")];
  const limits = [{ windowS: 3_600, direction: "debit", maxAmount: 10, maxCount: null }] as const;
  expect(fixture.support("limit_wallet", ann, { limits })).toMatchObject({ walletId: ann });
  expect(fixture.profile("ann@x")).toMatchObject({ limits });
  expect(fixture.send(ann, bob, 11)).toEqual(["limit_exceeded", walletAccount(ann)]);
  expect(fixture.send(ann, bob, 10)).toBeUndefined();
  fixture.support("limit_wallet", ann, { limits: [] });
  expect(fixture.profile("ann@x")).toMatchObject({ limits: [] });
  expect(fixture.send(ann, bob, 90)).toBeUndefined();
  expect(fixture.support("limit_wallet", "wal_none", { limits })).toEqual([
    "wallet_user_not_found",
    "wal_none",
  ]);
});

describe("a wallet is closed", () => {
  test("when it is empty and is to be paid nothing; the requests that it was to pay are declined", () => {
    const fixture = new WalletsFixture();
    const [ann, bob] = [fixture.wallet("ann@x", 100), fixture.wallet("bob@x", 50)];
    const request = fixture.requested(bob, ann, 10);
    const cancelled = fixture.requested(bob, ann, 10);
    fixture.decide("cancel_request", bob, cancelled);
    expect(fixture.support("close_wallet", ann, { openElsewhere: 0 })).toEqual([
      "account_not_empty",
      walletAccount(ann),
    ]);
    fixture.send(ann, bob, 100);
    expect(fixture.support("close_wallet", ann, { openElsewhere: 1 })).toEqual([
      "account_not_empty",
      walletAccount(ann),
    ]);
    fixture.events();
    expect(fixture.support("close_wallet", ann, { openElsewhere: 0 })).toMatchObject({
      walletId: ann,
      ended: [{ id: request, requester: bob, status: "declined" }],
    });
    const data = { id: request, payer: ann, requester: bob, amount: 10, memo: "rent", status: "declined" };
    expect(fixture.events()).toEqual([{ type: "payment_request.decided", subject: ann, data }]);
    expect(fixture.order(request)).toMatchObject({ status: "declined", transfer: null });
    expect(fixture.order(cancelled)).toMatchObject({ status: "cancelled" });
  });

  test("for good: nobody signs in, requests a payment or takes the e-mail, and the profile stays", () => {
    const fixture = new WalletsFixture();
    const [ann, bob] = [fixture.wallet("ann@x"), fixture.wallet("bob@x")];
    fixture.support("close_wallet", ann, { openElsewhere: 0 });
    fixture.restart();
    expect(fixture.isOpen("ann@x")).toBe(false);
    expect([fixture.ask(askCredential("ann@x")), fixture.ask(askWalletOf("ann@x"))]).toEqual([null, null]);
    const person = { email: "ann@x", credential: 1, session: "s" };
    expect(fixture.act("open_session", emailSubject("ann@x"), person)).toEqual(["bad_credentials", null]);
    expect(fixture.request(bob, ann, 5)).toEqual(["wallet_not_found", ann]);
    const again = { email: "ann@x", name: "A", password: "p", session: "s", asset: "USD/2" };
    expect(fixture.act("sign_up", emailSubject("ann@x"), again)).toEqual(["email_taken", "ann@x"]);
    const profile = fixture.profile("ann@x");
    expect(profile).toMatchObject({ status: "closed", walletId: ann, posted: 0, held: 0 });
    expect(fixture.ask(askProfile(profile?.userId ?? ""))).toEqual(profile);
    expect(fixture.support("close_wallet", "wal_none", { openElsewhere: 0 })).toEqual([
      "wallet_user_not_found",
      "wal_none",
    ]);
  });

  test("only after the pending requests and holds in which it is to be paid are over", () => {
    const fixture = new WalletsFixture();
    const [ann, bob] = [fixture.wallet("ann@x", 100), fixture.wallet("bob@x")];
    const open = () => fixture.ask(askOpenFor(bob));
    expect(open()).toBe(0);
    const request = fixture.requested(bob, ann, 10);
    fixture.hold(ann, 20, bob);
    const hold = fixture.last;
    fixture.hold(ann, 20);
    fixture.restart();
    expect([open(), fixture.ask(askOpenFor(ann))]).toEqual([2, 0]);
    fixture.decide("decline_request", ann, request);
    expect(open()).toBe(1);
    fixture.voidHold(bob, hold);
    expect(open()).toBe(0);
    fixture.hold(ann, 20, bob, 60);
    fixture.run.nowMs += 59;
    expect(open()).toBe(1);
    fixture.run.nowMs += 1;
    expect(open()).toBe(0);
  });
});
