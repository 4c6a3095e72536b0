import { expect, test } from "vitest";
import {
  findConfigurationProblems,
  isLoading,
  parseInfo,
} from "../../../src/wal/redis/redis-configuration.ts";

const INFO =
  "# Server\r\nrun_id:abc\r\n\r\nrole:master\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\n";
const CONFIG: ReadonlyMap<string, string> = new Map([
  ["appendfsync", "always"],
  ["no-appendfsync-on-rewrite", "no"],
  ["maxmemory-policy", "noeviction"],
]);

test("a Redis with the production settings has no problems", () => {
  expect(findConfigurationProblems({ info: parseInfo(INFO), config: CONFIG })).toEqual([]);
});

test.each([
  ["role:master", "role:slave", /^it is a slave, not a master$/],
  ["aof_enabled:1", "aof_enabled:0", /^appendonly is no, must be yes/],
  ["aof_last_write_status:ok", "aof_last_write_status:err", /cannot write its AOF/],
])("%s → %s", (from, to, problem) => {
  const problems = findConfigurationProblems({ info: parseInfo(INFO.replace(from, to)), config: CONFIG });
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

test.each([
  ["appendfsync", "everysec"],
  ["no-appendfsync-on-rewrite", "yes"],
  ["maxmemory-policy", "allkeys-lru"],
])("%s %s", (parameter, value) => {
  const config = new Map(CONFIG).set(parameter, value);
  const problems = findConfigurationProblems({ info: parseInfo(INFO), config });
  expect(problems).toEqual([
    expect.stringContaining(`${parameter} is ${value}, must be ${CONFIG.get(parameter)}`),
  ]);
  config.delete(parameter);
  expect(findConfigurationProblems({ info: parseInfo(INFO), config })).toEqual([
    expect.stringContaining(`${parameter} is unknown`),
  ]);
});

test("a Redis that refuses CONFIG GET is a problem that names the ACL rule to add", () => {
  const problems = findConfigurationProblems({ info: parseInfo(INFO), config: { refused: "NOPERM no" } });
  expect(problems).toEqual([expect.stringContaining("+config|get")]);
});

test("missing settings count as problems", () => {
  expect(findConfigurationProblems({ info: new Map(), config: new Map() }).length).toBe(5);
});

test("a Redis that is loading is detected", () => {
  expect(isLoading(parseInfo(INFO))).toBe(false);
  expect(isLoading(parseInfo(INFO.replace("loading:0", "loading:1")))).toBe(true);
});
