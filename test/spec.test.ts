import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PRECEDENCE } from "../src/actors/records/rejection.ts";

const spec = readFileSync(new URL("../docs/SPEC.md", import.meta.url), "utf8");

test("every test file that the specification names exists", () => {
  const files = [...spec.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(([, file]) => file as string);
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) expect(existsSync(new URL(`../${file}`, import.meta.url)), file).toBe(true);
});

test("every test that the specification quotes has that title in that file", () => {
  // A file's name, a colon, and then titles in quotation marks, separated by commas.
  const quotes = [...spec.matchAll(/`(test\/[\w./-]+\.ts)`: ((?:"[^"]+"(?:, )?)+)/g)];
  expect(quotes.length).toBeGreaterThan(6);
  for (const [, file, titles] of quotes) {
    const code = readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
    for (const [, title] of (titles as string).matchAll(/"([^"]+)"/g)) expect(code).toContain(title);
  }
});

test("the order of rejections is the one in the code", () => {
  const rows = [...spec.matchAll(/^\| (\d+) \| `(\w+)` \| (debit|credit) \|/gm)];
  expect(rows.map(([, , code, side]) => [code, side])).toEqual(PRECEDENCE);
  expect(rows.map(([, number]) => Number(number))).toEqual(PRECEDENCE.map((_, i) => i + 1));
});
