/** Spans of requests and deliveries, with a real SDK. */
import { globSync, readFileSync } from "node:fs";
import { context, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { encode } from "../../src/actors/records/pack.ts";
import { ShardTraces } from "../../src/gateway/shard-link/shard-traces.ts";
import { monotonicMs } from "../../src/tracing/shard-times.ts";
import { findTracing } from "../../src/tracing/tracing.ts";
import { REQUEST, type UntracedRequest } from "../../src/workers/shard/messages.ts";
import { createTestApp } from "../http/test-app.ts";
import { RecordedSpans } from "./recorded-spans.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${CALLER}-01`;
const UNSAMPLED = `00-${TRACE}-${CALLER}-00`;
const COMMAND: UntracedRequest = [7, REQUEST.command, new Uint8Array([1])];

afterEach(() => trace.disable());

test("only src/tracing imports the OpenTelemetry API", () => {
  const importers = globSync("src/**/*.ts").filter((file) =>
    /from "@opentelemetry/.test(readFileSync(file, "utf8")),
  );
  expect(importers).toEqual(["src/tracing/tracing.ts"]);
});

test("there is tracing only where an SDK has registered a provider", () => {
  expect(findTracing()).toBeUndefined();
  trace.setGlobalTracerProvider(new RecordedSpans(true).provider);
  expect(findTracing()).toBeDefined();
});

test("a request is a span named by its route, with the status, and no path, id, key or body", async () => {
  const recorded = new RecordedSpans(true);
  const { request, lines } = createTestApp({ tracing: recorded.tracing });
  await request("GET", "/v1/accounts/alice%2Fsavings-7731?at=2026-01-01T00:00:00.000Z");
  await request("POST", "/v1/transfers", { json: { memo: "memo-7731" }, key: "acme-key" });
  await request("GET", "/v1/no-such-path-7731");
  const of = { "url.scheme": "http", "network.protocol.version": "1.1" };
  expect(recorded.texts.map(({ name, attributes, ...rest }) => [name, { ...attributes }, rest])).toEqual([
    [
      "GET /v1/accounts/{id}",
      {
        ...of,
        "http.request.method": "GET",
        "http.route": "/v1/accounts/{id}",
        "http.response.status_code": 404,
        "error.type": "account_not_found",
      },
      { kind: "SERVER", parent: undefined, isError: false },
    ],
    [
      "POST /v1/transfers",
      {
        ...of,
        "http.request.method": "POST",
        "http.route": "/v1/transfers",
        "http.response.status_code": 400,
        "error.type": "validation_failed",
      },
      { kind: "SERVER", parent: undefined, isError: false },
    ],
    [
      "GET",
      { ...of, "http.request.method": "GET", "http.response.status_code": 404, "error.type": "not_found" },
      { kind: "SERVER", parent: undefined, isError: false },
    ],
  ]);
  const shown = JSON.stringify(
    recorded.spans.map(({ name, attributes, events }) => [name, attributes, events]),
  );
  expect(shown).not.toMatch(/7731|acme|alice|Bearer/);
  const ids = recorded.spans.map((span) => span.spanContext().traceId);
  expect(lines.map((line) => JSON.parse(line).trace_id)).toEqual(ids);
});

test("a failure of the server is an error of the span", async () => {
  const recorded = new RecordedSpans(true);
  const { request, ledger } = createTestApp({ tracing: recorded.tracing });
  ledger.account = () => Promise.reject(new Error("a bug"));
  expect((await request("GET", "/v1/accounts/a")).status).toBe(500);
  expect(recorded.texts).toMatchObject([{ attributes: { "error.type": "internal_error" }, isError: true }]);
});

test("the span of a caller is the parent, with its trace state", async () => {
  const recorded = new RecordedSpans(false);
  const { request } = createTestApp({ tracing: recorded.tracing });
  await request("GET", "/healthz", { headers: { traceparent: SAMPLED, tracestate: "vendor=1" } });
  const [span] = recorded.spans;
  expect(span?.spanContext()).toMatchObject({ traceId: TRACE });
  expect(span?.spanContext().traceState?.serialize()).toBe("vendor=1");
  expect(recorded.texts).toMatchObject([{ name: "GET /healthz", parent: CALLER }]);
});

test.each([
  ["a caller that samples nothing", true, { traceparent: UNSAMPLED }],
  ["a sampler that samples nothing", false, undefined],
  ["a malformed traceparent, with that sampler", false, { traceparent: "00-1-2-01" }],
])("%s: there is no span, and the log has no trace", async (_, samples, headers) => {
  const recorded = new RecordedSpans(samples);
  const { request, lines } = createTestApp({ tracing: recorded.tracing });
  const answer = await request("GET", "/healthz", headers && { headers });
  expect(answer.status).toBe(200);
  expect(recorded.spans).toEqual([]);
  expect(lines.join("")).not.toContain("trace_id");
});

test("a request to a shard that is not traced is sent as it is, to the byte", () => {
  const { tracing } = new RecordedSpans(false);
  const traces = new ShardTraces(tracing, 0);
  traces.begin(COMMAND);
  expect(encode([traces.request(COMMAND)])).toEqual(encode([COMMAND]));
});

test("the work of a shard has spans of its times; those that come after the reply are dropped", () => {
  const recorded = new RecordedSpans(true);
  const traces = new ShardTraces(recorded.tracing, 3);
  const request = recorded.tracing.beginRequest({
    method: "POST",
    route: "/v1/transfers",
    httpVersion: "1.1",
    headers: {},
  });
  request?.run(() => traces.begin(COMMAND));
  expect(traces.request(COMMAND)).toEqual([7, REQUEST.traced, COMMAND, 1]);
  const nowMs = monotonicMs();
  const append = { beganMs: nowMs + 2, durableMs: nowMs + 3, records: 4 };
  traces.add(1, { beganMs: nowMs, decidedMs: nowMs + 1, append });
  traces.end(7);
  traces.add(1, { beganMs: nowMs, decidedMs: nowMs + 1 });
  request?.end({ status: 201, errorType: undefined });
  expect(recorded.texts.map(({ name, parent, attributes }) => [name, parent, { ...attributes }])).toEqual([
    ["queue", "shard command", {}],
    ["decide", "shard command", {}],
    ["append", "shard command", { "daybook.batch.records": 4 }],
    ["reply", "shard command", {}],
    ["shard command", "POST /v1/transfers", { "daybook.shard": 3 }],
    ["POST /v1/transfers", undefined, expect.anything()],
  ]);
  const [, decide, appended] = recorded.spans.map(({ startTime, endTime }) => endTime[1] - startTime[1]);
  expect([decide, appended].map((ns) => Math.round(((ns ?? 0) + 1e9) / 1e6) % 1000)).toEqual([1, 1]);
});

test("a shard that ends before it answers is an error of the span", () => {
  const recorded = new RecordedSpans(true);
  const traces = new ShardTraces(recorded.tracing, 0);
  context.with(
    trace.setSpan(context.active(), recorded.provider.getTracer("test").startSpan("request")),
    () => traces.begin(COMMAND),
  );
  traces.end(7, "shard_ended");
  expect(recorded.texts).toMatchObject([{ attributes: { "error.type": "shard_ended" }, isError: true }]);
});

test.each([
  [204, false, undefined],
  [500, true, "500"],
  [null, true, "no_answer"],
])(
  "a delivery answered with %s is a trace of its own, and carries it on",
  async (status, isError, errorType) => {
    const recorded = new RecordedSpans(true);
    let sent: Readonly<Record<string, string>> = {};
    const result = await recorded.tracing.traceDelivery(
      "https://hooks.example.com/7731?key=7731",
      async (headers) => {
        sent = headers;
        return { status };
      },
    );
    expect(result).toEqual({ status });
    const [span] = recorded.spans;
    expect(sent["traceparent"]).toBe(`00-${span?.spanContext().traceId}-${span?.spanContext().spanId}-01`);
    const [{ attributes, ...rest } = { attributes: {} }] = recorded.texts;
    expect(rest).toEqual({ name: "POST", kind: "CLIENT", parent: undefined, isError });
    expect({ ...attributes }).toEqual({
      "http.request.method": "POST",
      "server.address": "hooks.example.com",
      "server.port": 443,
      ...(status !== null && { "http.response.status_code": status }),
      ...(errorType !== undefined && { "error.type": errorType }),
    });
  },
);
