/** Phones in the order of their numbers, in blocks. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { PhoneBook } from "../../../../src/actors/programmes/topup/phone-book.ts";
import { runs } from "../../ledger/property-runs.ts";

/** Numbers of equal length, whose order as text is that of the numbers. */
const phone = (number: number) => `+${10_000_000 + number}`;

/** All phones, in pages of this many. */
function pagesOf(book: PhoneBook, limit: number): readonly string[] {
  const found: string[] = [];
  for (;;) {
    const page = book.page(limit, found.at(-1) ?? null);
    found.push(...page.map((each) => each.phone));
    if (page.length < limit) return found;
  }
}

test("phones are listed in ascending order, in any pages, whatever the order in which they came", () => {
  const orders = [1, -1, 617];
  for (const stride of orders) {
    const book = new PhoneBook();
    const numbers = Array.from({ length: 1_600 }, (_, i) => (((i * stride) % 1_601) + 1_601) % 1_601);
    for (const number of numbers) book.count(phone(number), 1, 1);
    const expected = numbers.toSorted((a, b) => a - b).map(phone);
    expect([...book.all()].map((each) => each.phone)).toEqual(expected);
    for (const limit of [100, 511, 512, 513, 1_600]) expect(pagesOf(book, limit)).toEqual(expected);
  }
});

test("a page begins after any text, known or not", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(40), { maxLength: 20 }),
      fc.nat(42),
      fc.integer({ min: 1, max: 5 }),
      (numbers, after, limit) => {
        const book = new PhoneBook();
        for (const number of numbers) book.count(phone(number), 1, 1);
        const later = numbers.filter((number) => number > after).toSorted((a, b) => a - b);
        expect(book.page(limit, phone(after)).map((each) => each.phone)).toEqual(
          later.slice(0, limit).map(phone),
        );
      },
    ),
    { numRuns: runs(300) },
  );
});

test("a page begins in the right one of many blocks", () => {
  const book = new PhoneBook();
  for (let i = 0; i < 3_000; i++) book.count(phone(2 * i), 1, 1);
  for (let after = 1; after < 6_000; after += 37) {
    const first = after + (after % 2 === 0 ? 2 : 1);
    expect(book.page(1, phone(after)).map((each) => each.phone)).toEqual(first < 6_000 ? [phone(first)] : []);
  }
});

test("the sales of a phone add up, and only a new phone takes memory", () => {
  let bytes = 0;
  const book = new PhoneBook((more) => {
    bytes += more;
  });
  expect(book.find("+1")).toBeUndefined();
  book.count("+1", 5, 1);
  const one = bytes;
  expect(one).toBeGreaterThan(0);
  book.count("+1", 7, 1);
  book.count("+1", -5, -1);
  expect(book.find("+1")).toEqual({ phone: "+1", total: 7, topups: 1 });
  expect(book.page(1, null)).toEqual([{ phone: "+1", total: 7, topups: 1 }]);
  book.count("+2", 1, 1);
  expect(bytes).toBe(2 * one);
});
