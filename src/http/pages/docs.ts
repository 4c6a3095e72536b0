/** The routes of the OpenAPI document, and pages that show it. They load everything from this server and nothing from other hosts. */
import { readFileSync } from "node:fs";
import { z } from "@hono/zod-openapi";
import { answer } from "../call.ts";
import type { SessionCookie } from "../cookie.ts";
import { PROBLEMS, Problem, type ProblemCode } from "../problem.ts";
import type { Routes } from "../routes.ts";
import { openApiDocument } from "./openapi-document.ts";
import { StaticFile } from "./static-file.ts";

const JAVASCRIPT = "text/javascript; charset=utf-8";
const DAY_S = 24 * 60 * 60;

const SETUP = `window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    persistAuthorization: true,
    validatorUrl: null,
  });
});
`;

/** The package's files are located on first use: most servers never show the page. */
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

/** The Content-Security-Policy makes the browser load from this server only. */
const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
};

function problemPage(code: ProblemCode): string {
  const { status, title, retryable } = PROBLEMS[code];
  const retryText = retryable
    ? "The same request may succeed later. Wait as long as Retry-After says."
    : "Repeating the same request does not help until something changes.";
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${code}</title><link rel="icon" href="data:,"></head>
<body><h1>${code}</h1><p>Status ${status}. ${title}</p><p>${retryText}</p></body>
</html>
`;
}

const open = { method: "get", access: "open", group: "docs", servesUnready: true } as const;
const html = { "text/html": z.string() };

export function addDocs(routes: Routes, cookie: SessionCookie): void {
  const document = new StaticFile({
    type: "application/json",
    maxAgeS: 0,
    read: () => JSON.stringify(openApiDocument(routes.all, cookie)),
  });
  routes.add(
    {
      ...open,
      operationId: "getOpenApiDocument",
      path: "/openapi.json",
      summary: "Get this document",
      answer: { status: 200, description: "OpenAPI 3.1.", content: { "application/json": z.object({}) } },
    },
    (request, call) => document.answer(request, call),
  );
  routes.add(
    {
      ...open,
      operationId: "getDocs",
      path: "/docs",
      summary: "Show this document as a page",
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
      summary: "Get a file of the documentation page",
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
      summary: "Explain a problem code",
      params: z.object({ code: z.string().openapi({ example: "insufficient_funds" }) }),
      answer: { status: 200, description: "A page.", content: html },
      problems: ["not_found"],
    },
    (request, call) => {
      const code = request.param("code");
      if (!Object.hasOwn(PROBLEMS, code)) throw new Problem("not_found", "There is no such problem code.");
      return answer(call, 200, problemPage(code as ProblemCode), { ...PAGE_HEADERS });
    },
  );
}
