/** Forms: what they look like, and how their bodies are read. */
import type { z } from "@hono/zod-openapi";
import { check } from "../../input/validation.ts";
import { invalid, Problem } from "../../problem.ts";
import type { HttpRequest } from "../../request.ts";
import { LOGIN_BYTES_MAX, mediaType, readBody, utf8Text } from "../../server/body.ts";
import { type Fragment, type Html, html } from "./html.ts";

const FIELDS_MAX = 50;
/** Spaces at their ends belong to them, as in the API. */
const AS_TYPED: ReadonlySet<string> = new Set(["password", "new_password"]);

/** The fields of a form. @throws Problem 400, 413, 415 */
export async function readFields(request: HttpRequest): Promise<Readonly<Record<string, string>>> {
  if (mediaType(request.header("content-type")) !== "application/x-www-form-urlencoded")
    throw new Problem("unsupported_media_type", "Send the form of the page.");
  const text = utf8Text(await readBody(request, LOGIN_BYTES_MAX));
  const fields: Record<string, string> = {};
  let read = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    read += 1;
    if (read > FIELDS_MAX) throw invalid("", "The form has too many fields.");
    if (name === "__proto__" || Object.hasOwn(fields, name)) throw invalid(name, "must be given only once");
    fields[name] = AS_TYPED.has(name) ? value : value.trim();
  }
  return fields;
}

/** The fields of a form, checked by its schema. @throws Problem 400, 413, 415 */
export async function readForm<T>(request: HttpRequest, schema: z.ZodType<T>): Promise<T> {
  return check(schema, await readFields(request));
}

export type Field = Readonly<{
  name: string;
  label: string;
  value?: string | undefined;
  /** Below the field. */
  hint?: string;
  type?: "text" | "password" | "email" | "number" | "search" | "date";
  isOptional?: boolean;
  /** The keyboard of a phone. */
  inputMode?: "decimal";
  /** It says nothing about being optional, as in a filter. */
  isBare?: boolean;
  /** What a browser may fill in. */
  autocomplete?: string;
  /** The choices of a list instead of free text. */
  choices?: readonly Readonly<{ value: string; label: string }>[];
  error?: string | undefined;
}>;

export function field(shown: Field): Html {
  const { name, label, hint, error } = shown;
  const notes = [hint !== undefined && `${name}-hint`, error !== undefined && `${name}-error`].filter(
    Boolean,
  );
  const described = notes.length > 0 && html` aria-describedby="${notes.join(" ")}"`;
  return html`<div class="field"><label for="${name}">${label}${shown.isOptional === true && shown.isBare !== true && html` <span class="muted">(optional)</span>`}</label>
${input(shown, described)}
${hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`}
${error !== undefined && html`<p class="error" id="${name}-error">${error}</p>`}</div>`;
}

function input(
  { name, value = "", type = "text", isOptional, inputMode, autocomplete, choices, error }: Field,
  described: Fragment,
): Html {
  const shared = html` id="${name}" name="${name}"${isOptional !== true && html` required`}${error !== undefined && html` aria-invalid="true"`}${described}`;
  if (choices !== undefined)
    return html`<select${shared}>${choices.map(
      (choice) =>
        html`<option value="${choice.value}"${choice.value === value && html` selected`}>${choice.label}</option>`,
    )}</select>`;
  const filled = type === "password" ? "" : value;
  return html`<input${shared} type="${type}" value="${filled}" autocomplete="${autocomplete ?? "off"}"${inputMode !== undefined && html` inputmode="${inputMode}"`} spellcheck="false">`;
}

/** Boxes to tick, each a field of its own name. @param ticked the names that are ticked. */
export function tickBoxes(
  legend: string,
  names: readonly string[],
  ticked: Readonly<Record<string, string>>,
): Html {
  return html`<fieldset class="ticks"><legend>${legend}</legend>${names.map(
    (name) =>
      html`<label for="${name}"><input type="checkbox" id="${name}" name="${name}" value="yes"${ticked[name] === "yes" && html` checked`}> ${name}</label>`,
  )}</fieldset>`;
}

/** The message of a problem for one field. */
export function errorOf(problem: Problem | undefined, name: string): string | undefined {
  return problem?.errors?.find(({ path }) => path === name)?.message;
}

type ConfirmOptions = Readonly<{
  /** Unique on the page. */
  id: string;
  /** On the button that opens the dialog. */
  label: string;
  /** What will happen. */
  question: Fragment;
  action: string;
  /** On the button that closes the dialog, where "Cancel" could be misread. */
  dismiss?: string;
  /** Hidden fields of the form. */
  fields?: Readonly<Record<string, string>>;
  isDanger?: boolean;
}>;

/**
 * A button that asks in a dialog before it sends its form. Where scripts are switched off, a rule of the style sheet hides
 * this button and shows the dialog as a part of the page: the question, and the button that sends the form.
 */
export function confirmButton({
  id,
  label,
  question,
  action,
  dismiss = "Cancel",
  fields = {},
  isDanger = true,
}: ConfirmOptions): Html {
  const variant = isDanger && html` data-variant="danger"`;
  return html`<button type="button" class="outline small"${variant} data-opens="${id}" aria-haspopup="dialog">${label}</button>
<dialog id="${id}" aria-labelledby="${id}-title"><form method="post" action="${action}">
<header><h2 id="${id}-title">${label}</h2></header>
<div class="dialog-body"><p>${question}</p></div>${hidden(fields)}
<footer><button type="button" class="outline" data-closes="${id}">${dismiss}</button><button${variant}>${label}</button></footer>
</form></dialog>`;
}

/** A form that filters a list: its fields become the query. */
export function filters(action: string, fields: Fragment): Html {
  return html`<form method="get" action="${action}" class="inline" role="search">${fields}<button class="outline">Show</button></form>`;
}

export function hidden(fields: Readonly<Record<string, string>>): Fragment {
  return Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
}
