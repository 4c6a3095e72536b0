/** Slots compared with a plain map. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Slots } from "../../src/bounds/slots.ts";

test("an item is found by its number until it is removed, and never by an older number of its slot", () => {
  const step = fc.oneof(fc.constant("add" as const), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const slots = new Slots<object>();
      const there = new Map<number, object>();
      const removed = new Set<number>();
      for (const each of steps) {
        if (each === "add") {
          const item = {};
          const { next } = slots;
          const no = slots.add(item);
          expect(no).toBe(next);
          expect(there.has(no) || removed.has(no)).toBe(false);
          there.set(no, item);
          continue;
        }
        const no = [...there.keys()][each % Math.max(1, there.size)];
        if (no === undefined) continue;
        expect(slots.remove(no)).toBe(true);
        expect(slots.remove(no)).toBe(false);
        there.delete(no);
        removed.add(no);
      }
      for (const [no, item] of there) expect(slots.get(no)).toBe(item);
      for (const no of removed) expect(slots.get(no)).toBeUndefined();
      expect(new Set(slots.values())).toEqual(new Set(there.values()));
      expect(slots.size).toBe(there.size);
    }),
  );
});

test("slots are reused: their number is the largest number of items at once", () => {
  const slots = new Slots<object>();
  for (let i = 0; i < 100_000; i++) expect(slots.remove(slots.add({}))).toBe(true);
  expect(slots.next % 2 ** 20).toBe(0);
});
