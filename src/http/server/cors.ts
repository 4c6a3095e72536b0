/** CORS (`CORS_ORIGINS`): which web pages of other origins may call the API. They send a key, never a cookie. */
import type { HttpRequest } from "../request.ts";

const ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, Accept, Last-Event-ID";
const EXPOSED_HEADERS =
  "Request-Id, Daybook-Position, Idempotency-Replayed, Link, Allow, Retry-After, " +
  "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Content-Disposition";
const PREFLIGHT_S = "600";

/** Empty: no page of another origin may call, and answers have no CORS headers. */
export type Origins = ReadonlySet<string>;

/** The origin of the calling page, if it is allowed. */
export function allowedOrigin(request: HttpRequest, origins: Origins): string | undefined {
  if (origins.size === 0) return undefined;
  const origin = request.header("origin");
  return origin !== undefined && origins.has(origin) ? origin : undefined;
}

/** Lets the page read the answer, and makes caches keep answers apart by origin. */
export function addCorsHeaders(headers: Record<string, string>, origin: string | undefined): void {
  const { Vary } = headers;
  headers["Vary"] = Vary === undefined ? "Origin" : `${Vary}, Origin`;
  if (origin === undefined) return;
  headers["Access-Control-Allow-Origin"] = origin;
  headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS;
}

/** The headers that answer a CORS preflight; `undefined` if this is none, or its origin is not allowed. */
export function preflightHeaders(
  request: HttpRequest,
  methods: readonly string[],
  origins: Origins,
): Record<string, string> | undefined {
  const isPreflight =
    request.method === "OPTIONS" && request.header("access-control-request-method") !== undefined;
  if (!isPreflight || methods.length === 0 || allowedOrigin(request, origins) === undefined) return undefined;
  return {
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
    "Access-Control-Max-Age": PREFLIGHT_S,
  };
}
