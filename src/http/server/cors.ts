/** Which pages of other origins may call the API (`CORS_ORIGINS`): with a key of their own, never with a cookie. */
import type { HttpRequest } from "../request.ts";

const ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, Accept, Last-Event-ID";
const EXPOSED_HEADERS =
  "Request-Id, Daybook-Position, Idempotency-Replayed, Link, Allow, Retry-After, " +
  "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Content-Disposition";
const PREFLIGHT_S = "600";

/** None: no page of another origin may, and answers do not mention it. */
export type Origins = ReadonlySet<string>;

/** The origin of the page that calls, if it may. */
export function allowedOrigin(request: HttpRequest, origins: Origins): string | undefined {
  if (origins.size === 0) return undefined;
  const origin = request.header("origin");
  return origin !== undefined && origins.has(origin) ? origin : undefined;
}

/** Tells the browser that the page may see the answer, and caches that another page may not. */
export function addCorsHeaders(headers: Record<string, string>, origin: string | undefined): void {
  const { Vary } = headers;
  headers["Vary"] = Vary === undefined ? "Origin" : `${Vary}, Origin`;
  if (origin === undefined) return;
  headers["Access-Control-Allow-Origin"] = origin;
  headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS;
}

/** What answers a browser that asks, before it sends the request itself, whether it may; `undefined`: no such question. */
export function preflightHeaders(
  request: HttpRequest,
  methods: readonly string[],
  origins: Origins,
): Record<string, string> | undefined {
  const isAsked =
    request.method === "OPTIONS" && request.header("access-control-request-method") !== undefined;
  if (!isAsked || methods.length === 0 || allowedOrigin(request, origins) === undefined) return undefined;
  return {
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
    "Access-Control-Max-Age": PREFLIGHT_S,
  };
}
