/** The table of routes: registers each in the router, and knows the methods of every path. */
import type { z } from "@hono/zod-openapi";
import type { RegExpRouter } from "hono/router/reg-exp-router";
import type { Access } from "./auth.ts";
import type { Endpoint, Endpoints, Handler } from "./endpoint.ts";
import { queryReader } from "./input/validation.ts";
import type { ProblemCode } from "./problem.ts";

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
  /** A page for people. It is not part of the OpenAPI document, and shows problems as pages. */
  isPage?: boolean;
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
  /** In order of registration. */
  all: readonly RouteDescription[];
  add<Q extends z.ZodObject = z.ZodObject>(
    description: RouteDescription<Q>,
    handler: Handler<z.infer<Q>>,
  ): void;
  /** Upper-case methods of a path; empty if there is no such path. */
  methodsOf(path: string): readonly string[];
}>;

export type Router = RegExpRouter<Endpoint>;

export function createRoutes(router: Router, endpoints: Endpoints): Routes {
  const all: RouteDescription[] = [];
  const methods: { pattern: RegExp; method: string }[] = [];
  return {
    all,
    add(route, handler) {
      const { path, method } = route;
      const readQuery = queryReader(route.query);
      const pattern = new RegExp(`^${path.replace(/\{[a-z_]+\}/g, "[^/]+").replaceAll(".", "\\.")}$`);
      methods.push({ pattern, method: method.toUpperCase() });
      all.push(route);
      const routerPath = route.routerPath ?? path.replace(/\{([a-z_]+)\}/g, ":$1");
      router.add(route.method.toUpperCase(), routerPath, endpoints.wrap({ ...route, readQuery }, handler));
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
