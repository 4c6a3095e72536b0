/** The sales of one shard: lists, numbers for the operator's client, what is kept, and what it takes in memory. */
import { describe, expect, test } from "vitest";
import type { SaleList, SaleView } from "../../../../src/actors/programmes/topup/acts.ts";
import { KEPT_MAX, Sales } from "../../../../src/actors/programmes/topup/sales.ts";

/** Sales on shard 2, and the bytes that each partner is charged. */
class SalesFixture {
  readonly bytes: Record<string, number> = {};
  sales = this.#empty();

  start(id: string, terms: Partial<SaleView> = {}, partner = "acme"): string {
    const sale = { id, seller: "sam", phone: "+1", amount: 5, reference: null, createdAtMs: 9, ...terms };
    this.sales.start(partner, sale);
    return id;
  }

  /** The partner decides before the operator. */
  decide(id: string, status: "completed" | "failed" = "failed", reason: string | null = null): void {
    this.sales.decide(id, { status, by: "boss", reason });
  }

  ids(list: SaleList, seller: string | null = null, phone: string | null = null, partner = "acme"): string[] {
    return this.sales.list(partner, { list, seller, phone }, [9_999, null]).rows.map(([, { id }]) => id);
  }

  open(limit = 9_999, after = 0): readonly (readonly [no: number, id: string])[] {
    return this.sales.open(limit, after).map(({ no, id }) => [no, id]);
  }

  restart(): void {
    const items = [...this.sales.items()];
    const before = { ...this.bytes };
    for (const partner of Object.keys(this.bytes)) this.bytes[partner] = 0;
    this.sales = this.#empty();
    for (const item of items) this.sales.restore(item);
    expect([...this.sales.items()]).toEqual(items);
    expect(this.bytes).toEqual(before);
  }

  #empty(): Sales {
    return new Sales(2, (partner, bytes) => {
      this.bytes[partner] = (this.bytes[partner] ?? 0) + bytes;
    });
  }
}

describe("lists", () => {
  test("show undecided sales and conflicts, newest first, of one seller or one phone", () => {
    const fixture = new SalesFixture();
    fixture.start("t1");
    fixture.start("t2", { seller: "sue" });
    fixture.start("t3", { phone: "+2" });
    fixture.sales.reportUnknown(fixture.start("t4"));
    fixture.start("t5", {}, "other");
    for (const round of ["live", "restored"]) {
      expect(fixture.ids("pending"), round).toEqual(["t3", "t2", "t1"]);
      expect(fixture.ids("pending", "sam")).toEqual(["t3", "t1"]);
      expect(fixture.ids("pending", null, "+1")).toEqual(["t2", "t1"]);
      expect(fixture.ids("pending", "sam", "+1")).toEqual(["t1"]);
      expect(fixture.ids("unknown")).toEqual(["t4"]);
      expect(fixture.ids("unknown", "sue")).toEqual([]);
      expect(fixture.ids("pending", null, null, "other")).toEqual(["t5"]);
      expect(fixture.ids("pending", null, null, "none")).toEqual([]);
      fixture.restart();
    }
    const [[place] = []] = fixture.sales.list("acme", { list: "unknown", seller: null, phone: null }, [
      1,
      null,
    ]).rows;
    expect(place).toEqual([9, 2, 4]);
  });

  test("show a conflict at the time of the operator's answer", () => {
    const fixture = new SalesFixture();
    for (const id of ["t1", "t2", "t3"]) fixture.decide(fixture.start(id));
    fixture.sales.answerLate("t2", "completed", 20);
    fixture.sales.answerLate("t1", "completed", 21);
    fixture.sales.answerLate("t3", "failed", 22);
    for (let round = 0; round < 2; round++) {
      expect(fixture.ids("conflict")).toEqual(["t1", "t2"]);
      expect(fixture.ids("conflict", "sue")).toEqual([]);
      const { rows } = fixture.sales.list("acme", { list: "conflict", seller: null, phone: "+1" }, [9, null]);
      expect(rows.map(([[atMs], { conflict }]) => [atMs, conflict])).toEqual([
        [21, "completed"],
        [20, "completed"],
      ]);
      expect(fixture.sales.conflicts).toBe(2);
      fixture.restart();
    }
  });
});

