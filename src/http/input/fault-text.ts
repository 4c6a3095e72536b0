/** Error texts for every kind of fault that a schema can find, in the terms of the JSON that the client sent. */
import type { z } from "zod";

export type Fault = Readonly<{ path: readonly PropertyKey[]; message: string }>;

type Issue = z.core.$ZodIssue;
type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

/** JSON names of the schema's types. */
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
/** How many unknown fields an error names. */
const NAMES_MAX = 20;
const WRONG_FORMAT = "has the wrong format";
const MUST_BE = /^must be /;

/** The text of a fault whose schema has none. Pass it to `parse` as `error`. */
export function textOf(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      // The JSON reader turns a number into NaN if it is not written as the API accepts it.
      if (Number.isNaN(issue.input)) return "has an exponent, or more decimals than allowed";
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
      return WRONG_FORMAT;
  }
}

/**
 * The faults of an issue: one for each unknown field; for a union, those of the variant that comes closest.
 *
 * @param value the value that was checked. If it has nothing at the issue's path, the only fault is that it is
 *   required.
 */
export function faultsOf(issue: Issue, value: unknown): readonly Fault[] {
  const { path } = issue;
  if (valueAt(value, path) === undefined) return [{ path, message: "is required" }];
  if (issue.code === "unrecognized_keys")
    return issue.keys
      .slice(0, NAMES_MAX)
      .map((name) => ({ path: [...path, name], message: "is not a known field" }));
  if (issue.code !== "invalid_union" || issue.message !== WRONG_FORMAT)
    return [{ path, message: issue.message }];
  // A variant whose type differs altogether was not meant.
  const closest = issue.errors.find((issues) => !issues.some(isOfAnotherKind));
  if (closest === undefined) return [{ path, message: alternatives(issue.errors) }];
  return closest.flatMap((inner) =>
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
  const text = FORMATS[format];
  return text === undefined ? WRONG_FORMAT : `must be ${text}`;
}

function isOfAnotherKind({ code, path }: Issue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value");
}

/** "must be this or that". */
function alternatives(shapes: readonly (readonly Issue[])[]): string {
  const texts = shapes.flatMap(([first]) =>
    first === undefined ? [] : [first.message.replace(MUST_BE, "")],
  );
  return texts.length === 0 ? WRONG_FORMAT : `must be ${[...new Set(texts)].join(" or ")}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}
