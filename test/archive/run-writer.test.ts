import fs, { readdirSync, statSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RunWriter } from "../../src/archive/index/run-writer.ts";
import { testFolder } from "../support/server.ts";

const ENTRIES = 100_000;
const MIB = 1024 * 1024;

/** The size of every file at each of its syncs. */
function watchSyncs(): readonly number[] {
  const sizes: number[] = [];
  const { fdatasyncSync } = fs;
  fs.fdatasyncSync = (file) => {
    sizes.push(fs.fstatSync(file).size);
    fdatasyncSync(file);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.fdatasyncSync = fdatasyncSync;
    syncBuiltinESMExports();
  });
  return sizes;
}

test("a large run is synced in pieces, so that the log's sync never waits for much", () => {
  const folder = testFolder();
  const sizes = watchSyncs();
  const writer = new RunWriter(folder, 1, "account", 0, 32, 0);
  for (let n = 0; n < ENTRIES; n++) writer.push(n, 0, 1, n, 1, 1);
  expect(writer.finish().entries).toBe(ENTRIES);
  const [file = ""] = readdirSync(folder);
  const { size } = statSync(join(folder, file));
  expect(size).toBeGreaterThan(32 * ENTRIES);
  expect(sizes.at(-1)).toBe(size);
  for (const [no, at] of sizes.entries()) expect(at - (sizes[no - 1] ?? 0)).toBeLessThan(MIB);
});
