/** Points that are earned, spent, taken back and end: references, tills, thresholds, and points that begin later. */
import { describe, expect, test } from "vitest";
import { LoyaltyFixture } from "./loyalty-fixture.ts";

describe("a reference", () => {
  test("is used once by a member, for points that are earned or spent, and the refusal names the first use", () => {
    const fixture = new LoyaltyFixture("ann", "bob");
    fixture.accrue("ann", 10, {}, { reference: "r1" });
    const first = fixture.last;
    expect(fixture.accrue("ann", 10, {}, { reference: "r1" })).toEqual(["duplicate_reference", first]);
    expect(fixture.accrue("ann", 10, { beginIn: 5 }, { reference: "r1" })).toEqual([
      "duplicate_reference",
      first,
    ]);
    expect(fixture.redeem("ann", 1, { reference: "r1" })).toEqual(["duplicate_reference", first]);
    expect(fixture.accrue("bob", 10, {}, { reference: "r1" })).toBeUndefined();
    expect(fixture.redeem("ann", 1, { reference: "r2" })).toBeUndefined();
    expect(fixture.redeem("ann", 1)).toBeUndefined();
  });

  test("stays taken when its movement is reverted or its points are taken back before they begin", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", 10, {}, { reference: "r1" });
    const first = fixture.last;
    fixture.revert();
    expect(fixture.accrue("ann", 10, {}, { reference: "r1" })).toEqual(["duplicate_reference", first]);
    fixture.accrue("ann", 10, { beginIn: 5 }, { reference: "r2" });
    const second = fixture.last;
    fixture.cancel("ann");
    fixture.restart();
    expect(fixture.redeem("ann", 1, { reference: "r2" })).toEqual(["duplicate_reference", second]);
  });

  test("stays taken by the next member with the same id", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", 10, {}, { reference: "r1" });
    const first = fixture.last;
    fixture.redeem("ann", 10);
    fixture.act("delete_member", "ann", {});
    expect(fixture.member("ann")).toEqual({ since: 2 });
    expect(fixture.accrue("ann", 10, {}, { reference: "r1" })).toEqual(["duplicate_reference", first]);
  });
});

test("a movement names the till that made it, with what else it has done", () => {
  const fixture = new LoyaltyFixture("ann");
  fixture.set({ memberThreshold: 10 });
  const till = "till 7";
  expect(fixture.accrue("ann", 5, {}, { till })).toEqual({ till });
  expect(fixture.accrue("ann", 6, { expireIn: 50 }, { till })).toEqual({ till, crossed: "above_threshold" });
  const lots = [[fixture.last, 6, fixture.run.nowMs + 50]];
  const pending = { pending: 4, since: 0, balance: 11 };
  expect(fixture.accrue("ann", 4, { beginIn: 5 }, { till })).toEqual({ ...pending, till });
  expect(fixture.accrue("ann", 4, { beginIn: 5 })).toEqual(pending);
  expect(fixture.redeem("ann", 11, { till })).toEqual({ till, lots, crossed: "depleted" });
});

describe("the threshold of a member", () => {
  test("is crossed by the movement that takes the balance above it, and by no other", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.set({ memberThreshold: 10 });
    fixture.accrue("ann", 10);
    expect(fixture.events()).toEqual([]);
    fixture.accrue("ann", 1);
    const above = { type: "loyalty.member.above_threshold", subject: "ann" };
    const data = { member: "ann", balance: 11, transfer: fixture.last };
    expect(fixture.events()).toEqual([{ ...above, data }]);
    fixture.accrue("ann", 1);
    fixture.redeem("ann", 2);
    expect(fixture.events()).toEqual([]);
    const spent = fixture.last;
    fixture.accrue("ann", 1);
    fixture.revert(fixture.last);
    expect(fixture.events()).toHaveLength(1);
    fixture.revert(spent);
    expect(fixture.events()).toEqual([{ ...above, data: { ...data, balance: 12, transfer: fixture.last } }]);
  });

  test("is crossed when points begin, and not when they are accrued", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.set({ memberThreshold: 10 });
    fixture.accrue("ann", 11, { beginIn: 5 });
    fixture.pass(4);
    expect(fixture.events()).toEqual([]);
    fixture.pass(1);
    const data = { member: "ann", balance: 11, transfer: fixture.last };
    expect(fixture.events()).toEqual([{ type: "loyalty.member.above_threshold", subject: "ann", data }]);
  });

  test("a balance falls to zero when its last points are spent, expire or are taken back", () => {
    const depleted = { type: "loyalty.member.depleted", subject: "ann" };
    for (const empty of [
      (fixture: LoyaltyFixture) => fixture.redeem("ann", 5),
      (fixture: LoyaltyFixture) => fixture.pass(50),
      (fixture: LoyaltyFixture) => fixture.revert(),
    ]) {
      const fixture = new LoyaltyFixture("ann");
      fixture.accrue("ann", 5, { expireIn: 50 });
      expect(fixture.events()).toEqual([]);
      empty(fixture);
      const events = fixture.events();
      expect(events).toMatchObject([{ ...depleted, data: { member: "ann", balance: 0 } }]);
    }
  });
});

