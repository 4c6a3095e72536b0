/** What is over first on one subject, compared with a list that is searched as a whole; and how much of it is looked at. */
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
  /** Removes one of those that are there. */
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

test("the first deadline of each subject is that of a search through all", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { bySubject, add, remove } = build();
      const there: Item[] = [];
      for (const [no, each] of steps.entries()) {
        if (typeof each === "number") {
          const [item] = there.splice(each % Math.max(1, there.length), 1);
          if (item !== undefined) remove(item);
        } else {
          const item: Item = { ...each, id: `${no}`.padStart(3, "0"), place: -1 };
          there.push(item);
          add(item);
        }
        for (const subject of SUBJECTS) {
          const own = there.filter(({ subjects }) => subjects.includes(subject));
          const [first] = own.toSorted((a, b) => a.endsAtMs - b.endsAtMs || (a.id < b.id ? -1 : 1));
          expect(bySubject.firstOf(subject)?.id).toBe(first?.id);
        }
      }
    }),
  );
});

test("a look at a subject with 20,000 open reads no deadline, and each end some dozens", () => {
  let reads = 0;
  const { bySubject, add, remove } = build();
  for (let no = 0; no < 20_000; no++) {
    const endsAtMs = (no * 7919) % 20_000;
    add({
      id: `${no}`,
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
