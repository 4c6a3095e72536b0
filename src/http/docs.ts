/** The contract as a document and as pages. Everything is served from here: the pages ask no other host for anything. */
import { readFileSync } from "node:fs";
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { answer, jsonAnswer } from "./call.ts";
import { PROBLEMS, Problem, type ProblemCode } from "./problem.ts";
import type { Routes } from "./routes.ts";

const DOCUMENT_HEAD = {
  openapi: "3.1.0",
  info: {
    title: "Daybook",
    version: "1",
    description:
      "A ledger server. Amounts are integers in minor units, times RFC 3339 in UTC with milliseconds. Every POST that " +
      "changes something takes an `Idempotency-Key`. Errors are problem details (RFC 9457).",
  },
};

const JAVASCRIPT = "text/javascript; charset=utf-8";

/** Where they are is looked up when they are asked for: most servers never show the page. */
const ASSETS = {
  "swagger-ui.css": {
    type: "text/css; charset=utf-8",
    address: () => import.meta.resolve("swagger-ui-dist/swagger-ui.css"),
  },
  "swagger-ui-bundle.js": {
    type: JAVASCRIPT,
    address: () => import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"),
  },
} as const;

const SETUP = `window.addEventListener("load", () => {
  SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
});
`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Daybook</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/setup.js"></script>
</body>
</html>
`;

/** The browser is held to it too: nothing but what this server sends. */
const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
};

function problemPage(code: ProblemCode): string {
  const { status, title, retryable } = PROBLEMS[code];
  const again = retryable
    ? "The same request may succeed later; wait as long as Retry-After says."
    : "The same request will be answered the same way until something changes.";
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${code}</title><link rel="icon" href="data:,"></head>
<body><h1>${code}</h1><p>Status ${status}. ${title}</p><p>${again}</p></body>
</html>
`;
}

const open = { method: "get", access: "open", group: "docs" } as const;
const html = { "text/html": z.string() };

export function addDocs(routes: Routes, app: OpenAPIHono): void {
  let document: string | undefined;
  routes.add(
    {
      ...open,
      path: "/openapi.json",
      summary: "This document",
      answer: { status: 200, description: "OpenAPI 3.1.", content: { "application/json": z.object({}) } },
    },
    (_c, call) => {
      document ??= JSON.stringify(app.getOpenAPI31Document(DOCUMENT_HEAD));
      return jsonAnswer(call, 200, document);
    },
  );
  routes.add(
    {
      ...open,
      path: "/docs",
      summary: "This document as a page",
      answer: { status: 200, description: "A page.", content: html },
    },
    (_c, call) => answer(call, 200, PAGE, { ...PAGE_HEADERS }),
  );
  addFiles(routes);
}

function addFiles(routes: Routes): void {
  const assets = new Map<string, Uint8Array<ArrayBuffer>>();
  const FileParams = z.object({ file: z.enum(["swagger-ui.css", "swagger-ui-bundle.js", "setup.js"]) });
  routes.add(
    {
      ...open,
      path: "/docs/{file}",
      summary: "What the page is made of",
      params: FileParams,
      answer: {
        status: 200,
        description: "A file.",
        content: { "text/css": z.string(), "text/javascript": z.string() },
      },
      problems: ["not_found"],
    },
    (c, call) => {
      const file = c.req.param("file") ?? "";
      if (file === "setup.js") return answer(call, 200, SETUP, { "Content-Type": JAVASCRIPT });
      if (!Object.hasOwn(ASSETS, file)) throw new Problem("not_found");
      const name = file as keyof typeof ASSETS;
      let bytes = assets.get(name);
      if (bytes === undefined) {
        bytes = new Uint8Array(readFileSync(new URL(ASSETS[name].address())));
        assets.set(name, bytes);
      }
      return answer(call, 200, bytes, {
        "Content-Type": ASSETS[name].type,
        "Cache-Control": "max-age=86400",
      });
    },
  );
  routes.add(
    {
      ...open,
      path: "/problems/{code}",
      summary: "What a problem means",
      params: z.object({ code: z.string().openapi({ example: "insufficient_funds" }) }),
      answer: { status: 200, description: "A page.", content: html },
      problems: ["not_found"],
    },
    (c, call) => {
      const code = c.req.param("code") ?? "";
      if (!Object.hasOwn(PROBLEMS, code)) throw new Problem("not_found", "There is no problem of this name.");
      return answer(call, 200, problemPage(code as ProblemCode), { ...PAGE_HEADERS });
    },
  );
}
