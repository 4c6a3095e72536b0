/**
 * JSON that costs no more than it may and whose values are what was written. One look at the text, before it is parsed, counts
 * its values and levels: a megabyte of `[` takes the parser 0.2 s. And `JSON.parse` rounds `4503599627370497.5` to an integer,
 * takes `10.0` for ten, and of two members with one name keeps the last: so what it makes of a text is compared with what the
 * look has counted.
 */
import { invalid, Problem } from "../problem.ts";

/** Objects and lists in each other: what any schema takes is less deep. */
export const DEPTH_MAX = 16;

const QUOTE = 34;
const COMMA = 44;
const POINT = 46;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const COLON = 58;
const BACKSLASH = 92;
/** What small letters and braces have, and capital letters and brackets have not. */
const LOW = 32;
const SMALL_E = 101;
const OPENING = 123;
const CLOSING = 125;

/** What a text says. Of one that is not JSON it is right up to the first fault. */
export type Survey = Readonly<{
  /** Not fewer than there are. */
  values: number;
  depth: number;
  /** Of all objects together, as they are written. */
  members: number;
  /** Some number has a fraction or an exponent. */
  hasDecimals: boolean;
}>;

/** Of the bytes from `start` to `end`. Some nanoseconds for each, and no memory: it comes before anything is made of them. */
export function surveyOf(bytes: Uint8Array, start = 0, end = bytes.length): Survey {
  let values = 1;
  let members = 0;
  let level = 0;
  let depth = 0;
  let hasDecimals = false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      at += 1;
      while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    } else if (byte === COMMA) values += 1;
    else if (byte === COLON) members += 1;
    else if ((byte | LOW) === OPENING) {
      values += 1;
      level += 1;
      if (level > depth) depth = level;
    } else if ((byte | LOW) === CLOSING) level -= 1;
    else if (byte === POINT || ((byte | LOW) === SMALL_E && isDigit(bytes[at - 1] ?? 0))) hasDecimals = true;
  }
  return { values, depth, members, hasDecimals };
}

/** @throws Problem 413: it has more values than that */
export function checkWork({ values }: Pick<Survey, "values">, valuesMax: number): void {
  if (values > valuesMax)
    throw new Problem("body_too_large", `The body may have at most ${valuesMax} values.`);
}

/** Whether a value, or several together, are all that the text says from which they were parsed. */
export function isExact(value: unknown, { depth, members, hasDecimals }: Survey): boolean {
  return !hasDecimals && depth <= DEPTH_MAX && members === membersIn(value);
}

/**
 * What a JSON text says. A number with a fraction or an exponent becomes NaN, which no schema takes: so it is refused where
 * it stands.
 *
 * @param value was parsed from it.
 * @param survey is of the text, and not too deep.
 * @param decimals digits that a fraction may have, where fractions are taken.
 * @throws Problem 400: an object has two members of one name.
 */
export function exactly(
  value: unknown,
  text: string,
  { members, hasDecimals }: Survey,
  decimals: number,
): unknown {
  if (members !== membersIn(value)) throw invalid("", "An object has two members of one name.");
  return hasDecimals ? withDecimals(text, decimals) : value;
}

/** Of valid JSON: the texts of what stands in the list that is an object's only member. @throws Problem 400: it is not. */
export function elementsOf(text: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let members = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at += 1;
      while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
    } else if ((unit | LOW) === OPENING) {
      depth += 1;
      if (depth === 2) start = at + 1;
    } else if ((unit | LOW) === CLOSING) {
      if (depth === 2) elements.push(text.slice(start, at));
      depth -= 1;
    } else if (unit === COMMA && depth === 2) {
      elements.push(text.slice(start, at));
      start = at + 1;
    } else if (unit === COLON && depth === 1) members += 1;
  }
  if (members !== 1) throw invalid("", "An object has two members of one name.");
  return elements.length === 1 && elements[0]?.trim() === "" ? [] : elements;
}

function isDigit(unit: number): boolean {
  return unit >= DIGIT_0 && unit <= DIGIT_9;
}

/** Of all objects together. */
function membersIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) members += membersIn(element);
    return members;
  }
  for (const name in value) {
    members += 1;
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof member === "object") members += membersIn(member);
  }
  return members;
}

type Reviver = (name: string, value: unknown, context: Readonly<{ source?: string }>) => unknown;

function withDecimals(text: string, decimals: number): unknown {
  const exact = decimals === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+(?:\\.\\d{1,${decimals}})?$`);
  const revive: Reviver = (_, value, { source = "" }) =>
    typeof value === "number" && !exact.test(source) ? Number.NaN : value;
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
}
