/** Which pages of other origins may call the API (`CORS_ORIGINS`): with a key of their own, never with a cookie. */
import type { Context } from "hono";
import { headerOf } from "./request-header.ts";

const ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, Accept, Last-Event-ID";
const EXPOSED_HEADERS =
  "Request-Id, Daybook-Position, Idempotency-Replayed, Link, Allow, Retry-After, " +
  "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Content-Disposition";
const PREFLIGHT_S = "600";

/** None: no page of another origin may, and answers do not mention it. */
export type Origins = ReadonlySet<string>;

/** The origin of the page that calls, if it may. */
export function allowedOrigin(c: Context, origins: Origins): string | undefined {
  if (origins.size === 0) return undefined;
  const origin = headerOf(c, "origin");
  return origin !== undefined && origins.has(origin) ? origin : undefined;
}

/** Tells the browser that the page may see the answer, and caches that another page may not. */
export function addCorsHeaders(headers: Headers, origin: string | undefined): void {
  headers.append("Vary", "Origin");
  if (origin === undefined) return;
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", EXPOSED_HEADERS);
}

/** What answers a browser that asks, before it sends the request itself, whether it may; `undefined`: no such question. */
export function preflightHeaders(
  c: Context,
  methods: readonly string[],
  origins: Origins,
): Record<string, string> | undefined {
  const isAsked = c.req.method === "OPTIONS" && headerOf(c, "access-control-request-method") !== undefined;
  if (!isAsked || methods.length === 0 || allowedOrigin(c, origins) === undefined) return undefined;
  return {
    "Access-Control-Allow-Methods": methods.join(", "),
    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
    "Access-Control-Max-Age": PREFLIGHT_S,
  };
}
