/** Sessions that a refresh has replaced, and what users and their orders take in memory. */
import { expect, test } from "vitest";
import {
  emailSubject,
  PLATFORM_TENANT,
  resetSubject,
  sessionSubject,
  supportSubject,
} from "../../../../src/actors/programmes/wallet/acts.ts";
import { askReset, askWalletOf } from "../../../../src/actors/programmes/wallet/questions.ts";
import { ORDERS_MAX } from "../../../../src/actors/programmes/wallet/wallet-orders.ts";
import { WalletsFixture } from "./wallet-fixture.ts";

const GRACE_MS = 30_000;

/** Ann has signed up, with a session named like her e-mail. */
class SessionsFixture extends WalletsFixture {
  readonly ann = this.wallet("ann@x");

  refresh(session: string, next: string): unknown {
    const fields = { vnode: 0, session, next, graceMs: GRACE_MS };
    return this.act("refresh_session", sessionSubject(session), fields);
  }

  open(session: string): unknown {
    return this.act("open_session", emailSubject("ann@x"), { email: "ann@x", credential: 1, session });
  }
}

test("a session that was refreshed stays valid for its grace, so that a lost answer can be asked for again", () => {
  const fixture = new SessionsFixture();
  fixture.refresh("ann@x", "next");
  fixture.run.nowMs += GRACE_MS - 1;
  fixture.restart();
  expect(["ann@x", "next"].map((session) => fixture.isOpen(session))).toEqual([true, true]);
  // A second refresh does not prolong it.
  expect(fixture.refresh("ann@x", "another")).toMatchObject({ email: "ann@x" });
  fixture.run.nowMs += 1;
  expect(["ann@x", "next", "another"].map((session) => fixture.isOpen(session))).toEqual([false, true, true]);
  expect(fixture.refresh("ann@x", "more")).toEqual(["bad_credentials", null]);
});

test("beyond 50 sessions a replaced one ends first, and then the oldest", () => {
  const fixture = new SessionsFixture();
  for (let i = 2; i <= 49; i++) fixture.open(`s${i}`);
  fixture.refresh("s30", "next");
  fixture.open("s51");
  expect(["ann@x", "s30", "next", "s51"].map((session) => fixture.isOpen(session))).toEqual([
    true,
    false,
    true,
    true,
  ]);
  fixture.open("s52");
  expect(["ann@x", "s2", "s52"].map((session) => fixture.isOpen(session))).toEqual([false, true, true]);
});

test("a user takes memory with the texts of its e-mail and name", () => {
  const fixture = new WalletsFixture();
  const bytes = () => fixture.run.ledger.state.book(PLATFORM_TENANT).usage.bytes;
  const sizes = [
    ["a@x", "Ann"],
    ["b@x", "Annabel"],
    ["cc@xx", "Ann"],
  ].map(([email = "", name = ""]) => {
    const before = bytes();
    const person = { email, name, password: "hash", session: email, asset: "USD/2" };
    fixture.act("sign_up", emailSubject(email), person);
    return bytes() - before;
  });
  // The ids of wallets, which are drawn until they fit their shard, differ in length by few characters.
  const [one = 0, longerName = 0, longerEmail = 0] = sizes;
  expect(one).toBeGreaterThan(1_000);
  expect(longerName).toBeGreaterThan(one);
  expect(longerEmail).toBeGreaterThan(one - 3);
  const before = bytes();
  fixture.restart();
  expect(bytes()).toBe(before);
});

test("an order takes memory with its memo; beyond 500 of a wallet each takes the place of a closed one", () => {
  const fixture = new WalletsFixture();
  const [ann, bob] = [fixture.wallet("ann@x"), fixture.wallet("bob@x")];
  const bytes = () => fixture.run.ledger.state.book(PLATFORM_TENANT).usage.bytes;
  const empty = bytes();
  const add = () => fixture.decide("decline_request", ann, fixture.requested(bob, ann, 1));
  for (let i = 0; i < ORDERS_MAX; i++) add();
  const full = bytes();
  expect(full - empty).toBeGreaterThan(ORDERS_MAX * 600);
  add();
  expect(bytes()).toBe(full);
  fixture.restart();
  expect(bytes()).toBe(full);
});

test("support and the reset of a password have subjects of their own, so that keys of others never collide", () => {
  expect([supportSubject("w"), resetSubject("t"), sessionSubject("s")]).toEqual([
    "support:w",
    "reset:t",
    "session:s",
  ]);
  expect(askReset("t", 7)).toMatchObject({ subject: "reset:t", vnode: 7 });
  expect(new WalletsFixture().ask(askWalletOf("none@x"))).toBeNull();
});
