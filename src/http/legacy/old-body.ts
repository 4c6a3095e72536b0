/** Bodies of old clients. `curl -d` calls JSON a form, and a Go client gives it no type, so the type is not checked. */
import type { Call } from "../call.ts";
import { surveyOf } from "../input/exact-json.ts";
import { invalid } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import { BODY_BYTES_MAX, checkSurvey, readBody, utf8Text } from "../server/body.ts";
import type { Json } from "./local-api.ts";

/** `numberText`: how a number among the members is written. */
export type OldBody = Readonly<{ members: Json; numberText: (name: string) => string | undefined }>;

type Reviver = (
  this: unknown,
  name: string,
  value: unknown,
  context: Readonly<{ source?: string }>,
) => unknown;

/** The JSON object in a body. @throws Problem (as a rejection) 400, also for an empty body; 413, 415 */
export async function readOldBody(request: HttpRequest): Promise<OldBody> {
  const body = await readBody(request, BODY_BYTES_MAX);
  const survey = surveyOf(body);
  checkSurvey(survey);
  const text = utf8Text(body);
  if (text.trim() === "") throw invalid("", "The body is empty.");
  const sources = new Map<unknown, Map<string, string>>();
  const note: Reviver = function reviver(name, value, { source }) {
    if (typeof value !== "number" || source === undefined) return value;
    const ofHolder = sources.get(this) ?? new Map<string, string>();
    sources.set(this, ofHolder.set(name, source));
    return value;
  };
  const members = parsed(text, note);
  if (typeof members !== "object" || members === null || Array.isArray(members))
    throw invalid("", "The body is not a JSON object.");
  return { members: members as Json, numberText: (name) => sources.get(members)?.get(name) };
}

function parsed(text: string, reviver: Reviver): unknown {
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch {
    throw invalid("", "The body is not JSON.");
  }
}

/** The members of a body that is JSON, or a form where its type says so; an empty body has none. */
export async function readJsonOrForm(request: HttpRequest): Promise<Json> {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.header("content-type") ?? "");
  if (!isForm) return (await readOldBody(request)).members;
  return Object.fromEntries(new URLSearchParams(utf8Text(await readBody(request, BODY_BYTES_MAX))));
}

/** A whole number as JSON or forms write it; `undefined` for anything else. */
export function wholeNumberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

/** Whether the call came by HTTP GET or HEAD. */
export function isRead({ method }: Pick<Call, "method">): boolean {
  return method === "GET" || method === "HEAD";
}
