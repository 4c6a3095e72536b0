/**
 * What every route does: request id, readiness, key, role, deadline, errors, log line, metrics. One wrapper around
 * the handler instead of a chain of middleware, which would cost a promise and a closure for each layer.
 */
import type { ServerResponse } from "node:http";
import { Slots } from "../bounds/slots.ts";
import { EventsExpired, InvalidTime, OperatingError } from "../errors/operating-error.ts";
import { CallerGone } from "../gateway/caller.ts";
import type { RequestTrace, Tracing } from "../tracing/tracing.ts";
import { type Access, type Authenticate, admit, bearerToken } from "./auth.ts";
import { type Call, type Connection, type HttpAnswer, problemAnswer } from "./call.ts";
import type { Clock } from "./clock.ts";
import { idempotencyKey } from "./idempotency.ts";
import { type LineSink, type Log, requestLine } from "./log/request-log.ts";
import type { RequestMetrics } from "./log/request-metrics.ts";
import { invalid, isBadCursor, PROBLEMS, Problem, type ProblemCode, publicReason } from "./problem.ts";
import { type HttpRequest, refuseRepeated } from "./request.ts";
import { addCorsHeaders, allowedOrigin, type Origins } from "./server/cors.ts";
import { send } from "./server/send.ts";
import type { Refuse } from "./server/unreadable.ts";

/** `query`: the query parameters, parsed by the route's schema. Unknown parameters have been refused. */
export type Handler<Q = unknown> = (
  request: HttpRequest,
  call: Call,
  query: Q,
) => Promise<HttpAnswer> | HttpAnswer;
/** A route as the router calls it. It answers the request, possibly later. */
export type Endpoint = (request: HttpRequest) => void;

export const REQUEST_MS_MAX = 10_000;
const TOO_LATE = `No answer within ${REQUEST_MS_MAX / 1000} s.`;

export type EndpointDeps = Readonly<{
  authenticate: Authenticate;
  /** What kind of user a caller without an API key is; `undefined` if nobody is logged in. */
  userKind: (request: HttpRequest) => Promise<string | undefined>;
  /** Reasons why the ledger cannot serve yet. Called until it is empty for the first time. */
  unready: () => readonly string[];
  clock: Clock;
  log: Log;
  lines: LineSink | undefined;
  metrics: RequestMetrics;
  /** Prefix of all request ids of this process. */
  idPrefix: string;
  /** Origins of web pages that may call the API. */
  origins: Origins;
  /** Absent: requests are not traced. */
  tracing: Tracing | undefined;
  /** Shows a problem as a page, for routes of pages. */
  problemPage?: (call: Call, problem: HttpAnswer<string>) => HttpAnswer<string>;
}>;

type Running = {
  /** Its slot number in `running`. */
  readonly slot: number;
  readonly call: Call;
  /** Origin of the calling web page, if it is allowed. */
  readonly origin: string | undefined;
  readonly outgoing: ServerResponse;
  readonly trace: RequestTrace | undefined;
  /** Its problems are shown as pages. */
  readonly isPage: boolean;
};

/** The part of a route that the wrapper needs. `readQuery` throws Problem 400 for an unknown parameter. */
export type Route<Q> = Readonly<{
  access: Access;
  /** As in the OpenAPI document. */
  path: string;
  group: string;
  readQuery: (request: HttpRequest) => Q;
  servesUnready?: boolean | undefined;
  isPage?: boolean | undefined;
}>;

export type Endpoints = Readonly<{
  wrap<Q>(route: Route<Q>, handler: Handler<Q>): Endpoint;
  /** Builds the answer to a request that could not be parsed, and logs it. */
  refuse: Refuse;
  /** Answers `outcome_unknown` to requests that exceed their deadline. Call it a few times a second. */
  sweep(): void;
  inFlight(): number;
}>;

/** Counts a refusal for a bound or for lack of resources, not one for the request's own faults. */
function countRefusal(failure: unknown, metrics: RequestMetrics): void {
  if (failure instanceof OperatingError) metrics.refused(failure.bound ?? failure.code);
  else if (failure instanceof Problem) {
    const { code } = failure;
    const { status } = PROBLEMS[code];
    if (status === 503 || status === 429 || code === "quota_exceeded") metrics.refused(code);
  }
}

