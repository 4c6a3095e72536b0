/** The earliest deadlines, compared with a sorted list. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines, type Expiring } from "../../../../src/actors/ledger/limits/deadlines.ts";

test("the first items until a time are those of the sorted list, and reading them changes nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ endsAtMs: fc.nat(20), isRemoved: fc.boolean() }), { maxLength: 60 }),
      fc.nat(25),
      fc.nat(40),
      (items, atMs, max) => {
        const deadlines = new Deadlines<Expiring>();
        const all = items.map(({ endsAtMs, isRemoved }, i) => {
          const item: Expiring = { id: `${i}`.padStart(3, "0"), endsAtMs, place: -1 };
          deadlines.add(item);
          return { item, isRemoved };
        });
        for (const { item, isRemoved } of all) if (isRemoved) deadlines.remove(item);
        const left = all.filter(({ isRemoved }) => !isRemoved).map(({ item }) => item);
        const sorted = left.toSorted((a, b) => a.endsAtMs - b.endsAtMs || (a.id < b.id ? -1 : 1));
        const expected = sorted.filter(({ endsAtMs }) => endsAtMs <= atMs).slice(0, max);
        const places = left.map(({ place }) => place);
        expect(deadlines.firstUntil(atMs, max)).toEqual(expected);
        expect(left.map(({ place }) => place)).toEqual(places);
        expect(deadlines.first).toBe(sorted[0]);
      },
    ),
  );
});
