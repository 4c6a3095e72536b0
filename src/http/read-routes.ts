/** GET routes that answer with one thing, or with a page of a list. */
import type { z } from "@hono/zod-openapi";
import type { Page } from "../archive/queries/query.ts";
import { type Call, jsonAnswer } from "./call.ts";
import { pageAnswer, pageOf } from "./input/pagination.ts";
import type { HttpRequest } from "./request.ts";
import type { RouteDescription, Routes } from "./routes.ts";

/** Reads what the route shows. It throws a Problem if there is no such thing. */
type Find<Q extends z.ZodObject, T> = (request: HttpRequest, call: Call, query: z.infer<Q>) => Promise<T> | T;

/** @param json renders the thing that `find` found. */
export function addReadRoute<Q extends z.ZodObject, T>(
  routes: Routes,
  described: Omit<RouteDescription<Q>, "method">,
  find: Find<Q, T>,
  json: (found: T) => string,
): void {
  routes.add<Q>({ method: "get", ...described }, async (request, call, query) =>
    jsonAnswer(call, 200, json(await find(request, call, query))),
  );
}

/** `row`: the schema of a row. @param json renders a row. */
export function addListRoute<Q extends z.ZodObject, T>(
  routes: Routes,
  { row, ...described }: Omit<RouteDescription<Q>, "method" | "answer"> & Readonly<{ row: z.ZodType }>,
  find: Find<Q, Page<T>>,
  json: (row: T) => string,
): void {
  routes.add<Q>({ method: "get", ...described, answer: pageOf(row) }, async (request, call, query) =>
    pageAnswer(call, await find(request, call, query), json),
  );
}
