/** What the client repeats, and what it does not, at servers and connections that fail. */
import { describe, expect, test } from "vitest";
import { WITHOUT_KEY } from "../../clients/typescript/src/idempotency-keys.ts";
import {
  createDaybook,
  type Daybook,
  DaybookError,
  type RetryPolicy,
} from "../../clients/typescript/src/index.ts";
import { WITHOUT_KEY as ROUTES_WITHOUT_KEY } from "../integration/regressions/keyed-routes.ts";
import {
  cut,
  cutInside,
  type FakeServer,
  fakeServer,
  json,
  problem,
  type Reply,
  silent,
} from "./daybooks.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const QUICK = { backoff: { minMs: 1, maxMs: 2 } } as const;
const done = json(201, { id: "tr_1" });
const html: Reply = (response) =>
  void response.writeHead(502, { "Content-Type": "text/html" }).end("<p>away</p>");

async function fake(
  replies: readonly Reply[],
  retry: Partial<RetryPolicy> = {},
): Promise<[Daybook, FakeServer]> {
  const server = await fakeServer(...replies);
  return [createDaybook({ url: server.url, key: "k", retry: { ...QUICK, ...retry } }), server];
}

const transfer = (daybook: Daybook, options: { idempotencyKey?: string; signal?: AbortSignal } = {}) =>
  daybook.post("/v1/transfers", {
    body: { debit_account: "@in", credit_account: "a", amount: 1 },
    ...options,
  });
const read = (daybook: Daybook) => daybook.get("/v1/transfers/{id}", { path: { id: "tr_1" } });
const login = (daybook: Daybook) =>
  daybook.post("/v1/wallet/login", { body: { email: "a@example.com", password: "long enough" } });

async function errorOf(call: Promise<unknown>): Promise<DaybookError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DaybookError) return error;
  throw new Error("it is no DaybookError", { cause: error });
}

const FAILURES: Readonly<Record<string, Reply>> = {
  "503 overloaded": problem(503, "overloaded", true),
  "503 outcome_unknown": problem(503, "outcome_unknown", true),
  "a cut connection": cut,
  "a connection that is cut inside the answer": cutInside,
  "a proxy's 502": html,
};

describe.each(Object.entries(FAILURES))("after %s", (name, failure) => {
  test("a write is repeated with the same key and the same body", async () => {
    const [daybook, server] = await fake([failure, failure, done]);
    expect(await transfer(daybook)).toEqual({ id: "tr_1" });
    expect(server.seen.length).toBe(3);
    expect(new Set(server.seen.map(({ key, body }) => `${key} ${body}`)).size).toBe(1);
    expect(server.seen[0]?.key).toMatch(UUID);
    await transfer(daybook);
    expect(server.seen[3]?.key).not.toBe(server.seen[0]?.key);
  });

  test("a read is repeated", async () => {
    const [daybook, server] = await fake([failure, json(200, { id: "tr_1" })]);
    expect(await read(daybook)).toEqual({ id: "tr_1" });
    expect(server.seen.map(({ key }) => key)).toEqual([undefined, undefined]);
  });

  test("a write without a key is repeated only if it was certainly not done", async () => {
    const [daybook, server] = await fake([failure, json(200, { token: "t" })]);
    const isSafe = name === "503 overloaded";
    if (isSafe) expect(await login(daybook)).toEqual({ token: "t" });
    else expect(await errorOf(login(daybook))).toMatchObject({ retryable: true, idempotencyKey: undefined });
    expect(server.seen.length).toBe(isSafe ? 2 : 1);
    expect(server.seen[0]?.key).toBeUndefined();
  });
});

test("the caller's own key is sent with each try, and is in the error", async () => {
  const [daybook, server] = await fake([cut], { triesMax: 3 });
  const error = await errorOf(transfer(daybook, { idempotencyKey: "order-7" }));
  expect(error).toMatchObject({ code: "no_answer", status: 0, idempotencyKey: "order-7", tries: 3 });
  expect(server.seen.map(({ key }) => key)).toEqual(["order-7", "order-7", "order-7"]);
});