describe("open sales", () => {
  test("have numbers that are never given twice, also after the newest is over", () => {
    const fixture = new SalesFixture();
    for (const id of ["t1", "t2", "t3"]) fixture.start(id);
    fixture.sales.decide("t3", { status: "completed", by: null, reason: null });
    fixture.restart();
    fixture.start("t4", {}, "other");
    expect(fixture.open()).toEqual([
      [1, "t1"],
      [2, "t2"],
      [4, "t4"],
    ]);
    expect(fixture.open(2)).toEqual([
      [1, "t1"],
      [2, "t2"],
    ]);
    expect(fixture.open(1, 1)).toEqual([[2, "t2"]]);
    expect(fixture.open(9, 2)).toEqual([[4, "t4"]]);
    expect(fixture.open(9, 4)).toEqual([]);
    const terms = { seller: "sam", phone: "+1", amount: 5, createdAtMs: 9, status: "pending" };
    expect(fixture.sales.open(9, 3)).toEqual([{ no: 4, partner: "other", id: "t4", ...terms }]);
  });

  test("stay open while only the partner has decided them", () => {
    const fixture = new SalesFixture();
    fixture.decide(fixture.start("t1"), "completed");
    fixture.restart();
    expect(fixture.sales.open(9, 0)).toMatchObject([{ no: 1, id: "t1", status: "completed" }]);
    fixture.sales.answerLate("t1", "failed", 10);
    expect(fixture.open()).toEqual([]);
    fixture.restart();
    expect(fixture.open()).toEqual([]);
  });

  test("are found in order however many of them are over", () => {
    const fixture = new SalesFixture();
    const left: string[] = [];
    for (let i = 1; i <= 200; i++) fixture.start(`t${i}`);
    for (let i = 1; i <= 200; i++)
      if (i % 7 === 0) left.push(`t${i}`);
      else fixture.sales.decide(`t${i}`, { status: "failed", by: null, reason: null });
    expect(fixture.open().map(([, id]) => id)).toEqual(left);
    for (const [place, id] of left.entries())
      expect(fixture.open(1, Number(left[place - 1]?.slice(1) ?? 0))).toEqual([[Number(id.slice(1)), id]]);
  });
});

test("what is held for a phone is the sum of its undecided sales, per partner", () => {
  const fixture = new SalesFixture();
  fixture.start("t1", { amount: 5 });
  fixture.start("t2", { amount: 7 });
  fixture.sales.reportUnknown("t2");
  fixture.start("t3", { amount: 9 }, "other");
  fixture.start("t4", { amount: 1, phone: "+2" });
  const held = () => [fixture.sales.heldFor("acme", "+1"), fixture.sales.heldFor("other", "+1")];
  expect(held()).toEqual([12, 9]);
  fixture.restart();
  expect(held()).toEqual([12, 9]);
  fixture.decide("t2");
  expect(held()).toEqual([5, 9]);
  fixture.sales.decide("t1", { status: "completed", by: null, reason: null });
  expect(held()).toEqual([0, 9]);
  expect(fixture.sales.heldFor("none", "+1")).toBe(0);
});

test("a sale is found by its own partner, until the operator has said what became of it", () => {
  const fixture = new SalesFixture();
  fixture.start("t1", { reference: "r1" });
  expect(fixture.sales.find("other", "t1")).toBeUndefined();
  fixture.decide("t1", "failed", "no such phone");
  expect(fixture.sales.find("acme", "t1")).toMatchObject({
    reference: "r1",
    status: "failed",
    decidedBy: "boss",
    reason: "no such phone",
    conflict: null,
  });
  fixture.sales.answerLate("t1", "failed", 10);
  expect(fixture.sales.find("acme", "t1")).toBeUndefined();
});

describe("beyond 1,000 of a partner", () => {
  test("the oldest sale that was decided before the operator leaves", () => {
    const fixture = new SalesFixture();
    fixture.decide(fixture.start("other's"), "failed");
    for (let i = 1; i <= KEPT_MAX; i++) fixture.decide(fixture.start(`t${i}`));
    expect(fixture.sales.find("acme", "other's")).toBeUndefined();
    expect(fixture.sales.find("acme", "t1")).toBeDefined();
    fixture.restart();
    fixture.decide(fixture.start("more"));
    expect(fixture.sales.find("acme", "t1")).toBeUndefined();
    expect(fixture.open(2).map(([, id]) => id)).toEqual(["t2", "t3"]);
    expect(fixture.open()).toHaveLength(KEPT_MAX);
  });

  test("the oldest conflict leaves, and another partner's stays", () => {
    const fixture = new SalesFixture();
    const conflict = (id: string, atMs: number, partner = "acme") => {
      fixture.decide(fixture.start(id, {}, partner));
      fixture.sales.answerLate(id, "completed", atMs);
    };
    conflict("other's", 1, "other");
    for (let i = 1; i <= KEPT_MAX; i++) conflict(`t${i}`, i);
    expect([fixture.sales.conflicts, fixture.ids("conflict").at(-1)]).toEqual([KEPT_MAX + 1, "t1"]);
    conflict("more", 5_000);
    expect([fixture.sales.conflicts, fixture.ids("conflict").at(-1)]).toEqual([KEPT_MAX + 1, "t2"]);
    expect(fixture.ids("conflict", null, null, "other")).toEqual(["other's"]);
    fixture.restart();
    expect(fixture.sales.conflicts).toBe(KEPT_MAX + 1);
  });
});

test("a sale takes memory, with its texts, until it is over", () => {
  const fixture = new SalesFixture();
  fixture.start("t1");
  const { acme: one = 0 } = fixture.bytes;
  expect(one).toBeGreaterThan(300);
  fixture.start("t2", { reference: "0123456789" });
  const { acme: two = 0 } = fixture.bytes;
  expect(two - 2 * one).toBeGreaterThanOrEqual(10);
  fixture.decide("t1", "failed", "0123456789");
  expect(fixture.bytes["acme"]).toBe(two + (two - 2 * one));
  fixture.sales.answerLate("t1", "failed", 10);
  fixture.sales.decide("t2", { status: "completed", by: null, reason: null });
  expect(fixture.bytes).toEqual({ acme: 0 });
});
