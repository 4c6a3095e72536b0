/** Tables fit into the 80 columns of a terminal, and nouns match their counts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { OPERATOR_KEY } from "../support/server.ts";
import { daybook, wideLinesOf } from "./cli.ts";
import { type ServedLog, serveLog, writeSomething } from "./served-log.ts";

let log: ServedLog;

beforeAll(async () => {
  log = await serveLog("redis");
  await writeSomething(log.client);
});
afterAll(() => log.destroy());

test("tables fit into 80 columns", async () => {
  const { url } = log.server;
  for (const args of [["wal", "info"], ["replay"], ["snapshot", "--url", url]]) {
    const { code, stdout, stderr } = await daybook(args, { ...log.env, OPERATOR_KEY });
    expect(code, stderr).toBe(0);
    expect(wideLinesOf(stdout), args.join(" ")).toEqual([]);
  }
});

test("a count of one has a singular noun", async () => {
  for (const args of [["wal", "info"], ["wal", "verify"], ["wal", "ls"], ["replay"]]) {
    const { stdout } = await daybook(args, log.env);
    expect(stdout).not.toMatch(/(?<![\d.,:-])1 (?:shards|entries|records|batches|accounts)\b/);
  }
});
