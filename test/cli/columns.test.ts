/** Help and tables fit into the 80 columns of a terminal, and nouns match their counts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATOR_KEY } from "../support/server.ts";
import { COMMANDS, daybook } from "./cli.ts";
import { type ServedLog, serveLog, writeSomething } from "./served-log.ts";

const COLUMNS = 80;
let log: ServedLog;

beforeAll(async () => {
  log = await serveLog("redis");
  await writeSomething(log.client);
});
afterAll(() => log.destroy());

function wide(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.length > COLUMNS);
}

test.each(COMMANDS.map((command) => [["daybook", ...command].join(" "), command]))(
  "%s --help",
  async (_, command) => {
    expect(wide((await daybook([...command, "--help"])).stdout)).toEqual([]);
  },
);

test("tables fit into 80 columns", async () => {
  const { url } = log.server;
  for (const args of [["wal", "info"], ["replay"], ["snapshot", "--url", url]]) {
    const { code, stdout, stderr } = await daybook(args, { ...log.env, OPERATOR_KEY });
    expect(code, stderr).toBe(0);
    expect(wide(stdout), args.join(" ")).toEqual([]);
  }
});

test("a count of one has a singular noun", async () => {
  for (const args of [["wal", "info"], ["wal", "verify"], ["wal", "ls"], ["replay"]]) {
    const { stdout } = await daybook(args, log.env);
    expect(stdout).not.toMatch(/(?<![\d.,:-])1 (?:shards|entries|records|batches|accounts)\b/);
  }
});
