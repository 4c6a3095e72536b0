/** What refuses a sale or a decision about credit, and in which order. */
import { describe, expect, test } from "vitest";
import { askPhone, askSaleList, askSeller } from "../../../../src/actors/programmes/topup/acts.ts";
import { PENDING_REQUESTS_MAX } from "../../../../src/actors/programmes/topup/topup.ts";
import { BUCKET_MS, DAY_MS, PHONE, TopupFixture } from "./topup-fixture.ts";

const OTHER_PHONE = "+989122222222";

function fixtureWith(credit: number): TopupFixture {
  const fixture = new TopupFixture();
  fixture.seller("sam", credit);
  return fixture;
}

describe("limits of a seller", () => {
  test("take in their bounds, and a refusal names the seller", () => {
    const fixture = fixtureWith(1_000);
    fixture.limit("sam", { minAmount: 10, maxAmount: 20 });
    for (const make of ["sell", "start"] as const) {
      expect(fixture[make]("sam", 9)).toEqual(["amount_below_minimum", "sam"]);
      expect(fixture[make]("sam", 10)).toBeUndefined();
      expect(fixture[make]("sam", 20)).toBeUndefined();
      expect(fixture[make]("sam", 21)).toEqual(["amount_above_maximum", "sam"]);
    }
    fixture.limit("sam", null);
    expect(fixture.sell("sam", 9)).toBeUndefined();
  });

  test.each([{ dailyAmount: 30 }, { dailyCount: 2 }])(
    "of a day are full with %j until the oldest sale is over a day old",
    (limits) => {
      const fixture = fixtureWith(1_000);
      fixture.limit("sam", limits);
      fixture.run.nowMs = Math.ceil(fixture.run.nowMs / BUCKET_MS) * BUCKET_MS;
      expect(fixture.sell("sam", 15)).toBeUndefined();
      fixture.run.nowMs += BUCKET_MS;
      expect(fixture.sell("sam", 15, null, OTHER_PHONE)).toBeUndefined();
      fixture.run.nowMs += DAY_MS - 1;
      expect(fixture.start("sam", 1)).toEqual(["daily_limit_exceeded", "sam"]);
      fixture.run.nowMs += 1;
      expect(fixture.start("sam", 1)).toBeUndefined();
    },
  );

  test("count a pending sale until it has failed; a revert gives nothing back", () => {
    const fixture = fixtureWith(1_000);
    fixture.limit("sam", { dailyAmount: 30 });
    fixture.run.nowMs += 1;
    const sale = fixture.started("sam", 30);
    fixture.restart();
    expect(fixture.sell("sam", 1)).toEqual(["daily_limit_exceeded", "sam"]);
    fixture.run.nowMs += 1;
    fixture.fail("sam", sale);
    expect(fixture.sell("sam", 31)).toEqual(["daily_limit_exceeded", "sam"]);
    expect(fixture.sell("sam", 30)).toBeUndefined();
    expect(fixture.revert()).toBeUndefined();
    expect(fixture.sell("sam", 1)).toEqual(["daily_limit_exceeded", "sam"]);
  });

  test("keep what they have counted when they change, and forget it when no limit of a day is left", () => {
    const fixture = fixtureWith(1_000);
    fixture.limit("sam", { dailyAmount: 30 });
    fixture.sell("sam", 20);
    fixture.limit("sam", { dailyCount: 1 });
    expect(fixture.sell("sam", 1)).toEqual(["daily_limit_exceeded", "sam"]);
    fixture.limit("sam", { dailyAmount: 40 });
    expect(fixture.sell("sam", 21)).toEqual(["daily_limit_exceeded", "sam"]);
    fixture.limit("sam", { maxAmount: 100 });
    fixture.limit("sam", { dailyAmount: 40 });
    expect(fixture.sell("sam", 40)).toBeUndefined();
  });
});

