/** The page at `/`: names the server and links to its other pages. */
import { hash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { VERSION } from "../../version.ts";
import { answer, type Call } from "../call.ts";
import type { HttpRequest } from "../request.ts";
import type { Routes } from "../routes.ts";
import { redirect } from "./base/layout.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}" +
  "dt{font-weight:bold}dd{margin:0 0 1em}";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Daybook</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<h1>Daybook</h1>
<p>A ledger server, version ${VERSION}. Its API begins at <code>/v1</code> and needs a key.</p>
<dl>
<dt><a href="/docs">/docs</a></dt>
<dd>Every operation of the API, to read and to try. <a href="/openapi.json">/openapi.json</a> is the same for programs.</dd>
<dt><a href="/console">/console</a></dt>
<dd>The console of the operator: the state of the server, accounts, transfers, partners.</dd>
<dt><a href="/app">/app</a></dt>
<dd>The pages of a business: members, offers, segments, sellers, webhooks, statistics.</dd>
<dt><a href="/login">/login</a>, <a href="/signup">/signup</a></dt>
<dd>Wallets of people: balance, payments, statement.</dd>
<dt><a href="/healthz">/healthz</a></dt>
<dd>Whether the process is alive.</dd>
<dt><a href="/readyz">/readyz</a></dt>
<dd>Whether it is ready to serve, and if not, why.</dd>
<dt><a href="/metrics">/metrics</a></dt>
<dd>Metrics for Prometheus.</dd>
<dt>README.md</dt>
<dd>In the program's folder: a tour with curl, all settings, the command line.</dd>
</dl>
</body>
</html>
`;

const POLICY =
  `default-src 'none'; style-src 'sha256-${hash("sha256", STYLE, "base64")}'; img-src data:; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** @param homeOf the first page of who is logged in; `undefined`: nobody is. */
export function addHome(
  routes: Routes,
  homeOf: (request: HttpRequest, call: Call) => Promise<string | undefined>,
): void {
  routes.add(
    {
      method: "get",
      access: "open",
      group: "docs",
      operationId: "getHome",
      servesUnready: true,
      path: "/",
      summary: "Start page with links",
      answer: { status: 200, description: "A page.", content: { "text/html": z.string() } },
    },
    async (request, call) => {
      const home = await homeOf(request, call);
      if (home !== undefined) return redirect(call, home);
      return answer(call, 200, PAGE, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
      });
    },
  );
}