/** Turns an exception into a problem. An unexpected one becomes `internal_error` and is logged with its stack. */
function failureAnswer(
  call: Call,
  failure: unknown,
  { log, metrics }: Pick<EndpointDeps, "log" | "metrics">,
): HttpAnswer {
  countRefusal(failure, metrics);
  if (failure instanceof Problem) {
    const more = failure.errors === undefined ? undefined : { errors: failure.errors };
    return problemAnswer(call, failure.code, failure.message, failure.headers, more);
  }
  if (isBadCursor(failure)) {
    const errors = [{ path: "cursor", message: "must be the next_cursor of the previous page" }];
    return problemAnswer(
      call,
      "validation_failed",
      "cursor: must be the next_cursor of the previous page",
      {},
      { errors },
    );
  }
  if (failure instanceof EventsExpired) {
    const detail = "Continue after the event `oldest`, or without `after`.";
    return problemAnswer(call, "events_expired", detail, {}, { oldest: failure.oldest ?? null });
  }
  if (failure instanceof InvalidTime)
    return failureAnswer(call, invalid(failure.path, failure.message), { log, metrics });
  if (failure instanceof CallerGone)
    return problemAnswer(call, "client_closed_request", "The client has closed the connection.");
  if (failure instanceof OperatingError) return problemAnswer(call, failure.code, failure.message);
  log.error({ err: failure, request_id: call.requestId }, "request failed");
  return problemAnswer(call, "internal_error", `Please report this with the request id ${call.requestId}.`);
}

function isChange(method: string): boolean {
  return method !== "GET" && method !== "HEAD";
}

/** Whether the request has a valid API key. @throws Problem 403 */
function identify(request: HttpRequest, call: Call, access: Access, authenticate: Authenticate): boolean {
  call.token = bearerToken(request.header("authorization"));
  call.principal = authenticate(call.token, request.incoming.socket);
  if (call.principal === undefined) return false;
  call.partner = admit(call.principal, access, call.method);
  if (call.principal.partner !== undefined) call.owner = call.principal.scope ?? "";
  return true;
}

/** Refuses a caller without an API key, except a logged-in user where that is allowed. @throws Problem 401, 403 */
function refuseKeyless({ token }: Call, access: Access, userKind: string | undefined): void {
  if (userKind === undefined) {
    const detail = token === "" ? "Send Authorization: Bearer <key>." : "The key is unknown.";
    throw new Problem("unauthenticated", detail);
  }
  if (access !== "anybody") throw new Problem("forbidden", `A ${userKind} may not use this endpoint.`);
}

/** A check that always passes after it has passed once: a shard that restarts later refuses requests itself. */
function createReadyGate(unready: () => readonly string[]): () => void {
  let wasReady = false;
  return () => {
    if (wasReady) return;
    const [reason] = unready();
    if (reason !== undefined) throw new Problem("log_unavailable", publicReason(reason));
    wasReady = true;
  };
}

/** A call before authentication. */
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
    owner: "",
  };
}

/** Authenticates and handles a request. It throws, or rejects with, the error to answer instead. */
function createAnswerTo<Q>(
  { access, readQuery, servesUnready }: Route<Q>,
  handler: Handler<Q>,
  { authenticate, userKind }: EndpointDeps,
  refuseUnready: () => void,
): (request: HttpRequest, call: Call) => Promise<HttpAnswer> | HttpAnswer {
  const answerTo = (request: HttpRequest, call: Call) => {
    call.key = isChange(call.method) ? idempotencyKey(request) : null;
    return handler(request, call, readQuery(request));
  };
  return (request, call) => {
    refuseRepeated(request);
    if (servesUnready !== true) refuseUnready();
    if (access === "open" || identify(request, call, access, authenticate)) return answerTo(request, call);
    return userKind(request).then((kind) => {
      refuseKeyless(call, access, kind);
      return answerTo(request, call);
    });
  };
}

