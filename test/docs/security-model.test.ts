/** Every claim of docs/SECURITY-MODEL.md names an existing test. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/SECURITY-MODEL.md", root), "utf8");
const claims = [...text.matchAll(/^\| (.+) \| `(test\/[\w./-]+)`: "(.+)" \|$/gm)].map(
  ([, claim, file, title]) => [claim, file, title] as const,
);

test("every row of the tables of claims names a test", () => {
  const rows = text.split("| claim | test |").slice(1);
  const count = rows.flatMap((table) => table.split("\n\n")[0]?.match(/^\| .+/gm) ?? []).length;
  expect(count).toBeGreaterThan(15);
  expect(claims).toHaveLength(count);
});

test.each(claims)("%s", (_, file = "", title = "") => {
  const source = readFileSync(new URL(file, root), "utf8");
  expect(source.includes(`"${title}"`), title).toBe(true);
});
