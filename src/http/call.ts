/** A request in progress, and the functions that build its answer. They give every answer its `Request-Id`. */
import type { Caller } from "../gateway/caller.ts";
import type { Principal } from "../gateway/ports.ts";
import { PROBLEMS, type ProblemCode, problemBody, problemHeaders } from "./problem.ts";

export type Call = {
  readonly requestId: string;
  readonly method: string;
  /** The route as in the OpenAPI document, with parameter names: `/v1/accounts/{id}`. */
  readonly route: string;
  readonly group: string;
  /** In ms, on the monotonic clock. */
  readonly startedMs: number;
  /** The `Idempotency-Key` of a request that changes something; `null` without one. */
  key: string | null;
  /** The bearer token. A retried secret is derived from it. Never logged. */
  token: string;
  principal: Principal | undefined;
  /** The partner whose data the call is about; empty for the operator. */
  partner: string;
  /** The wallet user or seller, one of several callers who share the partner; empty for the partner as a whole. */
  owner: string;
  /** The fields of a page's form that the server could not act on now. They can be sent again as they are. */
  unsent?: Readonly<Record<string, string>>;
  /** Absent if there is no socket. */
  readonly connection: Connection | undefined;
};

/** `destroyed`: closed. `readableEnded`: the client has ended its side and sends nothing more. */
export type Connection = Readonly<{ destroyed: boolean; readableEnded: boolean }>;

/**
 * A client that closes its connection looks like one that has only ended its sending side and waits. Within this
 * time the latter still gets its answer.
 */
const HALF_CLOSED_MS_MAX = 1_000;

/** Whether the client has gone. */
export function isGone({ connection, startedMs }: Call): boolean {
  if (connection === undefined) return false;
  return (
    connection.destroyed || (connection.readableEnded && performance.now() - startedMs > HALF_CLOSED_MS_MAX)
  );
}

/** The caller to pass to operations that may take long. */
export function callerOf(call: Call): Caller {
  return { isGone: () => isGone(call) };
}

/** The headers belong to this answer alone, so they may be changed until it is sent. */
export type HttpAnswer<
  Body extends string | Uint8Array | AsyncIterable<string> | null =
    | string
    | Uint8Array
    | AsyncIterable<string>
    | null,
> = Readonly<{ status: number; headers: Record<string, string>; body: Body }>;

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** @param headers completed in place; they belong to the answer from now on. */
export function answer(
  call: Call,
  status: number,
  body: HttpAnswer["body"],
  headers: Record<string, string>,
): HttpAnswer {
  return { status, headers: complete(call, headers), body };
}

/** Adds the headers of every answer. Proxies must not cache it unless it says so itself. */
function complete(call: Call, headers: Record<string, string>): Record<string, string> {
  headers["Request-Id"] = call.requestId;
  headers["X-Content-Type-Options"] = "nosniff";
  headers["Cache-Control"] ??= "no-store";
  return headers;
}

/** @param more additional headers. */
export function jsonAnswer(
  call: Call,
  status: number,
  body: string,
  more: Readonly<Record<string, string>> = NO_HEADERS,
): HttpAnswer {
  const headers = { "Content-Type": "application/json" };
  return answer(call, status, body, more === NO_HEADERS ? headers : { ...headers, ...more });
}

/** The answer to a write, with its position in the log and whether it is a replay. */
export function writeAnswer(
  call: Call,
  status: number,
  body: string | null,
  done: Readonly<{ position: string; replayed: boolean }>,
): HttpAnswer {
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "Daybook-Position": done.position,
  };
  if (body === null) delete headers["Content-Type"];
  if (done.replayed) headers["Idempotency-Replayed"] = "true";
  return answer(call, status, body, headers);
}

export function problemAnswer(
  call: Call,
  code: ProblemCode,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
  more?: Readonly<Record<string, unknown>>,
): HttpAnswer<string> {
  const own = { "Content-Type": "application/problem+json", ...problemHeaders(code), ...headers };
  return {
    status: PROBLEMS[code].status,
    headers: complete(call, own),
    body: problemBody(code, detail, more),
  };
}
