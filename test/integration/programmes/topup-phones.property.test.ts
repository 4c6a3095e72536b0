/** Phones: spellings and order. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { PhoneBook } from "../../../src/actors/programmes/topup/phone-book.ts";
import { phoneOf, phoneOfQuery } from "../../../src/http/programmes/topup/phone.ts";
import { runs } from "../../actors/ledger/property-runs.ts";

test("a phone book is sorted, whatever the order of insertion", () => {
  const phone = fc.integer({ min: 1_000_000, max: 1_002_000 }).map((digits) => `+${digits}`);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(phone, fc.integer({ min: 1, max: 9 })), { maxLength: 3_000, size: "max" }),
      fc.integer({ min: 1, max: 700 }),
      (counted, limit) => {
        const book = new PhoneBook();
        const model = new Map<string, { total: number; topups: number }>();
        for (const [digits, amount] of counted) {
          book.count(digits, amount, 1);
          const { total, topups } = model.get(digits) ?? { total: 0, topups: 0 };
          model.set(digits, { total: total + amount, topups: topups + 1 });
        }
        const sorted = [...model].map(([digits, sums]) => ({ phone: digits, ...sums }));
        sorted.sort((a, b) => (a.phone < b.phone ? -1 : 1));
        const paged = [];
        for (let page = book.page(limit, null); page.length > 0; ) {
          paged.push(...page);
          page = book.page(limit, (page.at(-1) as { phone: string }).phone);
        }
        expect(paged).toEqual(sorted);
        expect([...book.all()]).toEqual(sorted);
        for (const [digits] of counted.slice(0, 20))
          expect(book.find(digits)).toMatchObject({ phone: digits });
        expect(book.find("+1000000000")).toBeUndefined();
      },
    ),
    { numRuns: runs(30) },
  );
});

test("all spellings of a phone are the same phone, and the stored form is one of them", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999 }), (digits) => {
      const national = `9${String(digits).padStart(9, "0")}`;
      const plain = [national, `0${national}`, `+98${national}`, `0098${national}`];
      const grouped = plain.map((text) => ` ${text.slice(0, 4)} ${text.slice(4, 7)}-${text.slice(7)}`);
      const persian = grouped.map((text) =>
        text.replaceAll(/\d/g, (d) => String.fromCharCode(0x06f0 + Number(d))),
      );
      const arabic = plain.map((text) =>
        text.replaceAll(/\d/g, (d) => String.fromCharCode(0x0660 + Number(d))),
      );
      const spellings = [...plain, ...grouped, ...persian, ...arabic];
      for (const spelling of spellings) expect(phoneOf(spelling)).toBe(`+98${national}`);
      expect(phoneOfQuery(` 98${national}`)).toBe(`+98${national}`);
    }),
  );
  for (const wrong of [
    "",
    "+",
    "989121234567",
    "+98912123456",
    "+9809121234567",
    "0912.123.4567",
    "+1234567890123456",
  ])
    expect(phoneOf(wrong)).toBeUndefined();
});
