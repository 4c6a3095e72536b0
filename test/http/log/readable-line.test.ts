import { expect, test } from "vitest";
import { readableLine } from "../../../src/http/log/readable-line.ts";

const AT = Date.UTC(2026, 10, 21, 12, 0, 0, 123);
const line = (fields: object) => readableLine(`${JSON.stringify({ time: AT, ...fields })}\n`);

test("a request is shown as method, route, status, duration, partner and id", () => {
  const request = { level: 30, msg: "request", request_id: "ab-1", method: "GET", route: "/v1/accounts" };
  expect(line({ ...request, status: 200, ms: 1.25, partner: "acme" })).toBe(
    "12:00:00.123 info  GET /v1/accounts 200 1.25 ms acme ab-1\n",
  );
});

test("any other line is shown as its message and fields", () => {
  expect(line({ level: 40, msg: "waiting for the log", reason: "no answer", shard: 1 })).toBe(
    "12:00:00.123 warn  waiting for the log, reason: no answer, shard: 1\n",
  );
});

test("an error is followed by its stack", () => {
  const err = { type: "Error", message: "broken", stack: "Error: broken\n    at here" };
  expect(line({ level: 50, msg: "request failed", err })).toBe(
    "12:00:00.123 error request failed\n    Error: broken\n        at here\n",
  );
});

test("text from a client cannot break the line or send control codes to the terminal", () => {
  const route = "/\u001b[2J\n\u202e\u009b";
  expect(line({ level: 30, msg: "request", method: "GET", route, status: 404, ms: 1, request_id: "a" })).toBe(
    "12:00:00.123 info  GET /\\u001b[2J\\u000a\\u202e\\u009b 404 1 ms a\n",
  );
});
