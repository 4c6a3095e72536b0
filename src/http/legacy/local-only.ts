/**
 * Keeps requests from other machines, and from web pages of other sites, away from the old addresses, which have no access
 * control. The listener is bound to 127.0.0.1. What could still bring foreign requests is a proxy on this machine, a name
 * that resolves to 127.0.0.1 (DNS rebinding), and a page in a browser on this machine.
 */
import type { HttpRequest } from "../request.ts";

/** Headers that proxies, load balancers and CDNs add. */
const FORWARDING =
  /^(?:forwarded(?:-for)?|via|x-forwarded(?:-.+)?|x-real-ip|x-original-.+|x-client-ip|x-cluster-client-ip|x-remote-(?:ip|addr)|x-envoy-.+|x-amzn-trace-id|true-client-ip|client-ip|cf-.+|fastly-.+|cdn-loop|proxy-.+)$/;
const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

const FORWARDED = "This address does not answer requests that a proxy has forwarded.";
const FOREIGN_HOST =
  "This address answers only to the names localhost, 127.0.0.1 and [::1]: check the Host header.";
const FOREIGN_SITE = "This address does not answer web pages of other sites.";

/** Why the request is refused, in one sentence; `undefined`: it is not. */
export function refusalOfForeign(request: HttpRequest): string | undefined {
  const { headers, url = "" } = request.incoming;
  for (const name in headers) if (FORWARDING.test(name)) return FORWARDED;
  // An absolute target is a request to a proxy.
  if (!url.startsWith("/")) return FORWARDED;
  if (!LOOPBACK_HOST.test(request.header("host") ?? "")) return FOREIGN_HOST;
  return isFromAnotherSite(request) ? FOREIGN_SITE : undefined;
}

/** Old browsers send only `Origin`, and only with requests other than GET; clients that are no browsers send neither. */
function isFromAnotherSite(request: HttpRequest): boolean {
  const site = request.header("sec-fetch-site");
  // `none`: the user navigated directly.
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const origin = request.header("origin");
  return origin !== undefined && URL.parse(origin)?.host !== request.header("host")?.toLowerCase();
}