describe("points that begin later", () => {
  test("are no part of the balance until their time, and expire at theirs", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", 8, { beginIn: 10, expireIn: 30 });
    const accrual = fixture.last;
    const [activatesAtMs, expiresAtMs] = [fixture.run.nowMs + 10, fixture.run.nowMs + 30];
    fixture.pass(9);
    fixture.restart();
    expect(fixture.view("ann")).toMatchObject({ balance: 0, earned: 0, pending: 8 });
    expect(fixture.lots("ann")).toEqual([{ id: accrual, points: 8, activatesAtMs, expiresAtMs }]);
    fixture.pass(1);
    expect(fixture.view("ann")).toMatchObject({ balance: 8, earned: 8 });
    expect(fixture.view("ann")).not.toHaveProperty("pending");
    expect(fixture.lots("ann")).toEqual([{ id: accrual, points: 8, expiresAtMs }]);
    fixture.pass(19);
    expect(fixture.view("ann")).toMatchObject({ balance: 8, expired: 0 });
    fixture.pass(1);
    expect(fixture.view("ann")).toMatchObject({ balance: 0, expired: 8 });
  });

  test("are taken back before they begin, once, and keep a member from being deleted until then", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", 8, { beginIn: 10 });
    const accrual = fixture.last;
    expect(fixture.act("delete_member", "ann", {})).toEqual(["account_not_empty", "points:ann"]);
    expect(fixture.cancel("ann")).toBeUndefined();
    fixture.pass(20);
    expect(fixture.view("ann")).toMatchObject({ balance: 0, earned: 0 });
    expect(fixture.revert(accrual)).toEqual(["transfer_not_posted", accrual]);
    expect(fixture.act("delete_member", "ann", {})).toBeUndefined();
    expect(fixture.view("ann")).toBeNull();
  });

  test("are taken back after they began like any others, without those that have expired", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", 3);
    fixture.accrue("ann", 8, { beginIn: 10, expireIn: 30 });
    const accrual = fixture.last;
    fixture.pass(10);
    fixture.redeem("ann", 5);
    const spent = fixture.last;
    fixture.pass(20);
    expect(fixture.view("ann")).toMatchObject({ balance: 3, expired: 3 });
    expect(fixture.revert(accrual)).toEqual(["insufficient_funds", "points:ann"]);
    fixture.revert(spent);
    fixture.pass(0);
    expect(fixture.view("ann")).toMatchObject({ balance: 3, spent: 0, expired: 8 });
    expect(fixture.revert(accrual)).toEqual(["insufficient_funds", "points:ann"]);
  });

  test("that belonged to a deleted member are not taken back from the next one with the same id", () => {
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", 8, { beginIn: 10 });
    const accrual = fixture.last;
    fixture.pass(10);
    fixture.redeem("ann", 8);
    fixture.act("delete_member", "ann", {});
    fixture.member("ann");
    fixture.accrue("ann", 20);
    expect(fixture.revert(accrual)).toEqual(["member_not_found", "ann"]);
  });

  test("must have room beside the balance: what would leave none is refused", () => {
    const MAX = 2 ** 52;
    const fixture = new LoyaltyFixture("ann");
    fixture.accrue("ann", MAX - 10);
    expect(fixture.accrue("ann", 11, { beginIn: 5 })).toEqual(["balance_out_of_range", "ann"]);
    expect(fixture.accrue("ann", 6, { beginIn: 5 })).toMatchObject({ pending: 6 });
    expect(fixture.accrue("ann", 5, { beginIn: 5 })).toEqual(["balance_out_of_range", "ann"]);
    expect(fixture.accrue("ann", 5)).toEqual(["balance_out_of_range", "ann"]);
    fixture.pass(5);
    expect(fixture.view("ann")).toMatchObject({ balance: MAX - 4 });
  });
});

test("acts about a member that does not exist name it, and a deleted member is one", () => {
  const fixture = new LoyaltyFixture("ann");
  expect(fixture.member("ann")).toEqual(["member_exists", "ann"]);
  fixture.act("delete_member", "ann", {});
  for (const answer of [
    fixture.accrue("ann", 1),
    fixture.accrue("ann", 1, { beginIn: 5 }),
    fixture.redeem("ann", 1),
    fixture.act("update_member", "ann", { name: "A" }),
    fixture.act("delete_member", "ann", {}),
  ])
    expect(answer).toEqual(["member_not_found", "ann"]);
});
