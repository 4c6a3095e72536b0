/**
 * The cookie that keeps a session in a browser. Its name is decided by `PUBLIC_URL` and never by a request: with https it
 * begins with `__Host-`, which a browser takes from this very host alone, over TLS, for every path; so neither another
 * host of the same domain nor somebody on the way can plant a session.
 */
import type { HttpAnswer } from "../../call.ts";
import type { HttpRequest } from "../../request.ts";

export type SessionCookie = Readonly<{
  name: string;
  /** The value that a request carries; empty where there is none, or more than one. */
  read(request: HttpRequest): string;
  /** Adds the cookie to an answer. Nobody on the way may keep the answer, which shows the token. */
  set(request: HttpRequest, response: HttpAnswer, token: string): HttpAnswer;
  /** Takes it away. */
  clear(request: HttpRequest, response: HttpAnswer): HttpAnswer;
}>;

const NAME = "daybook_session";
const MAX_AGE_S = 30 * 24 * 60 * 60;
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** @param publicUrl where clients reach the server; `undefined` where nobody has said so. */
export function createSessionCookie(publicUrl: string | undefined): SessionCookie {
  const name = isHttps(publicUrl) ? `__Host-${NAME}` : NAME;
  const append = (request: HttpRequest, response: HttpAnswer, value: string, maxAgeS: number) => {
    const secure = isSecure(request, publicUrl) ? "; Secure" : "";
    const cookie = `${name}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure}`;
    response.headers["Set-Cookie"] = cookie;
    return response;
  };
  return {
    name,
    read: (request) => onlyValue(request.header("cookie") ?? "", name),
    set(request, response, token) {
      response.headers["Cache-Control"] = "no-store";
      return append(request, response, token, MAX_AGE_S);
    },
    clear: (request, response) => append(request, response, "", 0),
  };
}

function isHttps(url: string | undefined): boolean {
  return url !== undefined && /^https:/i.test(url);
}

/**
 * A browser drops a `Secure` cookie that comes over plain HTTP, on most hosts: nobody could stay logged in. Where nobody has
 * said how clients come, only the machine itself is taken for plain HTTP.
 */
function isSecure(request: HttpRequest, publicUrl: string | undefined): boolean {
  if (publicUrl !== undefined) return isHttps(publicUrl);
  return !LOOPBACK.test(request.header("host") ?? "");
}

/** Of two cookies of one name one was planted, and nothing says which. */
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
