/**
 * What every route has in common: request id, readiness, key, role, deadline, errors, log line, metrics. One wrapper
 * around the handler instead of a chain of middleware, which would cost a promise and a closure each.
 */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { CallerGone } from "../caller.ts";
import { InvalidTime } from "../invalid-time.ts";
import { OperatingError } from "../operating-error.ts";
import { type Access, type Authenticate, admit, bearerToken } from "./auth.ts";
import { type Call, type Connection, problemAnswer, problemParts } from "./call.ts";
import type { Clock } from "./clock.ts";
import { addCorsHeaders, allowedOrigin, type Origins } from "./cors.ts";
import { idempotencyKey } from "./idempotency.ts";
import { invalid, Problem, type ProblemCode, publicReason } from "./problem.ts";
import { headerOf, incomingOf, refuseRepeated } from "./request-header.ts";
import { type LineSink, type Log, requestLine } from "./request-log.ts";
import type { RequestMetrics } from "./request-metrics.ts";
import type { Refuse } from "./unreadable.ts";

/** `query` is the request's query as the route's schema reads it; unknown parameters were refused before. */
export type Handler<Q = unknown> = (c: Context, call: Call, query: Q) => Promise<Response> | Response;
/** What a router takes: never rejects. */
export type Endpoint = (c: Context) => Promise<Response>;

export const REQUEST_MS_MAX = 10_000;
const TOO_LATE = `No answer within ${REQUEST_MS_MAX / 1000} s.`;

export type EndpointDeps = Readonly<{
  authenticate: Authenticate;
  /** Whether who has no API key is a wallet user who is logged in. */
  isWalletUser: (c: Context) => Promise<boolean>;
  /** Sentences why the ledger cannot serve yet; asked until it is empty for the first time. */
  unready: () => readonly string[];
  clock: Clock;
  log: Log;
  lines: LineSink | undefined;
  metrics: RequestMetrics;
  /** Begins every request id of this process. */
  idPrefix: string;
  /** Whose pages may call. */
  origins: Origins;
}>;

type Running = {
  readonly call: Call;
  /** Of the page that calls, if it may. */
  readonly origin: string | undefined;
  settle: (response: Response) => void;
};

/** What the wrapper needs of a route. `readQuery` throws Problem 400 for an unknown parameter. */
export type Route<Q> = Readonly<{
  access: Access;
  /** As the document writes it. */
  path: string;
  group: string;
  readQuery: (c: Context) => Q;
  servesUnready?: boolean | undefined;
}>;

export type Endpoints = Readonly<{
  wrap<Q>(route: Route<Q>, handler: Handler<Q>): Endpoint;
  /** Answers what has not become a request, and notes that in the log. */
  refuse: Refuse;
  /** Answers `outcome_unknown` to what has run for longer than a request may; call it a few times a second. */
  sweep(): void;
  inFlight(): number;
}>;

/** Only the archive can read its cursors, so only it can tell that one is made up. */
function isBadCursor(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && failure.code === "bad_cursor";
}

/** An exception as a problem; what nobody foresaw is an `internal_error` and goes to the log with its stack. */
function failureAnswer(call: Call, failure: unknown, log: Log): Response {
  if (failure instanceof Problem) {
    const more = failure.errors === undefined ? undefined : { errors: failure.errors };
    return problemAnswer(call, failure.code, failure.message, failure.headers, more);
  }
  if (isBadCursor(failure)) {
    const errors = [{ path: "cursor", message: "must come from the page before" }];
    return problemAnswer(call, "validation_failed", "cursor: must come from the page before", {}, { errors });
  }
  if (failure instanceof InvalidTime) return failureAnswer(call, invalid(failure.path, failure.message), log);
  if (failure instanceof CallerGone)
    return problemAnswer(call, "client_closed_request", "The client is gone.");
  if (failure instanceof OperatingError) return problemAnswer(call, failure.code, failure.message);
  if (failure instanceof HTTPException && failure.status < 500) {
    const code: ProblemCode = failure.status === 413 ? "body_too_large" : "validation_failed";
    return problemAnswer(call, code, failure.message);
  }
  log.error({ err: failure, request_id: call.requestId }, "request failed");
  return problemAnswer(call, "internal_error", `Please report this with the request id ${call.requestId}.`);
}

