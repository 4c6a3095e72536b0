import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PostedLines } from "../../src/http/posted-lines.ts";
import { createLog, openLog } from "../../src/http/request-log.ts";
import { testFolder } from "../support/server.ts";

test("lines of two threads stand in one file, each whole and in its thread's order", () => {
  const file = join(testFolder(), "log");
  const logs = openLog({ level: "info", destination: file });
  const posted: Uint8Array[] = [];
  const other = createLog("info", new PostedLines((lines) => posted.push(lines)));
  for (let no = 0; no < 100; no++) {
    logs.lines?.write(`here ${no} ${"x".repeat(no)}\n`);
    other.lines?.write(`there ${no} ${"é".repeat(no)}\n`);
  }
  other.close();
  for (const lines of posted) logs.takeLines(lines);
  logs.close();
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const of = (whose: string) => lines.filter((line) => line.startsWith(`${whose} `));
  expect(of("here")).toEqual(Array.from({ length: 100 }, (_, no) => `here ${no} ${"x".repeat(no)}`));
  expect(of("there")).toEqual(Array.from({ length: 100 }, (_, no) => `there ${no} ${"é".repeat(no)}`));
});

test("what no block can hold is left out, and nothing else", () => {
  const posted: string[] = [];
  const lines = new PostedLines((bytes) => posted.push(Buffer.from(bytes).toString()));
  lines.write("before\n");
  lines.write(`${"x".repeat(40_000)}\n`);
  lines.write("after\n");
  lines.close();
  expect(posted.join("")).toBe("before\nafter\n");
});
