/** What Django REST framework does with every resource: its errors, and the fields of bodies. */
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { PROBLEMS, Problem } from "../../problem.ts";
import type { Json } from "../local-api.ts";
import { wholeNumberOf } from "../old-body.ts";
import { oldJson } from "../old-routes.ts";

/** A 400 about fields: `{"name": ["This field is required."]}`. */
export class FieldProblem extends Problem {
  readonly fields: Readonly<Record<string, readonly string[]>>;

  constructor(fields: Readonly<Record<string, readonly string[]>>) {
    super("validation_failed", Object.values(fields).flat().join(" "));
    this.fields = fields;
  }
}

export function badField(name: string, text: string): FieldProblem {
  return new FieldProblem({ [name]: [text] });
}

export const REQUIRED = "This field is required.";

/** Text of at most `max` characters, or null; `undefined` if it is absent. @throws FieldProblem */
export function textIn(members: Json, name: string, max: number): string | null | undefined {
  const value = members[name];
  if (value === undefined || value === null) return value;
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") throw badField(name, "Not a valid string.");
  const trimmed = text.trim();
  if (trimmed.length > max) throw badField(name, `Ensure this field has no more than ${max} characters.`);
  return trimmed;
}

/** A whole number; `undefined` if it is absent. @throws FieldProblem */
export function numberIn(members: Json, name: string): number | undefined {
  const value = members[name];
  if (value === undefined) return undefined;
  if (value === null) throw badField(name, "This field may not be null.");
  const number = wholeNumberOf(value);
  if (number === undefined) throw badField(name, "A valid integer is required.");
  return number;
}

/** The id in a path. @throws Problem 404 */
export function idIn(text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text) || !Number.isSafeInteger(Number(text))) throw notFound();
  return Number(text);
}

export function notFound(): Problem {
  return new Problem("not_found", "Not found.");
}

/** A reference to a row that does not exist. */
export function badReference(name: string, id: number): FieldProblem {
  return badField(name, `Invalid pk "${id}" - object does not exist.`);
}

/** Writes refusals as the framework did; what it did not know is 400 with a `detail`. */
export function refuse(call: Call, problem: Problem): HttpAnswer {
  if (problem instanceof FieldProblem) return oldJson(call, 400, problem.fields);
  const { code, message, headers } = problem;
  if (code === "method_not_allowed")
    return oldJson(call, 405, { detail: `Method "${call.method}" not allowed.` }, { ...headers });
  const { status } = PROBLEMS[code];
  const isKept = [403, 404, 413, 429, 500].includes(status);
  return oldJson(call, isKept ? status : 400, { detail: message }, { ...headers });
}

export function noContent(call: Call): HttpAnswer {
  return answer(call, 204, null, {});
}
