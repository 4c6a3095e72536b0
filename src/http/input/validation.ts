/** Validates bodies and queries against their schemas, and turns faults into problems. */
import { z } from "@hono/zod-openapi";
import { workSlices } from "../../gateway/work-slices.ts";
import { type FieldError, invalid, Problem, shownPath } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import { faultsOf, textOf } from "./fault-text.ts";

const ERRORS_MAX = 20;

/** The faults, field by field. @param value the value that was checked. */
function fieldErrors(issues: readonly z.core.$ZodIssue[], value: unknown): FieldError[] {
  return issues
    .slice(0, ERRORS_MAX)
    .flatMap((issue) => faultsOf(issue, value))
    .slice(0, ERRORS_MAX)
    .map(({ path, message }) => ({ path: shownPath(path.map(String).join(".")), message }));
}

const SCHEMA_DEPTH_MAX = 3;

/** The dotted path of a member named `__proto__`. Schemas ignore it, so this searches as deep as any schema goes. */
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

/** Whether all members of a body are optional, so that the body may be absent. */
export function mayBeEmpty(schema: z.ZodType): boolean {
  return schema.safeParse({}).success;
}

/** The value as the schema parses it. @throws Problem 400 with every fault found */
export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const prototypeAt = prototypePath(value);
  if (prototypeAt !== undefined) throw invalid(prototypeAt, "is not a known field");
  const result = schema.safeParse(value, { error: textOf });
  if (result.success) return result.data;
  throw faulty(fieldErrors(result.error.issues, value));
}

/**
 * `check` for each element of a list, in slices of the partner.
 *
 * @param path of the list. @throws Problem (as a rejection) 400 with the first faults
 */
export async function checkEach<T>(
  schema: z.ZodType<T>,
  list: readonly unknown[],
  path: string,
  partner: string,
): Promise<readonly T[]> {
  const checked: T[] = [];
  const errors: FieldError[] = [];
  for (const [i, value] of list.entries()) {
    if (workSlices.isOver) await workSlices.next(partner);
    const result = schema.safeParse(value, { error: textOf });
    if (result.success) checked.push(result.data);
    else
      for (const { message } of fieldErrors(result.error.issues, value))
        errors.push({ path: `${path}.${i}`, message });
    if (errors.length >= ERRORS_MAX) break;
  }
  if (errors.length > 0) throw faulty(errors);
  return checked;
}

function faulty(errors: readonly FieldError[]): Problem {
  const first = errors[0];
  const detail =
    first === undefined ? undefined : `${first.path === "" ? "body" : first.path}: ${first.message}`;
  return new Problem("validation_failed", detail, { errors });
}

const NO_QUERY = z.object({});

/**
 * Creates the function that reads a route's query; it throws Problem 400. Unknown and repeated parameters are
 * refused, also on routes without a schema.
 */
export function queryReader<Q extends z.ZodObject>(
  query: Q | undefined,
): (request: HttpRequest) => z.infer<Q> {
  // Made at the first request: the first use of a schema compiles it, which for all routes would slow down the start.
  let made: ReturnType<typeof strictQuery<Q>> | undefined;
  return (request) => {
    const { query: text } = request;
    const { schema, empty } = (made ??= strictQuery(query));
    if (text === "" && empty.success) return empty.data;
    return check(schema, { ...parametersOf(text) });
  };
}

/** `empty`: the result for a request without parameters. */
function strictQuery<Q extends z.ZodObject>(query: Q | undefined) {
  const schema = (query ?? NO_QUERY).strict() as unknown as z.ZodType<z.infer<Q>>;
  return { schema, empty: schema.safeParse({}) };
}

/** @throws Problem 400 for a repeated parameter */
function parametersOf(query: string): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(query)) {
    if (name in parameters) throw invalid(name, "must be given only once");
    parameters[name] = value;
  }
  return parameters;
}
