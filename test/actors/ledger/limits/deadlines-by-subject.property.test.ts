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