function isChange(method: string): boolean {
  return method !== "GET" && method !== "HEAD";
}

/** Whether it is somebody with an API key. @throws Problem 403 */
function identify(c: Context, call: Call, access: Access, authenticate: Authenticate): boolean {
  call.token = bearerToken(headerOf(c, "authorization"));
  call.principal = authenticate(call.token, incomingOf(c)?.socket);
  if (call.principal === undefined) return false;
  call.partner = admit(call.principal, access, call.method);
  return true;
}

/** Who has no key is unknown, or a wallet user. @throws Problem 401, 403 */
function refuseKeyless({ token }: Call, access: Access, isWalletUser: boolean): void {
  if (!isWalletUser) {
    const detail = token === "" ? "Send Authorization: Bearer <key>." : "Unknown key.";
    throw new Problem("unauthenticated", detail);
  }
  if (access !== "anybody") throw new Problem("forbidden", "A wallet user may not do that.");
}

/** A check that passes for ever once it has passed: a shard that restarts later answers for itself. */
function createReadyGate(unready: () => readonly string[]): () => void {
  let wasReady = false;
  return () => {
    if (wasReady) return;
    const [reason] = unready();
    if (reason !== undefined) throw new Problem("log_unavailable", publicReason(reason));
    wasReady = true;
  };
}

/** One of which it is not known yet who calls. */
function newCall(
  connection: Connection | undefined,
  requestId: string,
  method: string,
  route: string,
  group: string,
  startedMs: number,
): Call {
  return {
    connection,
    requestId,
    method,
    route,
    group,
    startedMs,
    key: null,
    token: "",
    principal: undefined,
    partner: "",
  };
}

export function createEndpoints(deps: EndpointDeps): Endpoints {
  const { authenticate, isWalletUser, clock, log, lines, metrics, origins } = deps;
  const refuseUnready = createReadyGate(deps.unready);
  const running = new Set<Running>();
  let requests = 0;

  function beginCall(method: string, route: string, group: string, connection?: Connection): Call {
    requests += 1;
    const requestId = `${deps.idPrefix}-${requests.toString(36)}`;
    return newCall(connection, requestId, method, route, group, clock.elapsedMs());
  }

  function finish(run: Running, response: Response): void {
    if (!running.delete(run)) return; // the deadline has answered
    note(run.call, response.status);
    if (origins.size > 0) addCorsHeaders(response.headers, run.origin);
    run.settle(response);
  }

  function note(call: Call, status: number): void {
    const durationMs = clock.elapsedMs() - call.startedMs;
    metrics.observe(call.group, status, durationMs);
    if (lines !== undefined) lines.write(requestLine(call, status, durationMs, clock.nowMs()));
  }

  function wrap<Q>(
    { access, path, group, readQuery, servesUnready }: Route<Q>,
    handler: Handler<Q>,
  ): Endpoint {
    const run = async (c: Context, call: Call): Promise<Response> => {
      refuseRepeated(c);
      if (servesUnready !== true) refuseUnready();
      if (access !== "open" && !identify(c, call, access, authenticate))
        refuseKeyless(call, access, await isWalletUser(c));
      call.key = isChange(call.method) ? idempotencyKey(c) : null;
      return handler(c, call, readQuery(c));
    };
    return (c) =>
      new Promise((resolve) => {
        const call = beginCall(c.req.method, path, group, incomingOf(c)?.socket);
        const entry: Running = { call, origin: allowedOrigin(c, origins), settle: resolve };
        running.add(entry);
        run(c, call).then(
          (response) => finish(entry, response),
          (failure: unknown) => finish(entry, failureAnswer(call, failure, log)),
        );
      });
  }

  function sweep(): void {
    const nowMs = clock.elapsedMs();
    for (const entry of running) {
      if (nowMs - entry.call.startedMs < REQUEST_MS_MAX) break; // in order of arrival
      finish(entry, problemAnswer(entry.call, "outcome_unknown", TOO_LATE));
    }
  }

  const refuse: Refuse = (code, detail, headers) => {
    const call = beginCall("-", "-", "unreadable");
    const parts = problemParts(call, code, detail, headers);
    note(call, parts.status);
    return parts;
  };

  return { wrap, refuse, sweep, inFlight: () => running.size };
}
