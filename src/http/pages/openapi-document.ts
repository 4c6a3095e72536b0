/**
 * The OpenAPI document, from the descriptions of the routes. Built when it is first asked for: most servers never show
 * it, and it costs more than the rest of a start.
 */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { SessionCookie } from "../cookie.ts";
import { mayBeEmpty } from "../input/validation.ts";
import { PROBLEMS, type ProblemCode, problemBody } from "../problem.ts";
import { KEY_ROLES } from "../programmes/programmes.ts";
import type { RouteDescription } from "../routes.ts";
import { registerEvents } from "./event-examples.ts";

const DOCUMENT_HEAD = {
  openapi: "3.1.0",
  info: {
    title: "Daybook",
    version: "1",
    description:
      "A ledger server. Amounts are integers in minor units. Times are RFC 3339 in UTC, with milliseconds. Every POST that " +
      "changes state accepts an `Idempotency-Key`. Errors are problem details (RFC 9457).",
  },
  servers: [{ url: "/", description: "This server." }],
  tags: Object.entries({
    accounts: "Accounts, their rules, balances and entries.",
    transfers: "Transfers between accounts: posted at once or pending; post, void and revert.",
    batch: "Up to 10,000 independent transfers in one request.",
    "trial balance": "The sum of all balances.",
    statistics: "How totals of programmes changed over time, sampled once a minute.",
    partners: "Partners, their API keys and quotas.",
    loyalty: "Members, points with expiry, statements.",
    vouchers: "Customers, offers, and voucher codes that can be redeemed once.",
    segments: "Segments of users: explicit members, members with an expiry, or a percentage of all users.",
    users: "Users, who can be members of segments.",
    sellers: "Sellers of top-ups, their credit and its reconciliation.",
    topups: "Top-ups of phones.",
    wallet: "Operations of wallet users: sign up, pay, hold, request payment, withdraw.",
    deposits: "Deposits from banks into wallets.",
    withdrawals: "Withdrawals from wallets to banks.",
    "wallet users": "What the platform does for wallet users: support, limits, corrections.",
    webhooks: "Events sent to URLs of the partner, signed as Standard Webhooks.",
    events: "What has happened, in one order: as a list or as a stream.",
    operations: "Health, metrics and administration of the server.",
    docs: "This document, as JSON and as a page.",
  }).map(([name, description]) => ({ name, description })),
};

type Registry = OpenAPIHono["openAPIRegistry"];

/** @param cookie holds the sessions of wallet users. */
export function openApiDocument(routes: readonly RouteDescription[], cookie: SessionCookie): object {
  const hono = new OpenAPIHono();
  const registry = hono.openAPIRegistry;
  registerSecurity(registry, cookie);
  registerExamples(registry);
  for (const route of routes) if (route.isPage !== true) registerRoute(registry, route);
  registerEvents(registry);
  return hono.getOpenAPI31Document(DOCUMENT_HEAD);
}

function registerRoute(registry: Registry, route: RouteDescription): void {
  const { method, path, group } = route;
  registry.registerPath({
    method,
    path,
    operationId: route.operationId ?? operationId(method, path),
    tags: [group],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: securityOf(route),
    request: requestOf(route),
    responses: responsesOf(route),
  });
}

function registerSecurity(registry: Registry, cookie: SessionCookie): void {
  const roles = ["partner", "read (GET only)", ...KEY_ROLES.flatMap(({ description = [] }) => description)];
  registry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: `An API key of the operator or of a partner. Roles of partner keys: ${roles.join("; ")}.`,
  });
  const sessionText = "The session token that a wallet user gets at login.";
  registry.registerComponent("securitySchemes", "session", {
    type: "http",
    scheme: "bearer",
    description: sessionText,
  });
  registry.registerComponent("securitySchemes", "session_cookie", {
    type: "apiKey",
    in: "cookie",
    name: cookie.name,
    description: `${sessionText} Requests that change state must come from the same origin.`,
  });
}

const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    detail: z.string(),
    retryable: z.boolean(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    id: z.string().optional().openapi({
      description: "With `duplicate_reference`: id of the transfer that used the reference first.",
    }),
  })
  .openapi("Problem", {
    example: {
      type: "/problems/insufficient_funds",
      title: PROBLEMS.insufficient_funds.title,
      status: 422,
      code: "insufficient_funds",
      detail: "alice/points has too little available.",
      retryable: false,
    },
  });

const IdempotencyHeader = z.object({
  "Idempotency-Key": z.string().min(1).max(255).optional().openapi({
    description:
      "1 to 255 visible ASCII characters. A request that repeats a key gets the first answer again.",
  }),
});

