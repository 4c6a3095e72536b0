/**
 * A cookie that holds a session. `PUBLIC_URL` decides its name, never a request: with https the name starts with
 * `__Host-`. Browsers accept such a cookie only from this host and over TLS, so neither a sibling host nor an attacker on
 * the network can plant a session. (Not `hono/cookie`: it takes a Hono context, which our handlers do not have, and it
 * keeps the first of two cookies with one name.)
 */
import type { HttpAnswer } from "./call.ts";
import type { HttpRequest } from "./request.ts";

export type SessionCookie = Readonly<{
  name: string;
  /** The value in a request; empty if there is none, or more than one. */
  read(request: HttpRequest): string;
  /** Adds the cookie to an answer, and forbids caches to store the answer. */
  set(request: HttpRequest, response: HttpAnswer, token: string): HttpAnswer;
  /** Makes the browser delete the cookie. */
  clear(request: HttpRequest, response: HttpAnswer): HttpAnswer;
}>;

export type CookieOptions = Readonly<{
  name: string;
  lifetimeMs: number;
  /** `Strict`: not even links from other sites send it. */
  sameSite: "Lax" | "Strict";
  /** URL at which clients reach the server; `undefined` if it is not configured. */
  publicUrl: string | undefined;
}>;

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

export function createCookie({
  name: plainName,
  lifetimeMs,
  sameSite,
  publicUrl,
}: CookieOptions): SessionCookie {
  const name = isHttps(publicUrl) ? `__Host-${plainName}` : plainName;
  const append = (request: HttpRequest, response: HttpAnswer, value: string, maxAgeS: number) => {
    const secure = isSecure(request, publicUrl) ? "; Secure" : "";
    const cookie = `${name}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=${sameSite}${secure}`;
    response.headers["Set-Cookie"] = cookie;
    return response;
  };
  return {
    name,
    read: (request) => onlyValue(request.header("cookie") ?? "", name),
    set(request, response, token) {
      response.headers["Cache-Control"] = "no-store";
      return append(request, response, token, lifetimeMs / 1000);
    },
    clear: (request, response) => append(request, response, "", 0),
  };
}

function isHttps(url: string | undefined): boolean {
  return url !== undefined && /^https:/i.test(url);
}

/**
 * Most browsers drop a `Secure` cookie that is sent over plain HTTP. Without a configured URL, only loopback hosts are
 * assumed to use plain HTTP.
 */
function isSecure(request: HttpRequest, publicUrl: string | undefined): boolean {
  if (publicUrl !== undefined) return isHttps(publicUrl);
  return !LOOPBACK.test(request.header("host") ?? "");
}

/** Rejects duplicates: one of two cookies with the same name was planted, and nothing tells which. */
function onlyValue(header: string, name: string): string {
  let found: string | undefined;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    if (found !== undefined) return "";
    found = pair.slice(equals + 1).trim();
  }
  return found ?? "";
}
