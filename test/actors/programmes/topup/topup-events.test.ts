/** The events of sellers, in every field, and when a credit counts as low. */
import { describe, expect, test } from "vitest";
import { askSeller } from "../../../../src/actors/programmes/topup/acts.ts";
import { PHONE, TopupFixture } from "./topup-fixture.ts";

function fixtureWith(credit: number, lowCreditThreshold?: number): TopupFixture {
  const fixture = new TopupFixture();
  fixture.seller("sam", credit, lowCreditThreshold);
  return fixture;
}

const decided = (data: object) => ({ type: "credit_request.decided", subject: "sam", data });

describe("credit requests", () => {
  test("have an event when they are made, approved, rejected and withdrawn", () => {
    const fixture = fixtureWith(0);
    const request = fixture.request("sam", 50);
    const terms = { id: request, seller: "sam", amount: 50, note: "please" };
    expect(fixture.events()).toEqual([
      {
        type: "credit_request.created",
        subject: "sam",
        data: { ...terms, status: "pending", decidedBy: null, reason: null },
      },
    ]);
    fixture.approve("sam", 50, request, "boss");
    expect(fixture.events()).toEqual([
      decided({ ...terms, status: "approved", decidedBy: "boss", reason: null }),
    ]);
    const [second, third] = [fixture.request("sam", 50), fixture.request("sam", 50)];
    fixture.events();
    fixture.act("reject", "sam", { request: second, by: "boss", reason: "no" });
    fixture.act("withdraw_request", "sam", { request: third, by: "key" });
    expect(fixture.events()).toEqual([
      decided({ ...terms, id: second, status: "rejected", decidedBy: "boss", reason: "no" }),
      decided({ ...terms, id: third, status: "withdrawn", decidedBy: "key", reason: null }),
    ]);
  });
});

describe("top-ups", () => {
  test("have an event when they are completed, at once or by the operator, with the credit that is left", () => {
    const fixture = fixtureWith(100);
    fixture.sell("sam", 30, "r1");
    const terms = { seller: "sam", phone: PHONE, amount: 30, reference: "r1" };
    const completed = { type: "topup.completed", subject: "sam" };
    expect(fixture.events()).toEqual([{ ...completed, data: { ...terms, id: fixture.last, credit: 70 } }]);
    const sale = fixture.started("sam", 20);
    expect(fixture.events()).toEqual([]);
    fixture.complete("sam", sale);
    const data = { ...terms, id: sale, amount: 20, reference: null, credit: 50 };
    expect(fixture.events()).toEqual([{ ...completed, data }]);
  });

  test("have an event when they are unknown, have failed, or end in a conflict", () => {
    const fixture = fixtureWith(100);
    fixture.start("sam", 20, "r1");
    const sale = fixture.last;
    const terms = { id: sale, seller: "sam", phone: PHONE, amount: 20, reference: "r1" };
    fixture.act("report_unknown", "sam", { sale });
    fixture.fail("sam", sale, "boss", "gone");
    fixture.late("sam", sale, "completed");
    expect(fixture.events()).toEqual([
      { type: "topup.unknown", subject: "sam", data: { ...terms, reason: null } },
      { type: "topup.failed", subject: "sam", data: { ...terms, reason: "gone" } },
      {
        type: "topup.conflict",
        subject: "sam",
        data: { ...terms, decision: "failed", decidedBy: "boss", operatorAnswer: "completed" },
      },
    ]);
    const agreed = fixture.started("sam", 20);
    fixture.fail("sam", agreed, "boss");
    fixture.events();
    fixture.late("sam", agreed, "failed");
    expect(fixture.events()).toEqual([]);
  });
});

const lowCredit = (fixture: TopupFixture) =>
  fixture.events().filter(({ type }) => type === "seller.low_credit");

describe("low credit", () => {
  test("is an event of each debit that takes the credit below the threshold, and of no other", () => {
    const fixture = fixtureWith(100, 60);
    fixture.sell("sam", 40);
    expect(lowCredit(fixture)).toEqual([]);
    fixture.sell("sam", 1);
    const data = { seller: "sam", credit: 59, threshold: 60, transfer: fixture.last };
    expect(lowCredit(fixture)).toEqual([{ type: "seller.low_credit", subject: "sam", data }]);
    fixture.sell("sam", 1);
    expect(lowCredit(fixture)).toEqual([]);
    fixture.approve("sam", 10);
    expect(lowCredit(fixture)).toEqual([]);
  });

  test("comes with a completed sale, a decrease and a revert of credit, and not with a failed sale", () => {
    for (const lower of [
      (fixture: TopupFixture) => fixture.complete("sam", fixture.started("sam", 50)),
      (fixture: TopupFixture) => fixture.approve("sam", -50),
    ]) {
      const fixture = fixtureWith(100, 60);
      lower(fixture);
      const data = { seller: "sam", credit: 50, threshold: 60, transfer: fixture.last };
      expect(lowCredit(fixture).map((each) => each.data)).toEqual([data]);
    }
    const fixture = fixtureWith(50, 60);
    fixture.approve("sam", 20);
    const grant = fixture.last;
    expect(fixture.revert(grant)).toEqual({ lowCredit: { threshold: 60 } });
    const data = { seller: "sam", credit: 50, threshold: 60, transfer: fixture.last };
    expect(lowCredit(fixture).map((each) => each.data)).toEqual([data]);
    fixture.fail("sam", fixture.started("sam", 50));
    expect(lowCredit(fixture)).toEqual([]);
  });

  test("goes by the seller's newest threshold, of which there may be none", () => {
    const fixture = fixtureWith(100, 60);
    expect(fixture.act("update_seller", "sam", { lowCreditThreshold: 90 })).toMatchObject({
      seller: { lowCreditThreshold: 90 },
    });
    fixture.limit("sam", { maxAmount: 50 });
    fixture.restart();
    expect(fixture.sell("sam", 11)).toEqual({ lowCredit: { threshold: 90 } });
    fixture.revert();
    expect(fixture.act("update_seller", "sam", { lowCreditThreshold: null })).toMatchObject({
      seller: { limits: { maxAmount: 50 } },
    });
    expect(fixture.ask(askSeller("sam"))).not.toHaveProperty("lowCreditThreshold");
    expect(fixture.sell("sam", 50)).toBeUndefined();
    expect(lowCredit(fixture).map((each) => each.data)).toMatchObject([{ threshold: 90 }]);
  });
});

test("acts about a seller that does not exist name it", () => {
  const fixture = new TopupFixture();
  const act = { amount: 1, note: null };
  expect(fixture.act("request_credit", "none", act)).toEqual(["seller_not_found", "none"]);
  expect(fixture.sell("none", 1)).toEqual(["seller_not_found", "none"]);
  fixture.seller("sam", 0);
  expect(fixture.act("create_seller", "sam", { name: "S", asset: "IRT/0" })).toEqual([
    "seller_exists",
    "sam",
  ]);
});
