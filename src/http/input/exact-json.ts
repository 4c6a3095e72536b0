/**
 * Reads JSON within a bound of work, and exactly as written. A scan of the text before parsing counts values and
 * levels: one megabyte of `[` would take the parser 0.2 s. And `JSON.parse` rounds `4503599627370497.5` to an
 * integer, reads `10.0` as ten, and keeps the last of two members with the same name; so its result is compared
 * with the counts of the scan.
 */
import { invalid, Problem } from "../problem.ts";

/** Maximum nesting. No schema is as deep. */
export const DEPTH_MAX = 16;

const QUOTE = 34;
const COMMA = 44;
const POINT = 46;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const COLON = 58;
const BACKSLASH = 92;
/** The bit that distinguishes braces from brackets, and lower-case from upper-case letters. */
const LOW = 32;
const SMALL_E = 101;
const OPENING = 123;
const CLOSING = 125;

/** Counts of a JSON text. If the text is not JSON they are correct up to the first fault. */
export type Survey = Readonly<{
  /** An upper bound on the number of values. */
  values: number;
  depth: number;
  /** Members of all objects, repeated names included. */
  members: number;
  /** Whether a number has a fraction or an exponent. */
  hasDecimals: boolean;
}>;

/** A scan of a text, in one or several steps. It takes some nanoseconds per byte and allocates nothing. */
export class JsonScan {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #isInString = false;
  #level = 0;
  #values = 1;
  #depth = 0;
  #members = 0;
  #hasDecimals = false;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The counts up to here. */
  get survey(): Survey {
    return {
      values: this.#values,
      depth: this.#depth,
      members: this.#members,
      hasDecimals: this.#hasDecimals,
    };
  }

  /** Scans at most `bytesMax` further bytes. @returns whether that was the rest */
  advance(bytesMax: number): boolean {
    const bytes = this.#bytes;
    const stop = Math.min(this.#end, this.#at + bytesMax);
    let at = this.#at;
    let isInString = this.#isInString;
    let level = this.#level;
    for (; at < stop; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE || isInString) {
        if (!isInString) at += 1;
        while (at < stop && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
        isInString = at >= stop;
        if (isInString) break;
      } else if (byte === COMMA) this.#values += 1;
      else if (byte === COLON) this.#members += 1;
      else if ((byte | LOW) === OPENING) {
        this.#values += 1;
        level += 1;
        if (level > this.#depth) this.#depth = level;
      } else if ((byte | LOW) === CLOSING) level -= 1;
      else if (byte === POINT || ((byte | LOW) === SMALL_E && isDigit(bytes[at - 1] ?? 0)))
        this.#hasDecimals = true;
    }
    this.#at = at;
    this.#isInString = isInString;
    this.#level = level;
    return at >= this.#end;
  }
}

/** Scans the bytes from `start` to `end`. */
export function surveyOf(bytes: Uint8Array, start = 0, end = bytes.length): Survey {
  const scan = new JsonScan(bytes, start, end);
  scan.advance(end - start);
  return scan.survey;
}

/** @throws Problem 413: the text has more than `valuesMax` values */
export function checkWork({ values }: Pick<Survey, "values">, valuesMax: number): void {
  if (values > valuesMax)
    throw new Problem("body_too_large", `The body may have at most ${valuesMax} values.`);
}

/** Whether the parsed value is exactly what the text says. */
export function isExact(value: unknown, { depth, members, hasDecimals }: Survey): boolean {
  return !hasDecimals && depth <= DEPTH_MAX && members === membersIn(value);
}

/**
 * The value of a JSON text, exactly as written. A number with a fraction or an exponent becomes NaN, which every
 * schema refuses, so the error names its field.
 *
 * @param value parsed from the text.
 * @param survey of the text; `depth` has been checked.
 * @param decimals by member: digits allowed in its fraction. In all others: none.
 * @throws Problem 400: an object has a repeated member name.
 */
export function exactly(
  value: unknown,
  text: string,
  { members, hasDecimals }: Survey,
  decimals: Decimals,
): unknown {
  if (members !== membersIn(value)) throw invalid("", "An object has two members with the same name.");
  return hasDecimals ? withDecimals(text, decimals) : value;
}

/**
 * The texts of the elements of a list that is the only member of an object.
 *
 * @param text valid JSON of that shape.
 * @throws Problem 400: the object has a repeated member name.
 */
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
  if (members !== 1) throw invalid("", "An object has two members with the same name.");
  return elements.length === 1 && elements[0]?.trim() === "" ? [] : elements;
}

function isDigit(unit: number): boolean {
  return unit >= DIGIT_0 && unit <= DIGIT_9;
}

/** Members of all objects in a value. */
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

/** By the name of a member: digits allowed in the fraction of its value. */
export type Decimals = Readonly<Record<string, number>>;

type Reviver = (name: string, value: unknown, context: Readonly<{ source?: string }>) => unknown;

function withDecimals(text: string, decimals: Decimals): unknown {
  const isAllowed = (name: string, source: string) => {
    const plain = /^-?\d+(?:\.(\d+))?$/.exec(source);
    const digits = Object.hasOwn(decimals, name) ? (decimals[name] ?? 0) : 0;
    return plain !== null && (plain[1] ?? "").length <= digits;
  };
  const revive: Reviver = (name, value, { source = "" }) =>
    typeof value === "number" && !isAllowed(name, source) ? Number.NaN : value;
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
}
