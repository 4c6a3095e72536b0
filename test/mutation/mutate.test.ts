/** What the mutation tests report of a small actor, whose mutants are found, missed, or never end. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = dirname(dirname(import.meta.dirname));

const ACTOR = `
export function double(value: number): number {
  return 2 * value;
}
export function strides(): readonly number[] {
  return [1];
}
export function next(value: number): number {
  return value + 1;
}
`;

/** The second test loops for ever if the stride is 2. */
const TEST = `
import { expect, test } from "vitest";
import { double, strides } from "../../src/actors/small.ts";

test("doubles", () => {
  expect(double(0)).toBe(0);
});
test("counts down", () => {
  const [stride = 1] = strides();
  let left = 3;
  while (left !== 0) left -= stride;
  expect(left).toBe(0);
});
test("doubles more", () => {
  expect(double(3)).toBe(6);
});
`;

/** Passes only once. */
const ONCE = `
import { expect, test } from "vitest";
import { next } from "../../src/actors/small.ts";

let value = 0;
test("counts", () => {
  value = next(value);
  expect(value).toBe(1);
});
`;

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "daybook-mutate-test-"));
  for (const each of ["src/actors", "test/actors"]) mkdirSync(join(folder, each), { recursive: true });
  writeFileSync(join(folder, "src/actors/small.ts"), ACTOR);
  writeFileSync(join(folder, "test/actors/small.test.ts"), TEST);
  writeFileSync(join(folder, "test/actors/once.test.ts"), ONCE);
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the mutation tests with one of the two test files. */
function mutate(name: string): Promise<Readonly<{ stdout: string }>> {
  const script = join(ROOT, "test/mutation/mutate.ts");
  const args = [script, "--root", folder, "--limit", "1", "--tests", `test/actors/${name}.test.ts`];
  return promisify(execFile)(process.execPath, args);
}

test("a mutant is found, missed, or ended after its time; the tests after that one still run", async () => {
  const { stdout } = await mutate("small");
  const file = "src/actors/small.ts";
  expect(stdout.split("\n").filter((line) => line !== "")).toEqual([
    `${file}:6: [1] => []`,
    `${file}:8: { return value + 1; } => nothing  (no test came by)`,
    `${file}:9: value + 1 => (value) - (1)  (no test came by)`,
    `${file}:9: 1 => 1 + 1  (no test came by)`,
    `${file}:6: 1 => 1 + 1  (killed by time-out: counts down)`,
    expect.stringMatching(/^src\/actors\/small\.ts +5 killed \(1 by time-out\) +4 survived +55\.6 %$/),
    expect.stringMatching(/^all +5 killed \(1 by time-out\) +4 survived +55\.6 %$/),
  ]);
});

test("a test that passes only once finds nothing, and is named", async () => {
  const stderr = expect.stringContaining(
    "counts fails without any change:\nError: the test fails if it is run again",
  );
  const stdout = expect.stringMatching(/small\.ts +0 killed +9 survived/);
  await expect(mutate("once")).rejects.toMatchObject({ code: 1, stderr, stdout });
});
