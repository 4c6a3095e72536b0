/** The folder of compiled code belongs to the user alone, or none is used. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MAIN, testFolder } from "./support/server.ts";

const MODULE = new URL("../src/compile-cache.ts", import.meta.url).href;
const PROGRAM = `
  import { getCompileCacheDir } from "node:module";
  const { useCompileCache } = await import(${JSON.stringify(MODULE)});
  useCompileCache();
  process.stdout.write(getCompileCacheDir() ?? "none");
`;

function cacheIn(tmp: string): string {
  const env = { PATH: process.env["PATH"], TMPDIR: tmp };
  return execFileSync(process.execPath, ["--input-type=module", "-e", PROGRAM], { env, encoding: "utf8" });
}

const nameOf = (): string => `daybook-compiled-${process.getuid?.()}`;

test("the folder is created for the server's user only", () => {
  const tmp = testFolder();
  expect(cacheIn(tmp)).toContain(join(tmp, nameOf()));
  // The second start finds it.
  expect(cacheIn(tmp)).toContain(join(tmp, nameOf()));
});

test.each([
  [
    "others may write to",
    (folder: string) => {
      mkdirSync(folder);
      chmodSync(folder, 0o777);
    },
  ],
  [
    "is a link to somewhere else",
    (folder: string) => {
      mkdirSync(`${folder}-elsewhere`, { mode: 0o700 });
      symlinkSync(`${folder}-elsewhere`, folder);
    },
  ],
])("a folder that %s is not used", (_, make) => {
  const tmp = testFolder();
  make(join(tmp, nameOf()));
  expect(cacheIn(tmp)).toBe("none");
});

test.each([
  ["the server", MAIN],
  ["a command", join(import.meta.dirname, "../src/cli/daybook.ts"), "wal", "info"],
])("%s keeps all of its own code, not only that of its threads", (_, ...args) => {
  const tmp = testFolder();
  execFileSync(process.execPath, [...args, "--help"], { env: { PATH: process.env["PATH"], TMPDIR: tmp } });
  const kept = readdirSync(join(tmp, nameOf()), { recursive: true });
  expect(kept.length).toBeGreaterThan(50);
});