describe("limits of a seller and a phone", () => {
  test("refuse the first sale beyond them, and name the phone", () => {
    const fixture = fixtureWith(1_000);
    fixture.limitPhones({ dailyAmount: 30, minAmount: 2 });
    expect(fixture.sell("sam", 1)).toEqual(["amount_below_minimum", PHONE]);
    expect(fixture.sell("sam", 31)).toEqual(["daily_limit_exceeded", PHONE]);
    expect(fixture.sell("sam", 30)).toBeUndefined();
    fixture.limitPhones({ dailyCount: 0 });
    expect(fixture.sell("sam", 1, null, OTHER_PHONE)).toEqual(["daily_limit_exceeded", OTHER_PHONE]);
    fixture.limitPhones({ dailyCount: 1 });
    expect(fixture.sell("sam", 1, null, OTHER_PHONE)).toBeUndefined();
  });

  test("count each pair for itself", () => {
    const fixture = fixtureWith(1_000);
    fixture.seller("sue", 1_000);
    fixture.limitPhones({ dailyCount: 1 });
    expect(fixture.sell("sam", 1)).toBeUndefined();
    expect(fixture.sell("sam", 1, null, OTHER_PHONE)).toBeUndefined();
    expect(fixture.sell("sue", 1)).toBeUndefined();
    fixture.restart();
    for (const phone of [PHONE, OTHER_PHONE])
      expect(fixture.sell("sam", 1, null, phone)).toEqual(["daily_limit_exceeded", phone]);
    expect(fixture.sell("sue", 1, null, OTHER_PHONE)).toBeUndefined();
  });

  test("give a failed sale back, however soon it fails after the first", () => {
    const fixture = fixtureWith(1_000);
    fixture.limitPhones({ dailyCount: 1 });
    fixture.fail("sam", fixture.started("sam", 5));
    expect(fixture.start("sam", 5)).toBeUndefined();
  });

  test("come after those of the seller", () => {
    const fixture = fixtureWith(1_000);
    fixture.limit("sam", { maxAmount: 10 });
    fixture.limitPhones({ maxAmount: 10 });
    expect(fixture.sell("sam", 11)).toEqual(["amount_above_maximum", "sam"]);
  });
});

test("a suspended seller sells nothing, and that comes before a reference that is taken", () => {
  const fixture = fixtureWith(100);
  fixture.sell("sam", 1, "r1");
  const first = fixture.last;
  fixture.limit("sam", { maxAmount: 5 });
  expect(fixture.sell("sam", 9, "r1")).toEqual(["duplicate_reference", first]);
  expect(fixture.start("sam", 9, "r1")).toEqual(["duplicate_reference", first]);
  expect(fixture.act("suspend_seller", "sam", {})).toMatchObject({ seller: { status: "suspended" } });
  for (const make of ["sell", "start"] as const)
    expect(fixture[make]("sam", 9, "r1")).toEqual(["seller_suspended", "sam"]);
  expect(fixture.act("resume_seller", "sam", {})).toMatchObject({ seller: { status: "active" } });
  expect(fixture.sell("sam", 1, "r2")).toBeUndefined();
});

test("a reverted sale keeps its reference", () => {
  const fixture = fixtureWith(100);
  fixture.sell("sam", 1, "r1");
  const first = fixture.last;
  fixture.revert();
  expect(fixture.sell("sam", 1, "r1")).toEqual(["duplicate_reference", first]);
});

test("what is held for a phone counts against the largest total of the phone", () => {
  // No decision takes a credit beyond 2^52, so it takes several sellers to get there.
  const fixture = fixtureWith(2 ** 52);
  for (const seller of ["sue", "tim"]) fixture.seller(seller, 2 ** 52);
  fixture.sell("sam", 2 ** 52 - 1);
  const sale = fixture.started("sue", 2 ** 52 - 10);
  for (const make of ["sell", "start"] as const) {
    expect(fixture[make]("tim", 11)).toEqual(["balance_out_of_range", PHONE]);
    expect(fixture[make]("tim", 5)).toBeUndefined();
  }
  expect(fixture.sell("tim", 11, null, OTHER_PHONE)).toBeUndefined();
  fixture.fail("sue", sale);
  expect(fixture.sell("tim", 11)).toBeUndefined();
  expect(fixture.ask(askPhone(PHONE))).toEqual({ phone: PHONE, total: 2 ** 52 + 15, topups: 3 });
});

