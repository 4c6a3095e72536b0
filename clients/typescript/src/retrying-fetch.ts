/** `fetch` that repeats what failed, where repeating is safe, and throws for every answer without success. */
import { type Backoff, backoffMs, pause } from "./backoff.ts";
import { Connection } from "./connection.ts";
import { DaybookError, type ErrorCode, errorOf, noAnswer } from "./daybook-error.ts";
import { KEY_HEADER } from "./idempotency-keys.ts";

export type Fetch = (request: Request) => Promise<Response>;

export type RetryPolicy = Readonly<{
  /** How often a request is sent at most. 1: no retries. */
  triesMax: number;
  /** How long all tries and the waits between them may take. */
  totalMs: number;
  /** How long one try may take. The server answers each request within 10 s. */
  tryMs: number;
  /** The wait before a try, if the server asks for no longer one. */
  backoff: Backoff;
}>;

export const RETRY_POLICY: RetryPolicy = {
  triesMax: 6,
  totalMs: 60_000,
  tryMs: 15_000,
  backoff: { minMs: 100, maxMs: 5_000 },
};

/** Refused before anything was done: also a write without a key may be repeated. */
const NOT_DONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "overloaded",
  "log_unavailable",
  "rate_limited",
  "quota_exceeded",
  "request_timeout",
]);

/**
 * The function throws DaybookError when an answer is not a success and may not be repeated, or the policy ends; the reason
 * of the request's signal when that is aborted.
 */
export function retryingFetch(send: Fetch, policy: RetryPolicy): Fetch {
  return async (request) => {
    const endMs = performance.now() + policy.totalMs;
    for (let tries = 1; ; tries += 1) {
      const result = await attempt(send, request, Math.min(policy.tryMs, endMs - performance.now()));
      if (!(result instanceof DaybookError)) return result;
      result.tries = tries;
      result.idempotencyKey = request.headers.get(KEY_HEADER) ?? undefined;
      const waitMs = Math.max(backoffMs(policy.backoff, tries), result.retryAfterMs ?? 0);
      const isLast = tries >= policy.triesMax || performance.now() + waitMs >= endMs;
      if (isLast || !mayRepeat(request, result)) throw result;
      await pause(waitMs, request.signal);
    }
  };
}

/** @throws the reason of the request's signal */
async function attempt(send: Fetch, request: Request, tryMs: number): Promise<Response | DaybookError> {
  request.signal.throwIfAborted();
  const connection = new Connection(request.signal);
  const { signal } = connection;
  const work = async () => {
    const response = await send(new Request(request.clone(), { signal, redirect: "error" }));
    return response.ok ? whole(response) : errorOf(response);
  };
  try {
    return await connection.within(tryMs, work());
  } catch (error) {
    request.signal.throwIfAborted();
    return noAnswer(error);
  }
}

/** Reads an answer of JSON, so that a connection that breaks in the middle counts as a failed try. */
async function whole(response: Response): Promise<Response> {
  if (response.headers.get("content-type")?.startsWith("application/json") !== true) return response;
  const { status, statusText, headers } = response;
  return new Response(await response.arrayBuffer(), { status, statusText, headers });
}

function mayRepeat({ method, headers }: Request, { retryable, code }: DaybookError): boolean {
  const isHarmless = method === "GET" || method === "HEAD" || headers.has(KEY_HEADER);
  return retryable && (isHarmless || NOT_DONE.has(code));
}
