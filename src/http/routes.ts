/** Registers a route in the router, the OpenAPI document and the table of methods, from one description. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { RegExpRouter } from "hono/router/reg-exp-router";
import type { Access } from "./auth.ts";
import type { Endpoint, Endpoints, Handler } from "./endpoint.ts";
import { mayBeEmpty, queryReader } from "./input/validation.ts";
import { PROBLEMS, type ProblemCode, problemBody } from "./problem.ts";

/**
 * Derives the operation id from method and path: `POST /v1/accounts` is `createAccount`, `GET /v1/accounts` is
 * `listAccounts`, and `POST /v1/accounts/{id}/freeze` is `freezeAccount`.
 */
export function operationId(method: string, path: string): string {
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

export type Method = "get" | "post" | "put" | "patch" | "delete";

export type Body = Readonly<{
  schema: z.ZodType;
  types?: Readonly<Record<string, z.ZodType>>;
}>;

export type RouteDescription<Q extends z.ZodObject = z.ZodObject> = Readonly<{
  method: Method;
  /** In OpenAPI notation: `/v1/accounts/{id}`. */
  path: string;
  access: Access;
  /** The noun that names the tag in the document and the group in metrics. */
  group: string;
  /** Name in generated clients, if the derived one would be misleading. */
  operationId?: string;
  summary: string;
  description?: string;
  params?: z.ZodObject;
  /** Parameters not named here are refused. */
  query?: Q;
  body?: Body;
  /** The answer on success. `content`: schemas by media type. */
  answer: Readonly<{ status: number; description: string; content?: Readonly<Record<string, z.ZodType>> }>;
  /** In addition to the problems that follow from access, body and method. */
  problems?: readonly ProblemCode[];
  servesUnready?: boolean;
  /** An open route whose handler checks the user's session itself. */
  session?: boolean;
  /** Path in the router, if not `path`: the router allows no literal segment where another route has a parameter. */
  routerPath?: string;
}>;

/** An answer of JSON, as the document describes it. */
export function answerOf(status: number, description: string, schema: z.ZodType): RouteDescription["answer"] {
  return { status, description, content: { "application/json": schema } };
}

export type Routes = Readonly<{
  add<Q extends z.ZodObject = z.ZodObject>(
    description: RouteDescription<Q>,
    handler: Handler<z.infer<Q>>,
  ): void;
  /** Upper-case methods of a path; empty if there is no such path. */
  methodsOf(path: string): readonly string[];
}>;

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    detail: z.string(),
    retryable: z.boolean(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
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
function registerExamples(app: OpenAPIHono): void {
  const errors = [{ path: "amount", message: "must be an integer from 1 to 9007199254740991" }];
  for (const [code, { title }] of Object.entries(PROBLEMS)) {
    const more = code === "validation_failed" ? { errors } : {};
    const value: unknown = JSON.parse(problemBody(code as ProblemCode, title, more));
    app.openAPIRegistry.registerComponent("examples", code, { summary: title, value });
  }
}

export type Router = RegExpRouter<Endpoint>;

export function createRoutes(app: OpenAPIHono, router: Router, endpoints: Endpoints): Routes {
  registerExamples(app);
  const methods: { pattern: RegExp; method: string }[] = [];
  return {
    add(route, handler) {
      const { path, method, access, group } = route;
      const readQuery = queryReader(route.query);
      const pattern = new RegExp(`^${path.replace(/\{[a-z_]+\}/g, "[^/]+").replaceAll(".", "\\.")}$`);
      methods.push({ pattern, method: method.toUpperCase() });
      app.openAPIRegistry.registerPath({
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
      const routerPath = route.routerPath ?? path.replace(/\{([a-z_]+)\}/g, ":$1");
      router.add(
        route.method.toUpperCase(),
        routerPath,
        endpoints.wrap({ access, path, group, readQuery, servesUnready: route.servesUnready }, handler),
      );
    },
    methodsOf(path) {
      const found = new Set<string>();
      for (const { pattern, method } of methods) {
        if (!pattern.test(path)) continue;
        found.add(method);
        if (method === "GET") found.add("HEAD");
      }
      return [...found];
    },
  };
}