describe("a credit request", () => {
  test("is one of at most 1,000 that are pending; a decided or withdrawn one makes room", () => {
    const fixture = fixtureWith(0);
    const ids = Array.from({ length: PENDING_REQUESTS_MAX }, () => fixture.request("sam", 1));
    const more = () => fixture.act("request_credit", "sam", { amount: 1, note: null });
    expect(more()).toEqual(["too_many_pending_requests", "sam"]);
    const [first = "", second = ""] = ids;
    fixture.act("withdraw_request", "sam", { request: first, by: "sam's key" });
    expect(more()).toMatchObject({ request: expect.stringMatching(/^cr_/) });
    expect(more()).toEqual(["too_many_pending_requests", "sam"]);
    fixture.restart();
    fixture.act("reject", "sam", { request: second, by: "boss", reason: null });
    expect(more()).toMatchObject({ request: expect.stringMatching(/^cr_/) });
    expect(more()).toEqual(["too_many_pending_requests", "sam"]);
  });

  test("is approved by another key than the one that made it, but may be rejected by the same", () => {
    const fixture = fixtureWith(0);
    const request = fixture.request("sam", 10, "boss");
    expect(fixture.approve("sam", 10, request, "boss")).toEqual(["approver_is_requester", request]);
    expect(fixture.act("reject", "sam", { request, by: "boss", reason: "typo" })).toMatchObject({
      decided: { status: "rejected", decidedBy: "boss", reason: "typo", requestedBy: "boss" },
    });
    expect(fixture.approve("sam", 10, request, "chief")).toEqual(["already_decided", request]);
    const second = fixture.request("sam", 10, "boss");
    expect(fixture.approve("sam", 10, second, "chief")).toMatchObject({
      decided: { status: "approved", decidedBy: "chief", decidedAtMs: fixture.run.nowMs, reason: null },
    });
  });

  test("that is withdrawn has no reason, and cannot be approved", () => {
    const fixture = fixtureWith(0);
    const request = fixture.request("sam", 10);
    expect(fixture.act("withdraw_request", "sam", { request, by: "k" })).toMatchObject({
      decided: { status: "withdrawn", decidedBy: "k", reason: null },
    });
    fixture.restart();
    expect(fixture.approve("sam", 10, request)).toEqual(["already_decided", request]);
    expect(fixture.act("withdraw_request", "sam", { request, by: "k" })).toEqual([
      "already_decided",
      request,
    ]);
  });
});

test("of a sale that was decided by its partner, the operator's later answer is taken once", () => {
  const fixture = fixtureWith(100);
  const [agreed, contradicted] = [fixture.started("sam", 5), fixture.started("sam", 6)];
  for (const sale of [agreed, contradicted]) {
    expect(fixture.late("sam", sale, "failed")).toEqual(["already_decided", sale]);
    expect(fixture.complete("sam", sale, "boss")).toMatchObject({
      sale: { status: "completed", decidedBy: "boss" },
    });
  }
  expect(fixture.late("sam", agreed, "completed")).toMatchObject({ sale: { conflict: null } });
  expect(fixture.late("sam", contradicted, "failed")).toMatchObject({ sale: { conflict: "failed" } });
  fixture.restart();
  for (const sale of [agreed, contradicted])
    expect(fixture.late("sam", sale, "failed")).toEqual(["already_decided", sale]);
  const list = askSaleList({ list: "conflict", seller: "sam", phone: PHONE });
  expect(fixture.ask(list([9, null])).rows.map(([, { id }]) => id)).toEqual([contradicted]);
});

test("a sale whose answer is unknown is unknown once, keeps its amount held, and is still decided", () => {
  const fixture = fixtureWith(100);
  const sale = fixture.started("sam", 5);
  expect(fixture.act("report_unknown", "sam", { sale })).toMatchObject({ sale: { status: "unknown" } });
  expect(fixture.act("report_unknown", "sam", { sale })).toEqual(["already_decided", sale]);
  expect(fixture.ask(askSeller("sam"))).toMatchObject({ credit: 100, held: 5, totalSold: 0 });
  expect(fixture.fail("sam", sale, null, "no such phone")).toMatchObject({
    sale: { status: "failed", decidedBy: null, reason: "no such phone" },
  });
  expect(fixture.ask(askSeller("sam"))).not.toHaveProperty("held");
  expect(fixture.act("report_unknown", "sam", { sale })).toEqual(["already_decided", sale]);
});
