/** The simulation finds bugs that are planted on purpose. Here a bug for each oracle; `npm run simulate -- --planted` hunts all. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PATCHES, PLANTED, SourceCopy } from "./planted-bugs.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Bugs that are found fast. Together they are found by every oracle that finds any. */
const QUICK: ReadonlySet<string> = new Set([
  "01-read-not-gated",
  "02-key-in-flight-not-looked-up",
  "03-floor-ignores-held",
  "05-message-taken-twice",
  "06-gap-in-messages",
  "08-void-keeps-reservations",
  "10-lost-append-taken-as-done",
  "11-logged-time-goes-back",
  "13-revert-mark-lost-in-replay",
  "14-unsettled-batch-answered",
  "21-reservation-not-counted",
  "23-known-fact-answered-at-once",
  "41-settings-read-once",
  "43-index-ahead-of-its-runs",
  "44-request-decided-twice",
  "48-prefix-monitors-lost-at-snapshot",
]);

function oraclesOf(bugs: typeof PLANTED): ReadonlySet<string> {
  return new Set(bugs.flatMap(([, , oracles]) => oracles));
}

describe("planted bugs", () => {
  let copy: SourceCopy;

  beforeAll(() => {
    copy = new SourceCopy();
  });
  afterAll(() => copy.remove());

  test("each patch is listed, also in the README", () => {
    const names = readdirSync(PATCHES).filter((name) => name.endsWith(".patch"));
    expect(names.map((name) => basename(name, ".patch")).toSorted()).toEqual(
      PLANTED.map(([name]) => name).toSorted(),
    );
    const readme = readFileSync(join(PATCHES, "README.md"), "utf8");
    for (const [name] of PLANTED) expect(readme).toContain(`\`${name}\``);
  });

  test("each patch applies to the source as it is", () => {
    for (const [name] of PLANTED) {
      const { stderr } = spawnSync("git", ["apply", "--check", join(PATCHES, `${name}.patch`)], {
        cwd: ROOT,
      });
      expect(String(stderr), name).toBe("");
    }
  });

  const quick = PLANTED.filter(([name]) => QUICK.has(name));

  test("there is a quick one for each oracle", () => {
    expect(quick).toHaveLength(QUICK.size);
    expect(oraclesOf(quick)).toEqual(oraclesOf(PLANTED));
  });

  test.each(quick)(
    "the simulation finds %s",
    async (...bug) => {
      const { code, output, oracle } = await copy.hunt(bug);
      expect(output).toMatch(/^VIOLATED /m);
      expect(bug[2]).toContain(oracle);
      expect(output).toMatch(/npm run simulate -- --seed \d+ --steps \d+/);
      expect(code).toBe(1);
    },
    240_000,
  );
});
