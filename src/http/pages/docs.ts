/** The contract as a document and as pages. Everything is served from here: the pages ask no other host for anything. */
import { readFileSync } from "node:fs";
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { answer } from "../call.ts";
import { PROBLEMS, Problem, type ProblemCode } from "../problem.ts";
import type { Routes } from "../routes.ts";
import { StaticFile } from "./static-file.ts";

const DOCUMENT_HEAD = {
  openapi: "3.1.0",
  info: {
    title: "Daybook",
    version: "1",
    description:
      "A ledger server. Amounts are integers in minor units, times RFC 3339 in UTC with milliseconds. Every POST that " +
      "changes something takes an `Idempotency-Key`. Errors are problem details (RFC 9457).",
  },
  servers: [{ url: "/", description: "This server." }],
  tags: Object.entries({
    accounts: "Accounts, their rules, balances and past.",
    transfers: "Money from account to account: at once, or held first; and back again.",
    batch: "Up to 10,000 independent transfers in one request.",
    "trial balance": "Whether the books balance.",
    partners: "Who keeps books here, and their keys.",
    loyalty: "Members, points that expire, statements.",
    vouchers: "Customers, offers, codes that are redeemed once.",
    segments: "Segments: by hand, for a time, or a lasting percentage of all users.",
    users: "The users of segments.",
    sellers: "Sellers of top-up, their credit and its reconciliation.",
    topups: "Sales to phones.",
    wallet: "What a wallet user does: sign up, pay, hold, ask for payment, withdraw.",
    deposits: "What banks bring into wallets.",
    withdrawals: "What banks pay out of wallets.",
    operations: "How the server is doing.",
    docs: "This document, as a file and as pages.",
  }).map(([name, description]) => ({ name, description })),
};

const JAVASCRIPT = "text/javascript; charset=utf-8";
const DAY_S = 24 * 60 * 60;

const SETUP = `window.addEventListener("load", () => {
  SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
});
`;

/** Where those of the package are is looked up when they are asked for: most servers never show the page. */
const FILES = {
  "swagger-ui.css": new StaticFile({
    type: "text/css; charset=utf-8",
    maxAgeS: DAY_S,
    read: () => readFileSync(new URL(import.meta.resolve("swagger-ui-dist/swagger-ui.css"))),
  }),
  "swagger-ui-bundle.js": new StaticFile({
    type: JAVASCRIPT,
    maxAgeS: DAY_S,
    read: () => readFileSync(new URL(import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"))),
  }),
  "setup.js": new StaticFile({ type: JAVASCRIPT, maxAgeS: 0, read: () => SETUP }),
} as const;

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

const open = { method: "get", access: "open", group: "docs", servesUnready: true } as const;
const html = { "text/html": z.string() };

export function addDocs(routes: Routes, app: OpenAPIHono): void {
  const document = new StaticFile({
    type: "application/json",
    maxAgeS: 0,
    read: () => JSON.stringify(app.getOpenAPI31Document(DOCUMENT_HEAD)),
  });
  routes.add(
    {
      ...open,
      operationId: "getOpenApiDocument",
      path: "/openapi.json",
      summary: "This document",
      answer: { status: 200, description: "OpenAPI 3.1.", content: { "application/json": z.object({}) } },
    },
    (request, call) => document.answer(request, call),
  );
  routes.add(
    {
      ...open,
      operationId: "getDocs",
      path: "/docs",
      summary: "This document as a page",
      answer: { status: 200, description: "A page.", content: html },
    },
    (_request, call) => answer(call, 200, PAGE, { ...PAGE_HEADERS }),
  );
  addFiles(routes);
}

function addFiles(routes: Routes): void {
  const FileParams = z.object({ file: z.enum(Object.keys(FILES) as [keyof typeof FILES]) });
  routes.add(
    {
      ...open,
      operationId: "getDocsFile",
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
    (request, call) => {
      const file = request.param("file");
      if (!Object.hasOwn(FILES, file)) throw new Problem("not_found");
      return FILES[file as keyof typeof FILES].answer(request, call);
    },
  );
  routes.add(
    {
      ...open,
      operationId: "getProblem",
      path: "/problems/{code}",
      summary: "What a problem means",
      params: z.object({ code: z.string().openapi({ example: "insufficient_funds" }) }),
      answer: { status: 200, description: "A page.", content: html },
      problems: ["not_found"],
    },
    (request, call) => {
      const code = request.param("code");
      if (!Object.hasOwn(PROBLEMS, code)) throw new Problem("not_found", "There is no problem of this name.");
      return answer(call, 200, problemPage(code as ProblemCode), { ...PAGE_HEADERS });
    },
  );
}
