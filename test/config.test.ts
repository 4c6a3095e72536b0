import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readConfig, SETTINGS } from "../src/config.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const HANDBOOK = readFileSync(new URL("../docs/OPERATIONS.md", import.meta.url), "utf8");

/** The rows of the first table after a text, without backticks. */
function tableAfter(document: string, text: string): readonly (readonly string[])[] {
  const [table = ""] = document.slice(document.indexOf(text)).match(/(?:^\|.*\n)+/m) ?? [];
  const rows = table.trimEnd().split("\n").slice(2);
  return rows.map((row) => row.split(" | ").map((cell) => cell.replaceAll(/[|`]/g, "").trim()));
}

test("by default the server uses the embedded log and listens on loopback", () => {
  expect(readConfig({}, [])).toMatchObject({
    port: 3000,
    host: "127.0.0.1",
    walUrl: "sqlite:./data/wal",
    dataDir: "./data",
    shards: undefined,
    gateways: 1,
    allowWeakDurability: false,
  });
});

test("flags win over the environment, and an empty value counts as absent", () => {
  const config = readConfig({ PORT: "1", DATA_DIR: "/x", WAL_URL: "" }, ["--port", "2"]);
  expect(config).toMatchObject({ port: 2, walUrl: "sqlite:/x/wal" });
});

test.each([
  ["PORT", "70000", 'a whole number from 0 to 65535, not "70000"'],
  ["PORT", "abc", 'a whole number from 0 to 65535, not "abc"'],
  ["PORT", " ", 'a whole number from 0 to 65535, not " "'],
  ["PORT", "0x50", 'a whole number from 0 to 65535, not "0x50"'],
  ["SHARDS", "0", 'a whole number from 1 to 64, not "0"'],
  ["SHARDS", "1.5", 'a whole number from 1 to 64, not "1.5"'],
  ["GATEWAYS", "0", 'a whole number from 1 to 16, not "0"'],
  ["GATEWAYS", "17", 'a whole number from 1 to 16, not "17"'],
  ["CLOCK_JUMP_MAX", "5", 'a whole number, at least 60, not "5"'],
  ["SNAPSHOT_MINUTES", "0", 'a number above 0, not "0"'],
  ["ISOLATION", "fibers", 'one of threads, processes, not "fibers"'],
  ["LOG_LEVEL", "loud", 'one of trace, debug, info, warn, error, silent, not "loud"'],
  ["ALLOW_WEAK_DURABILITY", "yes", 'one of true, false, not "yes"'],
  ["WALLET_ASSET", "dollars", 'CODE/scale, such as USD/2, not "dollars"'],
])("%s=%s is refused in one line that names it, its value and what it must be", (name, value, must) => {
  const says = new TypeError(`bad configuration: ${name}: must be ${must}`);
  expect(() => readConfig({ [name]: value }, [])).toThrow(says);
});

test("a log in memory is refused with shards in processes", () => {
  const memory = { WAL_URL: "memory:", ISOLATION: "processes" };
  expect(() => readConfig(memory, [])).toThrow(/^bad configuration: ISOLATION: .+$/);
  expect(readConfig({ ...memory, ISOLATION: "threads" }, [])).toMatchObject({ isolation: "threads" });
});

test("an unknown flag is refused", () => {
  expect(() => readConfig({}, ["--prot", "1"])).toThrow("--prot");
});

test("the README's table matches the settings", () => {
  const shown = Object.entries(SETTINGS).filter(([, setting]) => !("hidden" in setting));
  expect(tableAfter(README, "## Configuration")).toEqual(
    shown.map(([name, setting]) => [
      name,
      "initial" in setting ? setting.initial : setting.otherwise,
      setting.meaning,
    ]),
  );
});

test("every setting in the handbook exists", () => {
  const rows = tableAfter(HANDBOOK, "| variable | for example |");
  const ofServer = rows
    .slice(
      0,
      rows.findIndex(([name]) => name === ""),
    )
    .flatMap(([name = ""]) => name.split(", "));
  expect(ofServer.length).toBeGreaterThan(4);
  expect(ofServer.filter((name) => !Object.hasOwn(SETTINGS, name))).toEqual([]);
  const set = new Set(Array.from(HANDBOOK.matchAll(/`([A-Z][A-Z_]+)=/g), ([, name]) => name as string));
  expect([...set].filter((name) => !Object.hasOwn(SETTINGS, name))).toEqual(["NODE_OPTIONS"]);
});

test("an error shows the bad value, but no secret", () => {
  expect(() => readConfig({ PORT: "abc", OPERATOR_KEY: "too short" }, [])).toThrow(
    'bad configuration: PORT: must be a whole number from 0 to 65535, not "abc"; OPERATOR_KEY: must have at least 32 characters',
  );
});
