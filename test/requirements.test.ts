/** Every requirement that docs/REQUIREMENTS.md calls tested has a test with its id; files that it names exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../", import.meta.url);
const text = readFileSync(new URL("docs/REQUIREMENTS.md", root), "utf8");
const rows = [...text.matchAll(/^\| ([LVSWT]\d+) \| .+ \| (.+) \|$/gm)].map(
  ([, id, met]) => [id, met] as const,
);
const folder = new URL("test/integration/programmes/", root);
const titles = readdirSync(folder).flatMap((file) =>
  [...readFileSync(new URL(file, folder), "utf8").matchAll(/\btest\(\s*["`](.+)["`]/g)].map(
    ([, title]) => title,
  ),
);

test.each([
  ["L", 20],
  ["V", 21],
  ["S", 24],
  ["W", 24],
  ["T", 22],
] as const)("every requirement %s1 to %i has exactly one row", (letter, count) => {
  const ids = rows.map(([id]) => id).filter((id) => id?.startsWith(letter));
  expect(ids).toEqual(Array.from({ length: count }, (_, i) => `${letter}${i + 1}`));
});

test.each(rows.filter(([, met]) => met?.startsWith("tested")))("%s is tested", (id) => {
  expect(titles.filter((title) => title?.split(" ").includes(id ?? ""))).not.toEqual([]);
});

test("every file that a row names exists", () => {
  const files = [...text.matchAll(/`((?:test|docs)\/[\w./-]+\.\w+|README\.md)`/g)].map(
    ([, file]) => file ?? "",
  );
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) expect(existsSync(new URL(file, root)), file).toBe(true);
});