function beginTrace({ incoming, method }: HttpRequest, route: string, tracing: Tracing) {
  const { headers, httpVersion } = incoming;
  return tracing.beginRequest({ method, route, httpVersion, headers });
}

function isProblem(answer: HttpAnswer): answer is HttpAnswer<string> {
  return answer.headers["Content-Type"] === "application/problem+json" && typeof answer.body === "string";
}

/** The code of a problem, for the span of its request; `undefined` if the answer is none. */
function problemCodeOf(answer: HttpAnswer): string | undefined {
  return isProblem(answer) ? (JSON.parse(answer.body) as Readonly<{ code: ProblemCode }>).code : undefined;
}

function write(outgoing: ServerResponse, answer: HttpAnswer, { requestId }: Call, log: Log): void {
  const failed = (failure: unknown): void => {
    log.error({ err: failure, request_id: requestId }, "an answer could not be written");
    outgoing.destroy();
  };
  try {
    send(outgoing, answer, failed);
  } catch (failure) {
    failed(failure);
  }
}

/** Counts and logs answers. */
function createRecorder({ clock, lines, metrics }: EndpointDeps) {
  return (call: Call, status: number, traceId?: string): void => {
    const durationMs = clock.elapsedMs() - call.startedMs;
    metrics.observe(call, status, durationMs);
    if (lines !== undefined) lines.write(requestLine(call, status, durationMs, clock.nowMs(), traceId));
  };
}

export function createEndpoints(deps: EndpointDeps): Endpoints {
  const { clock, log, metrics, origins, tracing } = deps;
  const record = createRecorder(deps);
  const refuseUnready = createReadyGate(deps.unready);
  const running = new Slots<Running>();
  let requests = 0;

  function beginCall(method: string, route: string, group: string, connection?: Connection): Call {
    requests += 1;
    const requestId = `${deps.idPrefix}-${requests.toString(36)}`;
    return newCall(connection, requestId, method, route, group, clock.elapsedMs());
  }

  function finish(run: Running, answer: HttpAnswer): void {
    if (!running.remove(run.slot)) return; // already answered by the deadline
    const { call, origin, outgoing, trace } = run;
    record(call, answer.status, trace?.traceId);
    if (trace !== undefined) trace.end({ status: answer.status, errorType: problemCodeOf(answer) });
    if (origins.size > 0) addCorsHeaders(answer.headers, origin);
    const shown = run.isPage && isProblem(answer) ? (deps.problemPage?.(call, answer) ?? answer) : answer;
    write(outgoing, shown, call, log);
  }

  function wrap<Q>(route: Route<Q>, handler: Handler<Q>): Endpoint {
    const { path, group, isPage = false } = route;
    const answerTo = createAnswerTo(route, handler, deps, refuseUnready);
    return (request) => {
      const { outgoing } = request;
      const call = beginCall(request.method, path, group, request.incoming.socket);
      const trace = tracing === undefined ? undefined : beginTrace(request, path, tracing);
      const origin = allowedOrigin(request, origins);
      const entry: Running = { slot: running.next, call, origin, outgoing, trace, isPage };
      running.add(entry);
      const fail = (failure: unknown): void => finish(entry, failureAnswer(call, failure, deps));
      try {
        const answer = trace ? trace.run(answerTo, request, call) : answerTo(request, call);
        if (answer instanceof Promise) answer.then((found) => finish(entry, found), fail);
        else finish(entry, answer);
      } catch (failure) {
        fail(failure);
      }
    };
  }

  function sweep(): void {
    const overdueMs = clock.elapsedMs() - REQUEST_MS_MAX;
    for (const run of running.values())
      if (run.call.startedMs <= overdueMs) finish(run, problemAnswer(run.call, "outcome_unknown", TOO_LATE));
  }

  const refuse: Refuse = (code, detail, headers) => {
    const call = beginCall("-", "-", "unreadable");
    if (code === "overloaded") metrics.refused("connections");
    const answer = problemAnswer(call, code, detail, headers);
    record(call, answer.status);
    return answer;
  };
  return { wrap, refuse, sweep, inFlight: () => running.size };
}
