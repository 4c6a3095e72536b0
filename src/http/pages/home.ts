/** The page at `/`: names the server and links to its other pages. */
import { hash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import { VERSION } from "../../version.ts";
import { answer } from "../call.ts";
import type { Routes } from "../routes.ts";

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

export function addHome(routes: Routes): void {
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
    (_, call) =>
      answer(call, 200, PAGE, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
      }),
  );
}
