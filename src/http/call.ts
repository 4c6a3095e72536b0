/** One request on its way, and how it is answered. Every answer is built here, so that none lacks its `Request-Id`. */
import type { Principal } from "./ports.ts";
import { PROBLEMS, type ProblemCode, problemBody, problemHeaders } from "./problem.ts";

export type Call = {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
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
};

/**
 * `headers` is a plain object on purpose: the adapter writes it as it is, where a `Headers` object would have to
 * be built, sorted and taken apart again (some microseconds).
 */
export function answer(
  call: Call,
  status: number,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null,
  headers: Record<string, string>,
): Response {
  headers["Request-Id"] = call.requestId;
  return new Response(body, { status, headers });
}

export function jsonAnswer(call: Call, status: number, body: string): Response {
  return answer(call, status, body, { "Content-Type": "application/json" });
}

/** The answer to a write: where it stands in the log, and whether it was done before. */
export function writeAnswer(
  call: Call,
  status: number,
  body: string | null,
  done: Readonly<{ position: string; replayed: boolean }>,
): Response {
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
): Response {
  return answer(call, PROBLEMS[code].status, problemBody(code, detail, more), {
    "Content-Type": "application/problem+json",
    ...problemHeaders(code),
    ...headers,
  });
}