test("a refusal that is not retryable is not repeated, whatever its status", async () => {
  for (const refusal of [problem(503, "overloaded", false), problem(422, "insufficient_funds", false)]) {
    const [daybook, server] = await fake([refusal, done]);
    expect(await errorOf(transfer(daybook))).toMatchObject({ tries: 1, retryable: false });
    expect(server.seen.length).toBe(1);
  }
});

test("an answer without a problem document is an unreadable one", async () => {
  const [daybook] = await fake([html], { triesMax: 2 });
  expect(await errorOf(read(daybook))).toMatchObject({ code: "unreadable_answer", status: 502, tries: 2 });
  const [other, server] = await fake([json(404, { code: 7 }), done]);
  expect(await errorOf(read(other))).toMatchObject({
    code: "unreadable_answer",
    status: 404,
    retryable: false,
  });
  expect(server.seen.length).toBe(1);
});

test("Retry-After is waited for, and a longer one than the time that is left is not", async () => {
  const [daybook] = await fake([problem(503, "overloaded", true, { "Retry-After": "1" }), done]);
  const beganMs = performance.now();
  await transfer(daybook);
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(995);
  const later = new Date(Date.now() + 100_000).toUTCString();
  for (const [value, ms] of [
    ["60", 60_000],
    [later, 90_000],
  ] as const) {
    const [other, server] = await fake([
      problem(503, "archive_damaged", true, { "Retry-After": value }),
      done,
    ]);
    const error = await errorOf(transfer(other));
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(ms);
    expect(server.seen.length).toBe(1);
  }
});

test("the time of all tries is bounded, and so is that of one", async () => {
  const [daybook, server] = await fake([silent, done], { tryMs: 100 });
  expect(await transfer(daybook)).toEqual({ id: "tr_1" });
  expect(server.seen.length).toBe(2);
  const [other] = await fake([silent], { totalMs: 300, triesMax: 1_000 });
  const beganMs = performance.now();
  expect(await errorOf(transfer(other))).toMatchObject({ code: "no_answer", tries: 1 });
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(295);
});

test("the waits grow to their bound, and half of each is random", async () => {
  const { backoffMs } = await import("../../clients/typescript/src/backoff.ts");
  for (const [failures, ms] of [
    [1, 100],
    [2, 200],
    [3, 400],
    [7, 5_000],
    [1e9, 5_000],
  ] as const) {
    const waits = Array.from({ length: 200 }, () => backoffMs({ minMs: 100, maxMs: 5_000 }, failures));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(ms / 2);
    expect(Math.max(...waits)).toBeLessThanOrEqual(ms);
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(ms / 4);
  }
});

test("a signal ends a call with its reason: before it is sent, while it is answered, and in a pause", async () => {
  const stopped = new Error("stopped");
  const [daybook, server] = await fake([done]);
  await expect(transfer(daybook, { signal: AbortSignal.abort(stopped) })).rejects.toBe(stopped);
  expect(server.seen.length).toBe(0);
  for (const reply of [silent, problem(503, "overloaded", true, { "Retry-After": "30" })]) {
    const stop = new AbortController();
    const [other] = await fake([
      (response, request) => {
        reply(response, request);
        response.on("finish", () => stop.abort(stopped));
        if (reply === silent) stop.abort(stopped);
      },
    ]);
    await expect(transfer(other, { signal: stop.signal })).rejects.toBe(stopped);
  }
});

test("a redirect is not followed: the key is for one server", async () => {
  const elsewhere = await fakeServer(done);
  const moved: Reply = (response) => void response.writeHead(307, { Location: elsewhere.url }).end();
  const [daybook] = await fake([moved], { triesMax: 1 });
  expect(await errorOf(transfer(daybook))).toMatchObject({ code: "no_answer" });
  expect(elsewhere.seen.length).toBe(0);
});

test("the client knows exactly the routes that take no key", () => {
  expect([...WITHOUT_KEY].toSorted()).toEqual(ROUTES_WITHOUT_KEY.toSorted());
});
