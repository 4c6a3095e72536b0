/** The one error of the client's calls. */
import type { components } from "./openapi.ts";

/** As RFC 9457 describes it. A code may have members of its own, for example `oldest` of `events_expired`. */
export type Problem = components["schemas"]["Problem"];

/**
 * A code of the API, or: `no_answer`, the connection failed or nothing came in time; `unreadable_answer`, something else
 * than a Daybook server answered, for example a proxy.
 */
export type ErrorCode = Problem["code"] | "no_answer" | "unreadable_answer";

type Details = Readonly<{
  code: ErrorCode;
  detail: string;
  /** 0 without an answer. */
  status: number;
  retryable: boolean;
  problem?: Problem | undefined;
  requestId?: string | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}>;

export class DaybookError extends Error {
  override readonly name = "DaybookError";
  readonly code: ErrorCode;
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;
  readonly detail: string;
  /** Whether the same request, with the same key, may succeed later. */
  readonly retryable: boolean;
  /** What is wrong with each field, if `code` is `validation_failed`. */
  readonly errors: NonNullable<Problem["errors"]>;
  /** The whole document; undefined if the answer had none. */
  readonly problem: Problem | undefined;
  /** Identifies the request in the server's log. */
  readonly requestId: string | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;
  /** The key of the request. Repeat the request with it to learn, or to get, its one outcome. */
  idempotencyKey: string | undefined;
  /** How often the request was sent. */
  tries = 1;

  constructor({ code, detail, status, retryable, problem, requestId, retryAfterMs, cause }: Details) {
    super(`${code}: ${detail}`, { cause });
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.retryable = retryable;
    this.errors = problem?.errors ?? [];
    this.problem = problem;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What proxies answer while the server is away or busy. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** The error that an answer without success stands for. Reads its body. */
export async function errorOf(response: Response): Promise<DaybookError> {
  const { status, headers } = response;
  const common = {
    status,
    requestId: headers.get("request-id") ?? undefined,
    retryAfterMs: retryAfterMsOf(headers.get("retry-after")),
  };
  const problem = problemIn(await response.text());
  if (problem !== undefined) {
    const { code, detail, retryable } = problem;
    return new DaybookError({ ...common, code, detail, retryable, problem });
  }
  const detail = `the answer with status ${status} is no problem document`;
  return new DaybookError({ ...common, code: "unreadable_answer", detail, retryable: PASSING.has(status) });
}

/** @param cause why there was no answer, or not all of it. */
export function noAnswer(cause: unknown): DaybookError {
  // `fetch` of Node.js has the reason in its cause.
  const reason = cause instanceof TypeError && cause.cause instanceof Error ? cause.cause : cause;
  const detail = reason instanceof Error && reason.message !== "" ? reason.message : String(reason);
  return new DaybookError({ code: "no_answer", detail, status: 0, retryable: true, cause });
}

function problemIn(text: string): Problem | undefined {
  try {
    const problem = JSON.parse(text) as Problem | null;
    return typeof problem?.code === "string" && typeof problem.retryable === "boolean" ? problem : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function retryAfterMsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
