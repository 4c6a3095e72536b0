/** Items in the order of their keys, compared with a plain sorted list. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedIndex } from "../../../src/actors/programmes/sorted-index.ts";
import { runs } from "../ledger/property-runs.ts";

const keysOf = (index: SortedIndex<string>, prefix = "", after: string | null = null) =>
  Array.from(index.range(prefix, after), ([key, item]) => {
    expect(item).toBe(`item ${key}`);
    return key;
  });

test("ranges have the keys with a prefix after another key, also after removals", () => {
  const key = fc.stringMatching(/^[ab]{0,4}$/);
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 20 }),
      fc.array(key),
      key,
      fc.option(key),
      (keys, removed, prefix, after) => {
        const index = new SortedIndex<string>();
        for (const each of keys) index.add(each, `item ${each}`);
        for (const each of removed) index.remove(each);
        const left = keys.filter((each) => !removed.includes(each)).toSorted();
        expect(keysOf(index)).toEqual(left);
        const expected = left.filter((each) => each.startsWith(prefix) && (after === null || each > after));
        expect(keysOf(index, prefix, after)).toEqual(expected);
      },
    ),
    { numRuns: runs(500) },
  );
});

const name = (number: number) => `n${10_000 + number}`;

test("thousands of items are in order, whatever the order in which they came and go", () => {
  for (const stride of [1, -1, 617]) {
    const index = new SortedIndex<string>();
    const numbers = Array.from({ length: 1_600 }, (_, i) => (((i * stride) % 1_601) + 1_601) % 1_601);
    for (const number of numbers) index.add(name(number), `item ${name(number)}`);
    expect(keysOf(index)).toEqual(numbers.map(name).toSorted());
    for (const number of numbers) if (number % 3 !== 0) index.remove(name(number));
    const left = numbers
      .filter((number) => number % 3 === 0)
      .map(name)
      .toSorted();
    expect(keysOf(index)).toEqual(left);
    for (let after = 0; after < 1_600; after += 50)
      expect(keysOf(index, "", name(after))).toEqual(left.filter((each) => each > name(after)));
    expect(keysOf(index, "n111")).toEqual(left.filter((each) => each.startsWith("n111")));
    for (const each of left) index.remove(each);
    expect(keysOf(index)).toEqual([]);
    index.add("again", "item again");
    expect(keysOf(index)).toEqual(["again"]);
  }
});
