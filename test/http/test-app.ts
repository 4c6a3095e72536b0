/** The app with a fake ledger, and a clock that the test advances. */

import { expect } from "vitest";
import { type App, createApp } from "../../src/http/app.ts";
import { readBatch, TRANSFERS } from "../../src/http/core/transfers/batch-items.ts";
import { newWindowMemory, WindowCounters } from "../../src/http/limits/window-counters.ts";
import { createRequestMetrics, type RequestMetrics } from "../../src/http/log/request-metrics.ts";
import { createPageCookie } from "../../src/http/pages/base/page-cookie.ts";
import { newSessionMemory, PageSessions } from "../../src/http/pages/base/page-sessions.ts";
import { MOVEMENTS } from "../../src/http/programmes/loyalty/movements.ts";
import { createSessionCookie } from "../../src/http/programmes/wallet/session-cookie.ts";
import { PersonKeys } from "../../src/persons/person-keys.ts";
import { openerOf } from "../../src/sealed-secrets.ts";
import type { Tracing } from "../../src/tracing/tracing.ts";
import { exchange } from "../support/exchange.ts";
import { NOW_MS } from "./fake-book.ts";
import { FakeLedger } from "./fake-ledger.ts";
import { FakeSeries } from "./fake-series.ts";

export type ProblemBody = Readonly<{
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  retryable: boolean;
  errors?: readonly Readonly<{ path: string; message: string }>[];
}>;

/** The problem in an answer, after checking the members that every problem has. */
export async function problemOf(response: Response): Promise<ProblemBody> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("request-id")).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
  const problem = (await response.json()) as ProblemBody;
  expect(problem.status).toBe(response.status);
  expect(problem.type).toBe(`/problems/${problem.code}`);
  expect(Object.keys(problem)).toEqual(
    expect.arrayContaining(["type", "title", "status", "code", "detail", "retryable"]),
  );
  return problem;
}

export type Logged = { fields: Record<string, unknown>; message: string };

export type TestApp = Readonly<{
  app: App;
  ledger: FakeLedger;
  statistics: FakeSeries;
  metrics: RequestMetrics;
  /** The request lines that were logged. */
  lines: string[];
  logged: Logged[];
  /** Advances the monotonic clock. */
  elapse(ms: number): void;
  request(
    method: string,
    path: string,
    init?: RequestInit & { key?: string; json?: unknown },
  ): Promise<Response>;
}>;

/** Two partners, `acme` (keys `acme-key`, `acme-read`, `acme-bank`) and `other` (`other-key`). */
export function createTestApp(
  options: { operatorKeyHash?: string; salt?: number; tracing?: Tracing } = {},
): TestApp {
  const ledger = new FakeLedger();
  ledger.addPartner("acme", { "acme-key": "partner", "acme-read": "read", "acme-bank": "bank" });
  ledger.addPartner("other", { "other-key": "partner" });
  const statistics = new FakeSeries();
  const lines: string[] = [];
  const logged: Logged[] = [];
  const log = (fields: object, message: string): void => {
    logged.push({ fields: { ...fields }, message });
  };
  const metrics = createRequestMetrics();
  let elapsedMs = 0;
  let randomByte = options.salt ?? 0;
  const app = createApp({
    ledger,
    readLarge: (body, source) => readBatch(body, source, source.kind === "transfers" ? TRANSFERS : MOVEMENTS),
    directory: ledger,
    operations: ledger,
    statistics,
    log: { info: log, warn: log, error: log },
    requestLines: { write: (line) => lines.push(line) },
    metrics,
    openSecret: openerOf("secret-key-for-tests-0123456789abcdef"),
    persons: new PersonKeys(":memory:"),
    counters: new WindowCounters(newWindowMemory(), () => elapsedMs),
    clock: { nowMs: () => NOW_MS, elapsedMs: () => elapsedMs },
    random: (bytes) => new Uint8Array(bytes).fill(++randomByte),
    assets: { wallet: "USD/2", topup: "IRT/0" },
    asksOperator: false,
    cookie: createSessionCookie(undefined),
    pageCookie: createPageCookie(undefined),
    sessions: new PageSessions(
      newSessionMemory(),
      (bytes) => new Uint8Array(bytes).fill(++randomByte),
      () => 1 + elapsedMs,
    ),
    operatorKeyHash: options.operatorKeyHash,
    tracing: options.tracing,
  });
  return {
    app,
    ledger,
    statistics,
    metrics,
    lines,
    logged,
    elapse: (ms) => {
      elapsedMs += ms;
    },
    async request(method, path, { key = "acme-key", json, ...init } = {}) {
      const headers = new Headers(init.headers);
      if (key !== "") headers.set("authorization", `Bearer ${key}`);
      if (json !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
      const body = json === undefined ? init.body : JSON.stringify(json);
      // Built as a client would, with content type and length.
      const url = `http://localhost${path}`;
      const sent = new Request(url, { ...init, method, headers, ...(body != null && { body }) });
      const bytes = body instanceof ReadableStream ? body : new Uint8Array(await sent.arrayBuffer());
      if (body != null && bytes instanceof Uint8Array)
        sent.headers.set("content-length", String(bytes.length));
      return exchange(app.handle, { method, target: path, headers: sent.headers, body: bytes });
    },
  };
}
