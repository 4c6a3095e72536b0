/** Turns what a schema says into a problem. */
import { z } from "@hono/zod-openapi";
import { type FieldError, invalid, Problem, shownPath } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import { faultsOf, textOf } from "./fault-text.ts";

const ERRORS_MAX = 20;

/** What is wrong, field by field. @param value what was checked. */
function fieldErrors(issues: readonly z.core.$ZodIssue[], value: unknown): FieldError[] {
  return issues
    .slice(0, ERRORS_MAX)
    .flatMap((issue) => faultsOf(issue, value))
    .slice(0, ERRORS_MAX)
    .map(({ path, message }) => ({ path: shownPath(path.map(String).join(".")), message }));
}

const SCHEMA_DEPTH_MAX = 3;

/**
 * Where a member named `__proto__` is, dotted; schemas pass over such a member, so it is looked for here, as deep as
 * any schema goes.
 */
function prototypePath(value: unknown, depth = 0): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, "__proto__")) return "__proto__";
  if (depth === SCHEMA_DEPTH_MAX) return undefined;
  for (const name of Object.keys(value)) {
    const path = prototypePath((value as Readonly<Record<string, unknown>>)[name], depth + 1);
    if (path !== undefined) return `${name}.${path}`;
  }
  return undefined;
}

/** Whether all members of a body are optional: then it may be left out. */
export function mayBeEmpty(schema: z.ZodType): boolean {
  return schema.safeParse({}).success;
}

/** What the schema makes of it. @throws Problem 400 with every fault found */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const odd = prototypePath(value);
  if (odd !== undefined) throw invalid(odd, "is not a known field");
  const result = schema.safeParse(value, { error: textOf });
  if (result.success) return result.data;
  const errors = fieldErrors(result.error.issues, value);
  const first = errors[0];
  const detail =
    first === undefined ? undefined : `${first.path === "" ? "body" : first.path}: ${first.message}`;
  throw new Problem("validation_failed", detail, { errors });
}

const NO_QUERY = z.object({});

/**
 * Makes the reader of a route's query. Unknown and repeated parameters are refused, also on a route without a schema.
 * The reader throws Problem 400.
 */
export function queryReader<Q extends z.ZodObject>(
  query: Q | undefined,
): (request: HttpRequest) => z.infer<Q> {
  const schema = (query ?? NO_QUERY).strict() as unknown as z.ZodType<z.infer<Q>>;
  const bare = schema.safeParse({});
  return (request) => {
    const { query: text } = request;
    if (text === "" && bare.success) return bare.data;
    return check(schema, { ...parametersOf(text) });
  };
}

/** @throws Problem 400 for a parameter that is given twice */
function parametersOf(query: string): Readonly<Record<string, string>> {
  const given: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in given) throw invalid(name, "is given twice");
    given[name] = value;
  }
  return given;
}
