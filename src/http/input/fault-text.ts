/** What is wrong with a value, in the words of whoever has sent it: for every kind of fault that a schema can find. */
import type { z } from "zod";

export type Fault = Readonly<{ path: readonly PropertyKey[]; message: string }>;

type Issue = z.core.$ZodIssue;
type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

/** What schemas call them, and what JSON does. */
const TYPES: Readonly<Record<string, string>> = {
  array: "an array",
  boolean: "true or false",
  int: "an integer",
  nan: "a number",
  null: "null",
  number: "a number",
  object: "an object",
  record: "an object",
  string: "a string",
};
const FORMATS: Readonly<Record<string, string>> = {
  date: "a day, as 2026-11-20",
  datetime: "an RFC 3339 time in UTC, as 2026-11-20T10:00:00.000Z",
  email: "an e-mail address",
  url: "an absolute URL",
  uuid: "a UUID",
};
/** Unknown fields that are named. */
const NAMES_MAX = 20;
const OTHERWISE = "must have another form";
const MUST_BE = /^must be /;

/** The text of a fault for which its schema has none; to be given to a parse as `error`. */
export function textOf(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      // Where a body is read, a number becomes NaN that is not written as it may be.
      if (Number.isNaN(issue.input)) return "has an exponent, or more decimals than are taken here";
      return issue.input === undefined ? "is required" : `must be ${typeText(issue.expected)}`;
    case "invalid_value":
      return issue.values.length === 1
        ? `must be ${JSON.stringify(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(", ")}`;
    case "too_small": {
      const { inclusive = true } = issue;
      return sizeText(issue.origin, String(issue.minimum), inclusive ? "at least" : "more than");
    }
    case "too_big": {
      const { inclusive = true } = issue;
      return sizeText(issue.origin, String(issue.maximum), inclusive ? "at most" : "less than");
    }
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_format":
      return formatText(issue.format);
    case "unrecognized_keys":
      return `has unknown fields: ${issue.keys.slice(0, NAMES_MAX).join(", ")}`;
    default:
      return OTHERWISE;
  }
}

/**
 * What an issue comes to: one fault for each unknown field, and of a value that has none of several shapes those of the shape
 * that comes nearest.
 *
 * @param value what was checked: where it has nothing, nothing but that is said.
 */
export function faultsOf(issue: Issue, value: unknown): readonly Fault[] {
  const { path } = issue;
  if (valueAt(value, path) === undefined) return [{ path, message: "is required" }];
  if (issue.code === "unrecognized_keys")
    return issue.keys
      .slice(0, NAMES_MAX)
      .map((name) => ({ path: [...path, name], message: "is not a known field" }));
  if (issue.code !== "invalid_union" || issue.message !== OTHERWISE)
    return [{ path, message: issue.message }];
  // One whose value is of another kind altogether is not what was meant.
  const nearest = issue.errors.find((issues) => !issues.some(isOfAnotherKind));
  if (nearest === undefined) return [{ path, message: alternatives(issue.errors) }];
  return nearest.flatMap((inner) =>
    faultsOf(inner, valueAt(value, path)).map((fault) => ({ ...fault, path: [...path, ...fault.path] })),
  );
}

function typeText(expected: string): string {
  return TYPES[expected] ?? `a ${expected}`;
}

function sizeText(origin: string, bound: string, comparison: string): string {
  if (origin === "string")
    return `must have ${comparison} ${bound} ${bound === "1" ? "character" : "characters"}`;
  if (origin === "array" || origin === "set" || origin === "object" || origin === "map")
    return `must have ${comparison} ${bound} ${bound === "1" ? "item" : "items"}`;
  return `must be ${comparison} ${bound}`;
}

function formatText(format: string): string {
  const known = FORMATS[format];
  return known === undefined ? OTHERWISE : `must be ${known}`;
}

function isOfAnotherKind({ code, path }: Issue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value");
}

/** "must be this or that". */
function alternatives(shapes: readonly (readonly Issue[])[]): string {
  const texts = shapes.flatMap(([first]) =>
    first === undefined ? [] : [first.message.replace(MUST_BE, "")],
  );
  return texts.length === 0 ? OTHERWISE : `must be ${[...new Set(texts)].join(" or ")}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}