function problemCodes(route: RouteDescription): Set<ProblemCode> {
  const codes = new Set<ProblemCode>(route.problems);
  if (route.access !== "open" || route.session === true) codes.add("unauthenticated").add("forbidden");
  if (route.servesUnready !== true) codes.add("log_unavailable").add("overloaded").add("outcome_unknown");
  codes.add("validation_failed");
  if (route.method !== "get" && route.path.startsWith("/v1/") && !route.path.startsWith("/v1/admin/"))
    codes.add("quota_exceeded");
  if (route.method === "post" || route.method === "put" || route.method === "patch")
    codes.add("body_too_large").add("unsupported_media_type");
  return codes;
}

function responsesOf(route: RouteDescription): Record<string, object> {
  const { status, description, content } = route.answer;
  const headers: Record<string, object> = {
    "Request-Id": { description: "Identifies this request in the server's log.", schema: { type: "string" } },
  };
  if (route.method !== "get" && route.path.startsWith("/v1/") && !route.path.startsWith("/v1/admin/")) {
    headers["Daybook-Position"] = {
      description: "Position in the log, as shard:epoch-seq. Several positions are separated by commas.",
      schema: { type: "string" },
    };
    headers["Idempotency-Replayed"] = {
      description: "`true` if this answer was given before.",
      schema: { type: "string" },
    };
  }
  const success: Record<string, unknown> = { description, headers };
  if (content !== undefined) {
    success["content"] = Object.fromEntries(
      Object.entries(content).map(([type, schema]) => [type, { schema }]),
    );
  }
  const responses: Record<string, object> = { [status]: success };
  const byStatus = Object.groupBy(problemCodes(route), (code) => String(PROBLEMS[code].status));
  for (const [problemStatus, codes = []] of Object.entries(byStatus)) {
    responses[problemStatus] = {
      description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join(" "),
      content: {
        "application/problem+json": {
          schema: ProblemSchema,
          examples: Object.fromEntries(
            codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]),
          ),
        },
      },
    };
  }
  return responses;
}

function requestOf(route: RouteDescription): object {
  const request: Record<string, unknown> = {};
  if (route.params !== undefined) request["params"] = route.params;
  if (route.query !== undefined) request["query"] = route.query;
  if (route.method !== "get" && route.path.startsWith("/v1/")) request["headers"] = IdempotencyHeader;
  if (route.body !== undefined) {
    const types = route.body.types ?? { "application/json": route.body.schema };
    request["body"] = {
      required: !mayBeEmpty(route.body.schema),
      content: Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }])),
    };
  }
  return request;
}

function securityOf({ access, session }: RouteDescription): Record<string, string[]>[] {
  if (session === true) return [{ session: [] }, { session_cookie: [] }];
  return access === "open" ? [] : [{ bearer: [] }];
}

/** Registers one example of each problem, to which answers refer. */
function registerExamples(registry: Registry): void {
  const errors = [{ path: "amount", message: "must be an integer from 1 to 9007199254740991" }];
  for (const [code, { title }] of Object.entries(PROBLEMS)) {
    const more = code === "validation_failed" ? { errors } : {};
    const value: unknown = JSON.parse(problemBody(code as ProblemCode, title, more));
    registry.registerComponent("examples", code, { summary: title, value });
  }
}

/**
 * Derives the operation id from method and path: `POST /v1/accounts` is `createAccount`, `GET /v1/accounts` is
 * `listAccounts`, and `POST /v1/accounts/{id}/freeze` is `freezeAccount`.
 */
function operationId(method: string, path: string): string {
  const segments = path.split("/").filter((segment) => !["", "v1", "admin"].includes(segment));
  const words = segments.map((segment) => (isParameter(segment) ? "" : toPascalCase(segment)));
  const last = words.at(-1) ?? "";
  const ofThing = words.map(singular).join("");
  if (last === "") return `${VERBS[method] ?? method}${ofThing}`;
  const parents = words.slice(0, -1);
  if (method === "post" && parents.at(-1) === "" && !isPlural(last))
    return `${toCamelCase(last)}${parents.map(singular).join("")}`;
  if (method === "post") return `create${ofThing}`;
  const verb = method === "get" && isPlural(last) ? "list" : VERBS[method];
  return `${verb}${parents.map(singular).join("")}${last}`;
}

const VERBS: Readonly<Record<string, string>> = {
  get: "get",
  put: "put",
  patch: "update",
  delete: "delete",
};

function isParameter(segment: string): boolean {
  return segment.startsWith("{");
}

function isPlural(word: string): boolean {
  return word.endsWith("s") && !["Metrics", "Settings", "Statistics"].includes(word);
}

function singular(word: string): string {
  if (!isPlural(word)) return word;
  return word
    .replace(/ies$/, "y")
    .replace(/(ch)es$/, "$1")
    .replace(/s$/, "");
}

function toPascalCase(segment: string): string {
  return segment
    .split(/[-_.]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

function toCamelCase(word: string): string {
  return word.charAt(0).toLowerCase() + word.slice(1);
}
