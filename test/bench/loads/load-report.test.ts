import { expect, test } from "vitest";
import { sumOfMetric } from "../daybook.ts";
import { figureOf, median } from "../measurement.ts";
import { isSelected, readOptions } from "../options.ts";
import { cpuPerOperation, parseStat, totalUs } from "../process-tree.ts";
import { parseAutocannon, parseWrk, perSecond } from "./load-report.ts";
import { wrkScript } from "./wrk-script.ts";

const WRK = `Running 2s test @ http://127.0.0.1:4101
  1 threads and 256 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    23.63ms   15.31ms 136.43ms   86.56%
  57539 requests in 5.05s, 28.50MB read
Requests/sec:  11388.29
`;
const SUMMARY =
  '{"requests":57539,"duration_us":5052472,"status":2,"connect":0,"read":1,"write":0,"timeout":4,"p50_us":21500,"p99_us":88250}\n';

test("wrk's values come from the exact line of the script, not from its rounded text", () => {
  const report = parseWrk(WRK + SUMMARY);
  expect(report).toEqual({ requests: 57539, seconds: 5.052472, failures: 7, p50Ms: 21.5, p99Ms: 88.25 });
  expect(perSecond(report)).toBeCloseTo(11388.29, 1);
});

test("output of wrk without the line, or with half of it, is an error and not a zero", () => {
  expect(() => parseWrk(WRK)).toThrow("no summary");
  expect(() => parseWrk('{"requests":1,"duration_us":5}')).toThrow("has no status");
});

test("autocannon's values are the totals; errors and refusals both count as failures", () => {
  const output = JSON.stringify({
    duration: 2.01,
    non2xx: 3,
    errors: 1,
    requests: { average: 1000, total: 2010 },
    latency: { p50: 4, p99: 17 },
  });
  expect(parseAutocannon(output)).toEqual({
    requests: 2010,
    seconds: 2.01,
    failures: 4,
    p50Ms: 4,
    p99Ms: 17,
  });
});

test("the median is the middle value, or the mean of the two middle ones", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([10, 1, 2, 3])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
});

test("a measurement has every run, in order, and the fsync time", () => {
  const figure = figureOf({
    name: "single.redis.256",
    unit: "transfers/s",
    settings: { connections: 256 },
    runs: [31_000.4, 30_000.2, 33_000.9],
    fsyncUs: [200, 180, 220],
  });
  expect(figure).toMatchObject({
    value: 31_000,
    median: 31_000,
    min: 30_000,
    max: 33_001,
    runs: [31_000, 30_000, 33_001],
    fsync_p50_us: 200,
  });
});

test("a ratio keeps its digits", () => {
  const figure = figureOf({ name: "r", unit: "ratio", settings: {}, runs: [0.71239] });
  expect(figure.value).toBe(0.7124);
  expect(figure).not.toHaveProperty("fsync_p50_us");
});

test("a thread's CPU time is found whatever characters are in its name", () => {
  const stat = "812 (node (a) b) S 1 812 812 0 -1 4194304 9 0 0 0 150 25 0 0 20 0 11 0 99 1 2 3";
  expect(parseStat(stat)).toEqual({ name: "node (a) b", us: 1_750_000, endedChildrenUs: 0 });
});

test("CPU time is reported per operation, by part and in total", () => {
  const before = new Map([["main", 100]]);
  const after = new Map([
    ["main", 1100],
    ["shards", 500],
  ]);
  const each = cpuPerOperation(before, after, 100);
  expect(Object.fromEntries(each)).toEqual({ main: 10, shards: 5 });
  expect(totalUs(each)).toBe(15);
  expect(totalUs(cpuPerOperation(new Map(), new Map(), 100))).toBe(0);
});

test("a metric is summed over its shards, without metrics whose name only begins with it", () => {
  const text =
    '# HELP daybook_keys x\ndaybook_keys{shard="0"} 3\ndaybook_keys{shard="1"} 4\ndaybook_keys_max 9\n';
  expect(sumOfMetric(text, "daybook_keys")).toBe(7);
  expect(sumOfMetric(text, "daybook_keys_max")).toBe(9);
  expect(sumOfMetric(text, "daybook_none")).toBe(0);
});

test("options: quick means one run, flags win, unknown flags are refused", () => {
  expect(readOptions([])).toMatchObject({ runs: 4, quick: false, only: "" });
  expect(readOptions(["--quick"])).toMatchObject({ runs: 1 });
  expect(readOptions(["--quick", "--runs", "3", "--only", "batch"])).toMatchObject({
    runs: 3,
    only: "batch",
  });
  expect(() => readOptions(["--runs", "0"])).toThrow(RangeError);
  expect(() => readOptions(["--fast"])).toThrow(TypeError);
  for (const other of [["--only", "hot"], ["--quick"], ["--report"], ["--against", "HEAD~1"]])
    expect(() => readOptions(["--short", ...other])).toThrow(TypeError);
  expect(() => readOptions(["--report", "--against", "HEAD~1"])).toThrow(TypeError);
});

test("a part is selected by what its names begin with, or by one of its names", () => {
  expect(isSelected([""], "hot")).toBe(true);
  expect(isSelected(["single.redis"], "single.redis.plain.64")).toBe(true);
  expect(isSelected(["single.redis.plain.64.daybook"], "single.redis.plain")).toBe(true);
  expect(isSelected(["single.redis.plain.64.daybook"], "single.redis.plain.256")).toBe(false);
  expect(isSelected(["redis-lua.single"], "redis")).toBe(false);
});

test("the script for wrk uses a new idempotency key per request only if keys are wanted", () => {
  const script = {
    method: "POST",
    path: "/v1/transfers",
    paths: [],
    contentType: "application/json",
    token: "t",
    bodiesFile: "/b",
    lengths: [3, 4],
  } as const;
  expect(wrkScript({ ...script, keyTag: undefined })).not.toContain("Idempotency-Key");
  expect(wrkScript({ ...script, keyTag: "5f0c2a7e" })).toContain('headers["Idempotency-Key"]');
});
