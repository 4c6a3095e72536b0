/** Pages of a member's lots: those that expire, then those that begin later. */
import { expect, test } from "vitest";
import { askLots, type LotView } from "../../../../src/actors/programmes/loyalty/acts.ts";
import {
  insertionIndex,
  lotById,
  pageStart,
  splitOverLots,
} from "../../../../src/actors/programmes/loyalty/lots.ts";
import { LoyaltyFixture } from "./loyalty-fixture.ts";

const placeOf = ({ id, expiresAtMs, activatesAtMs }: LotView) =>
  activatesAtMs === undefined ? ([expiresAtMs ?? 0, id] as const) : ([activatesAtMs, id, "pending"] as const);

/** Ids of the accruals: two that expire, and two that begin later. */
function fixtureWithLots(): Readonly<{ fixture: LoyaltyFixture; ids: readonly string[] }> {
  const fixture = new LoyaltyFixture("ann");
  const times = [{ expireIn: 40 }, { expireIn: 50 }, { beginIn: 10, expireIn: 60 }, { beginIn: 20 }];
  const ids = times.map((time) => {
    fixture.accrue("ann", 5, time);
    return fixture.last;
  });
  return { fixture, ids };
}

test("pages of any size have every lot once, and the last one says so", () => {
  const { fixture, ids } = fixtureWithLots();
  for (const limit of [1, 2, 3, 4, 5]) {
    const found: LotView[] = [];
    for (;;) {
      const last = found.at(-1);
      const page = fixture.ask(askLots("ann", limit, last === undefined ? null : placeOf(last)));
      found.push(...(page?.lots ?? []));
      expect(page?.isLast).toBe(found.length === 4);
      expect(page?.lots).toHaveLength(Math.min(limit, 4 - found.length + (page?.lots.length ?? 0)));
      if (page?.isLast !== false) break;
    }
    expect(found.map(({ id }) => id)).toEqual(ids);
  }
  expect(fixture.ask(askLots("none", 1, null))).toBeNull();
});

test("a page goes on after a lot that is gone since", () => {
  const { fixture, ids } = fixtureWithLots();
  const [first, , third, fourth] = fixture.lots("ann") ?? [];
  if (first === undefined || third === undefined || fourth === undefined) throw new Error("four lots");
  fixture.redeem("ann", 7);
  const after = (lot: LotView) => fixture.ask(askLots("ann", 9, placeOf(lot)))?.lots.map(({ id }) => id);
  expect(after(first)).toEqual(ids.slice(1));
  fixture.pass(10);
  // The third has begun, and is among the lots that expire.
  expect(after(third)).toEqual([fourth.id]);
  expect(after(fourth)).toEqual([]);
  fixture.pass(10);
  expect(after(third)).toEqual([]);
  expect(after(fourth)).toEqual([]);
});

const lot = (id: string, points: number, expiresAtMs: number) => ({ id, points, expiresAtMs });
const LOTS = [lot("a", 5, 10), lot("b", 5, 20), lot("c", 5, 20)];

test("points are taken from the lot that expires first, or from a named lot before the others", () => {
  expect(splitOverLots(LOTS, 5)).toEqual([["a", 5, 10]]);
  expect(splitOverLots(LOTS, 6)).toEqual([
    ["a", 5, 10],
    ["b", 1, 20],
  ]);
  expect(splitOverLots(LOTS, 11, "b")).toEqual([
    ["b", 5, 20],
    ["a", 5, 10],
    ["c", 1, 20],
  ]);
  expect(splitOverLots(LOTS, 99).map(([, points]) => points)).toEqual([5, 5, 5]);
  expect([splitOverLots(LOTS, 0), splitOverLots([], 5)]).toEqual([[], []]);
});

test("a lot is inserted after those that expire with it or before it", () => {
  expect([9, 10, 15, 20, 21].map((atMs) => insertionIndex(LOTS, atMs))).toEqual([0, 1, 1, 3, 3]);
});

test("a page begins after a lot that is known, or with the first that expires at its time or later", () => {
  expect(["a", "b", "c"].map((id) => pageStart(LOTS, [0, id]))).toEqual([1, 2, 3]);
  expect([9, 10, 15, 20, 21].map((atMs) => pageStart(LOTS, [atMs, "gone"]))).toEqual([0, 0, 1, 1, 3]);
  expect(lotById(LOTS, "b")).toBe(LOTS[1]);
});
