/** The daily use by seller and phone: what is kept, for how long, and what it takes in memory. */
import { expect, test } from "vitest";
import type { SaleLimits } from "../../../../src/actors/programmes/topup/acts.ts";
import { PhoneUses } from "../../../../src/actors/programmes/topup/sale-limits.ts";
import { BUCKET_MS, DAY_MS, NO_LIMITS } from "./topup-fixture.ts";

const TWICE: SaleLimits = { ...NO_LIMITS, dailyCount: 2 };
/** A bucket begins. */
const START_MS = 20_000 * DAY_MS;

class UsesFixture {
  bytes = 0;
  uses = this.#empty();

  constructor(limits: SaleLimits | null) {
    this.uses.change(limits, START_MS);
  }

  #empty(): PhoneUses {
    return new PhoneUses((bytes) => {
      this.bytes += bytes;
    });
  }

  pairs(): readonly string[] {
    return [...this.uses.items("acme")].map(([, , seller, phone]) => `${seller} ${phone}`);
  }

  restart(): void {
    const items = [...this.uses.items("acme")];
    const [bytes, { limits }] = [this.bytes, this.uses];
    this.bytes = 0;
    this.uses = this.#empty();
    this.uses.limits = limits;
    for (const item of items) this.uses.restore(item);
    expect([...this.uses.items("acme")]).toEqual(items);
    expect(this.bytes).toBe(bytes);
  }
}

test("a pair is forgotten when another sale is counted more than a day and a 60th after its newest", () => {
  const fixture = new UsesFixture(TWICE);
  fixture.uses.count("sam", "+1", 5, START_MS);
  fixture.uses.count("sam", "+2", 5, START_MS + 1);
  fixture.uses.count("sue", "+1", 5, START_MS + 2);
  // The pair with the newest sale is last.
  fixture.uses.count("sam", "+1", 5, START_MS + 3);
  expect(fixture.pairs()).toEqual(["sam +2", "sue +1", "sam +1"]);
  fixture.restart();
  const endMs = START_MS + DAY_MS + BUCKET_MS;
  fixture.uses.count("tim", "+1", 5, endMs + 1);
  expect(fixture.pairs()).toEqual(["sam +2", "sue +1", "sam +1", "tim +1"]);
  fixture.uses.count("tim", "+1", 5, endMs + 3);
  expect(fixture.pairs()).toEqual(["sam +1", "tim +1"]);
});

test("nothing is counted, and nothing takes memory, without a limit of a day", () => {
  for (const limits of [null, { ...NO_LIMITS, maxAmount: 9 }]) {
    const fixture = new UsesFixture(limits);
    fixture.uses.count("sam", "+1", 5, START_MS);
    fixture.uses.uncount("sam", "+1", 5, START_MS);
    expect([fixture.pairs(), fixture.bytes]).toEqual([[], 0]);
  }
});

test("a change of the limits keeps the counts, and the end of all limits of a day frees their memory", () => {
  const fixture = new UsesFixture(TWICE);
  fixture.uses.count("sam", "+1", 5, START_MS);
  const one = fixture.bytes;
  expect(one).toBeGreaterThan(300);
  fixture.uses.count("sam", "+1", 5, START_MS);
  expect(fixture.bytes).toBe(one);
  fixture.uses.count("sam", "+222222", 5, START_MS);
  expect(fixture.bytes).toBe(2 * one + 5);
  fixture.uses.change({ ...NO_LIMITS, dailyAmount: 12 }, START_MS + 1);
  const refusal = (amount: number) => fixture.uses.refusal("sam", "+1", amount, START_MS + 1);
  expect(refusal(3)).toEqual({ ok: false, code: "daily_limit_exceeded", subject: "+1" });
  expect(refusal(2)).toBeUndefined();
  fixture.restart();
  expect([refusal(3)?.code, refusal(2)]).toEqual(["daily_limit_exceeded", undefined]);
  fixture.uses.change({ ...NO_LIMITS, maxAmount: 12 }, START_MS + 1);
  expect([fixture.pairs(), fixture.bytes]).toEqual([[], 0]);
});

test("a sale is given back in the bucket of its time", () => {
  const fixture = new UsesFixture(TWICE);
  fixture.uses.count("sam", "+1", 5, START_MS);
  fixture.uses.count("sam", "+1", 5, START_MS + BUCKET_MS);
  fixture.uses.uncount("sam", "+1", 5, START_MS);
  const atMs = START_MS + DAY_MS + BUCKET_MS;
  fixture.uses.count("sam", "+1", 5, atMs);
  expect(fixture.uses.refusal("sam", "+1", 1, atMs)?.code).toBe("daily_limit_exceeded");
  fixture.uses.uncount("sam", "+1", 5, START_MS + BUCKET_MS);
  expect(fixture.uses.refusal("sam", "+1", 1, atMs)).toBeUndefined();
  fixture.uses.uncount("sam", "+9", 5, START_MS);
  expect(fixture.pairs()).toEqual(["sam +1"]);
});
