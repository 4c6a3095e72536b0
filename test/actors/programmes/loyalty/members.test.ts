/** Members: what they take in memory, their snapshot, sums of a partner, and the acts that follow from transfers. */
import { expect, test } from "vitest";
import {
  askMembers,
  askSettings,
  askSummary,
  loyaltyAct,
  pointsAccount,
} from "../../../../src/actors/programmes/loyalty/acts.ts";
import {
  type Member,
  memberBytes,
  memberFromItem,
} from "../../../../src/actors/programmes/loyalty/member.ts";
import { cancelLoyalty, pendingPoints } from "../../../../src/actors/programmes/loyalty/pending-points.ts";
import { timeFaultOf } from "../../../../src/actors/programmes/programmes.ts";
import { LoyaltyFixture, PARTNER } from "./loyalty-fixture.ts";

const ANN = pointsAccount("ann");

const fault = (times: { activatesAtMs?: number; expiresAtMs?: number }) =>
  timeFaultOf(loyaltyAct("accrual", ANN, times), 9);

test("points must begin and expire in the future", () => {
  const message = "must be in the future";
  expect(fault({})).toBeUndefined();
  expect(fault({ activatesAtMs: 10, expiresAtMs: 11 })).toBeUndefined();
  expect(fault({ activatesAtMs: 9, expiresAtMs: 11 })).toEqual({ path: "activates_at", message });
  expect(fault({ activatesAtMs: 10, expiresAtMs: 9 })).toEqual({ path: "expires_at", message });
  expect(fault({ expiresAtMs: 9 })).toEqual({ path: "expires_at", message });
});

test("the void of an accrual comes with the act that takes its points back; nothing else of loyalty is voided", () => {
  const transfer = { id: "t", status: "pending", postings: [], postedAmount: 0 } as never;
  const taken = loyaltyAct("cancel_accrual", ANN, { accrual: "t" });
  expect(cancelLoyalty(loyaltyAct("accrual", ANN, { activatesAtMs: 9 }), transfer)).toEqual(taken);
  expect(cancelLoyalty(loyaltyAct("redemption", ANN, {}), transfer)).toBeUndefined();
});

test("the sums of a partner have all points that were ever earned, spent or have expired", () => {
  const fixture = new LoyaltyFixture("ann", "bob");
  expect(fixture.ask(askSummary())).toEqual({
    members: 2,
    earned: "0",
    spent: "0",
    expired: "0",
    pending: "0",
  });
  fixture.accrue("ann", 10);
  fixture.accrue("ann", 5, { expireIn: 10 });
  fixture.accrue("bob", 7, { beginIn: 20 });
  fixture.redeem("ann", 2);
  fixture.pass(10);
  fixture.restart();
  const sums = { earned: "15", spent: "2", expired: "3", pending: "7" };
  expect(fixture.ask(askSummary())).toEqual({ members: 2, ...sums });
  fixture.redeem("ann", 10);
  fixture.act("delete_member", "ann", {});
  expect(fixture.ask(askSummary())).toEqual({ members: 1, ...sums, spent: "12" });
});

test("the total that is compared with the threshold is what members have: earned, less spent and expired", () => {
  const fixture = new LoyaltyFixture("ann");
  fixture.set({ totalThreshold: 10 });
  fixture.accrue("ann", 10);
  fixture.accrue("ann", 5, { expireIn: 50 });
  fixture.redeem("ann", 3);
  fixture.pass(50);
  fixture.pass(50);
  expect(fixture.events()).toEqual([]);
  fixture.accrue("ann", 1);
  fixture.pass(100);
  const data = { number: 1, total: "11", threshold: 10 };
  expect(fixture.events()).toEqual([{ type: "loyalty.total.above_threshold", subject: "loyalty", data }]);
  fixture.restart();
  fixture.redeem("ann", 1);
  fixture.pass(100);
  fixture.accrue("ann", 2);
  fixture.pass(100);
  expect(fixture.events()).toMatchObject([{ data: { number: 2, total: "12" } }]);
});

