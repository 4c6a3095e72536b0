/** Lists over all shards, newest first and in pages; and sums beyond the safe integers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  comparePositions,
  type ListPage,
  type ListPosition,
  PagedIndex,
} from "../../../src/actors/programmes/paged-index.ts";
import { ExactSum } from "../../../src/bounds/exact-sum.ts";
import { runs } from "../ledger/property-runs.ts";

const show = (item: string) => item;
const firstTwo = (item: number) => (item <= 2 ? item : undefined);
const even = (item: string) => (Number(item) % 2 === 0 ? item : undefined);

describe("a paged index", () => {
  test("lists the items in pages, newest first, also after removals", () => {
    const steps = fc.array(fc.record({ add: fc.integer({ min: 0, max: 3 }), which: fc.nat(40) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 9 }), (given, limit) => {
        const register = new PagedIndex<string>(3);
        let there: { item: string; atMs: number }[] = [];
        let atMs = 0;
        for (const [i, { add, which }] of given.entries()) {
          atMs += add;
          if (add < 3) {
            register.add(`${i}`, atMs);
            there.push({ item: `${i}`, atMs });
            continue;
          }
          const gone = there[which % Math.max(1, there.length)];
          register.remove(gone?.item ?? "none");
          there = there.filter((each) => each !== gone);
        }
        expect([register.size, [...register.all()]]).toEqual([there.length, there.map(({ item }) => item)]);
        const wanted = there.filter(({ item }) => even(item) !== undefined).toReversed();
        const found: { item: string; atMs: number }[] = [];
        for (let before: ListPosition | null = null, pages = 0; pages <= given.length; pages++) {
          const { rows, upTo }: ListPage<string> = register.list([limit, before], even);
          expect(rows.length).toBeLessThanOrEqual(limit);
          for (const [[at, shard], item] of rows) {
            expect(shard).toBe(3);
            found.push({ item, atMs: at });
          }
          if (upTo === null) break;
          before = upTo;
        }
        expect(found).toEqual(wanted);
      }),
      { numRuns: runs(300) },
    );
  });

  test("starts a page below a position of any shard, and reports the end of the list", () => {
    const register = new PagedIndex<string>(3);
    for (const [item, atMs] of [
      ["a", 5],
      ["b", 5],
      ["c", 8],
    ] as const)
      register.add(item, atMs);
    const page = (limit: number, before: ListPosition | null) => {
      const { rows, upTo } = register.list([limit, before], show);
      return [rows.map(([, item]) => item).join(""), upTo];
    };
    expect(page(9, null)).toEqual(["cba", null]);
    expect(page(3, null)).toEqual(["cba", null]);
    expect(page(2, null)).toEqual(["cb", [5, 3, 2]]);
    expect(page(2, [5, 3, 2])).toEqual(["a", null]);
    expect(page(9, [5, 4, 0])).toEqual(["ba", null]);
    expect(page(9, [5, 2, 9])).toEqual(["", null]);
    expect(page(9, [8, 0, 0])).toEqual(["ba", null]);
  });

  test("scans at most 5000 items per page, and reports how far it got", () => {
    const register = new PagedIndex<number>(0);
    for (let i = 1; i <= 5_002; i++) register.add(i, i);
    expect(register.list([9, null], firstTwo)).toEqual({ rows: [], upTo: [3, 0, 3] });
    expect(register.list([9, [3, 0, 3]], firstTwo).rows.map(([, item]) => item)).toEqual([2, 1]);
    for (let i = 1; i <= 4_000; i++) register.remove(i);
    expect(register.list([9, null], (item) => (item === 4_001 ? item : undefined)).rows).toEqual([
      [[4_001, 0, 4_001], 4_001],
    ]);
  });

  test("orders positions by time, then shard, then serial number", () => {
    const places: ListPosition[] = [
      [1, 1, 1],
      [1, 1, 2],
      [1, 2, 1],
      [2, 0, 0],
    ];
    for (const [i, a] of places.entries())
      for (const [j, b] of places.entries()) expect(Math.sign(comparePositions(a, b))).toBe(Math.sign(i - j));
  });
});

test("a total stays exact beyond the safe integers", () => {
  const amount = fc.maxSafeInteger();
  fc.assert(
    fc.property(fc.bigInt(), fc.array(amount, { maxLength: 20 }), (first, amounts) => {
      const total = new ExactSum(first);
      for (const each of amounts) total.add(each);
      expect(total.value).toBe(amounts.reduce((sum, each) => sum + BigInt(each), first));
    }),
    { numRuns: runs(300) },
  );
  expect(new ExactSum().value).toBe(0n);
});
