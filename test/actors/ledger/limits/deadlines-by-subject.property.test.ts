/** The earliest deadline of a subject, compared with a linear search; and the number of deadlines read to find it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines, type Expiring } from "../../../../src/actors/ledger/limits/deadlines.ts";
import { DeadlinesBySubject } from "../../../../src/actors/ledger/limits/deadlines-by-subject.ts";

type Item = Expiring & Readonly<{ subjects: readonly string[] }>;

const SUBJECTS = ["a", "b", "c"];
const step = fc.oneof(
  fc.record({
    endsAtMs: fc.nat(20),
    subjects: fc.uniqueArray(fc.constantFrom(...SUBJECTS), { minLength: 1 }),
  }),
  /** Removes one of the present items. */
  fc.nat(1_000),
);

function build() {
  const all = new Deadlines<Item>();
  const bySubject = new DeadlinesBySubject<Item>();
  const add = (item: Item) => {
    all.add(item);
    for (const subject of item.subjects) bySubject.add(subject, item);
  };
  const remove = (item: Item) => {
    all.remove(item);
    for (const subject of item.subjects) bySubject.removed(subject);
  };
  return { bySubject, add, remove };
}

test("the earliest deadline of each subject is the one that a linear search finds", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { bySubject, add, remove } = build();
      const present: Item[] = [];
      for (const [index, each] of steps.entries()) {
        if (typeof each === "number") {
          const [item] = present.splice(each % Math.max(1, present.length), 1);
          if (item !== undefined) remove(item);
        } else {
          const item: Item = { ...each, id: `${index}`.padStart(3, "0"), place: -1 };
          present.push(item);
          add(item);
        }
        for (const subject of SUBJECTS) {
          const own = present.filter(({ subjects }) => subjects.includes(subject));
          const [first] = own.toSorted((a, b) => a.endsAtMs - b.endsAtMs || (a.id < b.id ? -1 : 1));
          expect(bySubject.firstOf(subject)?.id).toBe(first?.id);
        }
      }
    }),
  );
});

test("with 20,000 items on a subject, finding the earliest reads no deadline, and removing it reads under 200", () => {
  let reads = 0;
  const { bySubject, add, remove } = build();
  for (let index = 0; index < 20_000; index++) {
    const endsAtMs = (index * 7919) % 20_000;
    add({
      id: `${index}`,
      place: -1,
      subjects: ["@bank"],
      get endsAtMs() {
        reads += 1;
        return endsAtMs;
      },
    });
  }
  reads = 0;
  for (let look = 0; look < 1_000; look++) bySubject.firstOf("@bank");
  expect(reads).toBe(0);
  for (let end = 0; end < 1_000; end++) remove(bySubject.firstOf("@bank") as Item);
  // Two heaps, two children compared on each of 15 levels, two deadlines each.
  expect(reads).toBeLessThan(1_000 * 200);
});

test("items that were removed unseen leave the others in their order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ endsAtMs: fc.nat(50), stays: fc.boolean() }), { maxLength: 100 }),
      (items) => {
        const { bySubject, add, remove } = build();
        const all = items.map(({ endsAtMs, stays }, i) => {
          const item: Item = { id: `${i}`.padStart(3, "0"), endsAtMs, place: -1, subjects: ["a"] };
          add(item);
          return { item, stays };
        });
        for (const { item, stays } of all) if (!stays) remove(item);
        const left = all.filter(({ stays }) => stays).map(({ item }) => item);
        for (const item of left.toSorted((a, b) => a.endsAtMs - b.endsAtMs || (a.id < b.id ? -1 : 1))) {
          expect(bySubject.firstOf("a")).toBe(item);
          remove(item);
        }
        expect(bySubject.firstOf("a")).toBeUndefined();
      },
    ),
  );
});

test("items that were removed unseen are dropped, so that at most as many are kept as are open", () => {
  let looks = 0;
  const { bySubject, add, remove } = build();
  const items = Array.from({ length: 1_000 }, (_, i) => {
    let place = -1;
    const item: Item = {
      id: `${i}`,
      endsAtMs: i,
      subjects: ["a"],
      get place() {
        looks += 1;
        return place;
      },
      set place(value: number) {
        place = value;
      },
    };
    add(item);
    return item;
  });
  for (const item of items.slice(0, 499)) remove(item);
  // Half of them may be dead: each is looked at once, when the first is asked for.
  looks = 0;
  expect(bySubject.firstOf("a")).toBe(items[499]);
  expect(looks).toBe(500);
  for (const item of items.slice(500, 990)) remove(item);
  looks = 0;
  expect(bySubject.firstOf("a")).toBe(items[499]);
  remove(items[499] as Item);
  looks = 0;
  expect(bySubject.firstOf("a")).toBe(items[990]);
  // 10 are open, so at most 10 dead ones stand before them.
  expect(looks).toBeLessThanOrEqual(11);
});

test("a subject is forgotten with its last item, and known again with the next", () => {
  const { bySubject, add, remove } = build();
  const item: Item = { id: "1", endsAtMs: 5, place: -1, subjects: ["a"] };
  for (let round = 0; round < 3; round++) {
    add(item);
    expect(bySubject.firstOf("a")).toBe(item);
    remove(item);
    expect(bySubject.firstOf("a")).toBeUndefined();
  }
  bySubject.removed("never seen");
  expect(bySubject.firstOf("never seen")).toBeUndefined();
});