test("a member without history takes memory for its name, and gives all of it back", () => {
  const fixture = new LoyaltyFixture();
  const bytes = () => fixture.run.ledger.state.book(PARTNER).usage.bytes;
  const taken = (act: () => void) => {
    const before = bytes();
    act();
    return bytes() - before;
  };
  fixture.member("x");
  fixture.accrue("x", 1);
  const unnamed = taken(() => fixture.member("a"));
  const named = taken(() => fixture.member("b", "Ann"));
  const longer = taken(() => fixture.member("c", "Ann Lee"));
  // The name stands with the member and in the list by name.
  expect(longer - named).toBe(2 * 4);
  expect(named - unnamed).toBeGreaterThan(2 * 3);
  expect(taken(() => fixture.act("update_member", "b", { name: "Ann Lee" }))).toBe(longer - named);
  expect(taken(() => fixture.act("update_member", "b", { name: null }))).toBe(unnamed - longer);
  // The account stays.
  const account = -taken(() => fixture.act("delete_member", "b", {}));
  expect(account).toBeGreaterThan(300);
  expect(-taken(() => fixture.act("delete_member", "c", {}))).toBe(account + longer - unnamed);
});

test("what a member has of expired, undone and later points takes memory, the same after a restart", () => {
  const fixture = new LoyaltyFixture("ann");
  const bytes = () => fixture.run.ledger.state.book(PARTNER).usage.bytes;
  fixture.accrue("ann", 20);
  const compare = () => {
    const before = bytes();
    fixture.restart();
    expect(bytes()).toBe(before);
    return before;
  };
  const steps = [
    () => fixture.accrue("ann", 5, { beginIn: 5, expireIn: 15 }),
    () => fixture.pass(5),
    () => fixture.redeem("ann", 3),
    () => fixture.pass(10),
  ];
  const sizes = [
    compare(),
    ...steps.map((step) => {
      step();
      return compare();
    }),
  ];
  expect(new Set(sizes).size).toBe(sizes.length);
  // Each lot that has expired, was undone or begins later takes as much.
  const bare = memberFromItem(["member", PARTNER, "ann", null, 0, [0, 0, 0], []]);
  const more = (history: Partial<Member>) => memberBytes({ ...bare, ...history }) - memberBytes(bare);
  const one = more({ expiredByLot: new Map([["a", 1]]) });
  expect(one).toBeGreaterThan(50);
  expect(more({ undoneLots: new Set(["a", "b"]) })).toBe(2 * one);
  const pending = pendingPoints(PARTNER, "ann", ["a", 1, 5, null]);
  expect(more({ expiredByLot: new Map([["a", 1]]), undoneLots: new Set(["a"]), pending: [pending] })).toBe(
    3 * one,
  );
});

test("a partner without members has no sums, and the usual thresholds", () => {
  const fixture = new LoyaltyFixture();
  expect(fixture.ask(askSummary())).toEqual({
    members: 0,
    earned: "0",
    spent: "0",
    expired: "0",
    pending: "0",
  });
  expect(fixture.ask(askSettings())).toEqual({ memberThreshold: 1_000, totalThreshold: 100_000 });
  expect(fixture.ask(askMembers([9, null]))).toEqual({ rows: [], upTo: null });
  expect([fixture.view("ann"), fixture.lots("ann")]).toEqual([null, undefined]);
});

test("members are listed in pages, newest first, under their present names", () => {
  const fixture = new LoyaltyFixture("a", "b");
  fixture.pass(1);
  fixture.member("c");
  fixture.act("update_member", "a", { name: "Ann" });
  fixture.restart();
  const page = fixture.ask(askMembers([2, null]));
  expect(page.rows.map(([, { id }]) => id)).toEqual(["c", "b"]);
  const next = fixture.ask(askMembers([2, page.upTo]));
  expect(next.rows.map(([, { id, name }]) => [id, name])).toEqual([["a", "Ann"]]);
});
