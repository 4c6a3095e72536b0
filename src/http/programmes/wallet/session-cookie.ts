/** The cookie of a wallet user's session in a browser. */
import { SESSION_MS_MAX } from "../../../actors/programmes/wallet/acts.ts";
import { createCookie, type SessionCookie } from "../../cookie.ts";

/** @param publicUrl the URL at which clients reach the server; `undefined` if it is not configured. */
export function createSessionCookie(publicUrl: string | undefined): SessionCookie {
  return createCookie({ name: "daybook_session", lifetimeMs: SESSION_MS_MAX, sameSite: "Lax", publicUrl });
}
