/** Forms that change something: each acts once, however often it is sent, and is shown again with what is wrong. */
import { z } from "@hono/zod-openapi";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import { OperatingError } from "../../../errors/operating-error.ts";
import type { Random } from "../../idempotency.ts";
import { minorUnitsOf, scaleOf } from "../../input/decimal.ts";
import { canonicalJson, fingerprintOf } from "../../input/fingerprint.ts";
import { invalid, PROBLEMS, Problem, type ProblemCode } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { note } from "./blocks.ts";
import { readFields } from "./forms.ts";
import { type Fragment, html } from "./html.ts";
import type { Page } from "./layout.ts";

const KEY_BYTES = 12;
const TYPED_AMOUNT = /^\d{1,18}(?:[.,]\d{1,18})?$/;

/** The hidden field `form`: the idempotency key of the form, new each time it is shown. */
export const FormKey = z.string().regex(/^[0-9a-f]{24}$/);

export function newFormKey(random: Random): string {
  return Buffer.from(random(KEY_BYTES)).toString("hex");
}

/** The header of a form's command. @param value what the form says. It must not contain secrets, since it is logged. */
export function formHeader(
  request: HttpRequest,
  partner: string,
  form: string,
  value: unknown,
): CommandHeader {
  const fingerprint = fingerprintOf("POST", request.path, canonicalJson(value));
  return { partner, key: `page-${form}`, fingerprint };
}

export type Fields = Readonly<Record<string, string>>;

/** A form that the server could not act on now: its fields can be sent again, with the same key. */
export type Unsent = Readonly<{ failure: OperatingError; fields: Fields }>;

/** The field that a problem is about. */
export type FieldOf = Partial<Readonly<Record<ProblemCode, string>>>;

/**
 * Reads the fields of a form and acts.
 *
 * @param again the page that shows them once more, with the problem.
 * @param fieldOf of problems that do not name their field.
 */
export async function tryForm(
  request: HttpRequest,
  act: (fields: Fields) => Promise<string | Page>,
  again: (fields: Fields, problem: Problem) => Promise<Page> | Page,
  fieldOf: FieldOf = {},
): Promise<string | Page | Unsent> {
  const fields = await readFields(request);
  try {
    return await act(fields);
  } catch (failure) {
    if (failure instanceof OperatingError) return { failure, fields };
    if (!(failure instanceof Problem)) throw failure;
    const page = await again(fields, atField(failure, fieldOf[failure.code]));
    return { ...page, status: PROBLEMS[failure.code].status };
  }
}

function atField(problem: Problem, path: string | undefined): Problem {
  if (path === undefined || problem.errors !== undefined) return problem;
  const { code, message } = problem;
  return new Problem(code, message, { errors: [{ path, message: PROBLEMS[code].title }] });
}

/** A page that says first what was done. */
export function withNote(page: Page, done: Fragment): Page {
  return { ...page, body: html`${note("good", done)}${page.body}` };
}

/** What is wrong with a form, unless it is said at its fields. */
export function problemNote(problem: Problem | undefined): Fragment {
  return problem !== undefined && problem.errors === undefined && note("bad", problem.message);
}

/** The optional fields that are filled in. */
export function filledIn<T extends Readonly<Record<string, string | undefined>>>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== "")) as Partial<T>;
}

/** The minor units of an amount that a person has typed, such as `12.5` or `12,50`. @throws Problem 400 */
export function typedAmount(text: string, asset: string): number {
  const scale = scaleOf(asset);
  const minor = TYPED_AMOUNT.test(text) ? minorUnitsOf(text.replace(",", "."), scale) : 0;
  if (minor === "too_precise")
    throw invalid("amount", scale === 0 ? "must be a whole number" : `has more than ${scale} decimals`);
  if (minor === "too_large") throw invalid("amount", "is too large");
  if (minor <= 0) throw invalid("amount", `must be an amount such as ${scale === 0 ? "25" : "12.50"}`);
  return minor;
}
