/** One request on its way, and how it is answered. Every answer is built here, so that none lacks its `Request-Id`. */
import type { Caller } from "../gateway/caller.ts";
import type { Principal } from "../gateway/ports.ts";
import { PROBLEMS, type ProblemCode, problemBody, problemHeaders } from "./problem.ts";

export type Call = {
  readonly requestId: string;
  readonly method: string;
  /** As the document writes it, with the names of its parameters: `/v1/accounts/{id}`. */
  readonly route: string;
  readonly group: string;
  /** On the monotonic clock. */
  readonly startedMs: number;
  /** The `Idempotency-Key` of a request that changes something; `null` without one. */
  key: string | null;
  /** The bearer token; kept because a retried secret is derived from it. Never logged. */
  token: string;
  principal: Principal | undefined;
  /** The partner whose data the call is about; empty for the operator. */
  partner: string;
  /** What it came over; absent where there is no socket. */
  readonly connection: Connection | undefined;
};

/** Of a connection: whether it is closed, and whether its client has said that it sends nothing more. */
export type Connection = Readonly<{ destroyed: boolean; readableEnded: boolean }>;

/**
 * A client that closes says that it sends nothing more, and nothing else. Some say so and wait for their answer; they get it
 * when it comes as soon.
 */
const HALF_CLOSED_MS_MAX = 1_000;

/** Whether nobody waits for the answer any more. */
export function isGone({ connection, startedMs }: Call): boolean {
  if (connection === undefined) return false;
  return (
    connection.destroyed || (connection.readableEnded && performance.now() - startedMs > HALF_CLOSED_MS_MAX)
  );
}

/** The caller of what may take long. */
export function callerOf(call: Call): Caller {
  return { isGone: () => isGone(call) };
}

/** Answers have their headers to themselves: whoever hands one on may add to them. */
export type HttpAnswer<
  Body extends string | Uint8Array | AsyncIterable<string> | null =
    | string
    | Uint8Array
    | AsyncIterable<string>
    | null,
> = Readonly<{ status: number; headers: Record<string, string>; body: Body }>;

const NONE: Readonly<Record<string, string>> = {};

/** @param headers are completed, and the answer's own from here on. */
export function answer(
  call: Call,
  status: number,
  body: HttpAnswer["body"],
  headers: Record<string, string>,
): HttpAnswer {
  return { status, headers: complete(call, headers), body };
}

/** Adds what every answer has. Nobody on the way keeps one that does not say so itself. */
function complete(call: Call, headers: Record<string, string>): Record<string, string> {
  headers["Request-Id"] = call.requestId;
  headers["X-Content-Type-Options"] = "nosniff";
  headers["Cache-Control"] ??= "no-store";
  return headers;
}

/** @param more headers. */
export function jsonAnswer(
  call: Call,
  status: number,
  body: string,
  more: Readonly<Record<string, string>> = NONE,
): HttpAnswer {
  const headers = { "Content-Type": "application/json" };
  return answer(call, status, body, more === NONE ? headers : { ...headers, ...more });
}

/** The answer to a write: where it stands in the log, and whether it was done before. */
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
