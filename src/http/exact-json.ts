/**
 * JSON whose values are what was written. `JSON.parse` rounds `4503599627370497.5` to an integer, takes `10.0` for ten, and
 * of two members with one name keeps the last. So what it makes of a text is held against the text: member by member where
 * the text is as most programs write it, else byte by byte, at about a nanosecond each; and only where something is odd is it
 * read again, slowly.
 */
import { invalid } from "./problem.ts";

/** Objects and lists in each other: what any schema takes is less deep. */
const DEPTH_MAX = 16;

const BLANK = 32;
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

/** Whether a value, or several together, are all that the JSON says from which they were parsed. */
export function isExact(value: unknown, bytes: Uint8Array): boolean {
  const { depth, members, hasDecimals } = surveyOf(bytes);
  return !hasDecimals && depth <= DEPTH_MAX && members === membersIn(value);
}

/** The same of a text that is written without a fraction, an escape, or more blanks than one after a colon or comma. */
export function isPlain(value: unknown, text: string): boolean {
  return !text.includes("\\") && endOf(value, text, 0, 0) === text.length;
}

/**
 * What a JSON text says. A number with a fraction or an exponent becomes NaN, which no schema takes: so it is refused where
 * it stands.
 *
 * @param value was parsed from it, and `bytes` are those of the text.
 * @param decimals digits that a fraction may have, where fractions are taken.
 * @throws Problem 400: an object has two members of one name, or it is too deep.
 */
export function exactly(value: unknown, text: string, bytes: Uint8Array, decimals: number): unknown {
  if (isPlain(value, text)) return value;
  const { depth, members, hasDecimals } = surveyOf(bytes);
  if (depth > DEPTH_MAX) throw invalid("", "The body has too many levels.");
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

/**
 * Where a value ends that was parsed from what begins at `at`, in a text without escapes; NaN where that is not plain to see.
 * A member that stands there twice is one too many for the value; a number has to end with its digits. (What is looked for
 * at NaN is looked for where the text begins, and never found there.)
 */
function endOf(value: unknown, text: string, at: number, depth: number): number {
  switch (typeof value) {
    case "string": {
      const end = at + value.length + 1;
      return text.charCodeAt(at) === QUOTE && text.charCodeAt(end) === QUOTE ? end + 1 : Number.NaN;
    }
    case "number": {
      let end = at;
      while (isDigit(text.charCodeAt(end))) end += 1;
      return end;
    }
    case "boolean":
      return at + (value ? 4 : 5);
    default:
      if (value === null) return at + 4;
      if (depth === DEPTH_MAX) return Number.NaN;
      return Array.isArray(value)
        ? endOfList(value, text, at + 1, depth + 1)
        : endOfObject(value as Readonly<Record<string, unknown>>, text, at + 1, depth + 1);
  }
}

/** @param at behind its bracket. */
function endOfList(list: readonly unknown[], text: string, at: number, depth: number): number {
  let end = at;
  for (let i = 0; i < list.length; i++) {
    if (i > 0) end = behind(COMMA, text, end);
    end = endOf(list[i], text, end, depth);
  }
  return (text.charCodeAt(end) | LOW) === CLOSING ? end + 1 : Number.NaN;
}

/** @param at behind its brace. */
function endOfObject(
  object: Readonly<Record<string, unknown>>,
  text: string,
  at: number,
  depth: number,
): number {
  let end = at;
  for (const name in object) {
    // Names that are numbers do not stand in the order of the text.
    if (isDigit(name.charCodeAt(0))) return Number.NaN;
    if (end > at) end = behind(COMMA, text, end);
    end = endOf(object[name], text, behind(COLON, text, endOf(name, text, end, depth)), depth);
  }
  return (text.charCodeAt(end) | LOW) === CLOSING ? end + 1 : Number.NaN;
}

/** Behind this separator, and a blank. */
function behind(separator: number, text: string, at: number): number {
  if (text.charCodeAt(at) !== separator) return Number.NaN;
  return text.charCodeAt(at + 1) === BLANK ? at + 2 : at + 1;
}

type Survey = Readonly<{
  /** Of all objects together, as they are written. */
  members: number;
  depth: number;
  /** Some number has a fraction or an exponent. */
  hasDecimals: boolean;
}>;

/** Of valid JSON. */
function surveyOf(bytes: Uint8Array): Survey {
  let members = 0;
  let level = 0;
  let depth = 0;
  let hasDecimals = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      at += 1;
      while (bytes[at] !== QUOTE && at < bytes.length) at += bytes[at] === BACKSLASH ? 2 : 1;
    } else if (byte === COLON) members += 1;
    else if ((byte | LOW) === OPENING) {
      level += 1;
      if (level > depth) depth = level;
    } else if ((byte | LOW) === CLOSING) level -= 1;
    else if (byte === POINT || ((byte | LOW) === SMALL_E && isDigit(bytes[at - 1] ?? 0))) hasDecimals = true;
  }
  return { members, depth, hasDecimals };
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
