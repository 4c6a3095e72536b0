/** The cookie that holds a session of the pages. */
import { createCookie, type SessionCookie } from "../../cookie.ts";
import { SESSION_MS_MAX } from "./page-sessions.ts";

/** @param publicUrl the URL at which clients reach the server; `undefined` if it is not configured. */
export function createPageCookie(publicUrl: string | undefined): SessionCookie {
  return createCookie({ name: "daybook_page", lifetimeMs: SESSION_MS_MAX, sameSite: "Strict", publicUrl });
}
