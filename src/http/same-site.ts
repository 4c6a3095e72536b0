/** Whether a request that a browser sends comes from Daybook's own pages. Prevents CSRF. */
import type { HttpRequest } from "./request.ts";

/**
 * `same`: from this origin, or typed by the user. `other`: from another site. `unknown`: neither header was sent, which no
 * current browser does for a change.
 */
export function siteOf(request: HttpRequest): "same" | "other" | "unknown" {
  const site = request.header("sec-fetch-site");
  // `none`: the user navigated directly.
  if (site !== undefined) return site === "same-origin" || site === "none" ? "same" : "other";
  const origin = request.header("origin");
  if (origin === undefined) return "unknown";
  return URL.canParse(origin) && new URL(origin).host === request.header("host") ? "same" : "other";
}
