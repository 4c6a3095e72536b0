/** Validation and schemas of the fields that requests consist of. */

import { z } from "@hono/zod-openapi";
import { METADATA_BYTES_MAX } from "../../actors/ledger/metadata.ts";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { assert } from "../../errors/assert.ts";
import { timeMsOf } from "../../text/time-text.ts";

export const ID_LENGTH_MAX = 128;
const ID = /^[A-Za-z0-9_.:@+-]+(?:\/[A-Za-z0-9_.:@+-]+)?$/;

/** An id that a caller may choose. It may contain one `/`, with characters on both sides. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && value.length <= ID_LENGTH_MAX && ID.test(value);
}

/** `.` and `..` are not allowed for new ids: clients and servers resolve them away in a URL path. */
export function isNewId(value: string): boolean {
  return value !== "." && value !== "..";
}

export function isAmount(value: unknown): value is number {
  return typeof value === "number" && value >= 1 && Number.isSafeInteger(value);
}

export const MEMO_LENGTH_MAX = 500;

/** Text that UTF-8 can represent: no lone surrogates. */
export function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === "string" && value.length <= lengthMax && value.isWellFormed();
}

export const METADATA_KEYS_MAX = 50;
export const METADATA_KEY_LENGTH_MAX = 64;
export const METADATA_VALUE_LENGTH_MAX = 500;

/** Upper bounds of the JSON size: the longest escape is that of `\u0007`; a member adds quotes, colon and comma. */
const JSON_BYTES_PER_CHARACTER = 6;
const JSON_BYTES_PER_MEMBER = 6;

export function isMetadata(value: unknown, nulls = false): value is Record<string, string | null> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const names = Object.keys(value);
  if (names.length > METADATA_KEYS_MAX) return false;
  let characters = 0;
  for (const name of names) {
    // `__proto__` would set the prototype of an object that it is copied to.
    if (name === "__proto__" || name === "" || !isText(name, METADATA_KEY_LENGTH_MAX)) return false;
    const member: unknown = (value as Record<string, unknown>)[name];
    if (!(nulls && member === null) && !isText(member, METADATA_VALUE_LENGTH_MAX)) return false;
    characters += name.length + (member?.length ?? 0);
  }
  const bytesMax = characters * JSON_BYTES_PER_CHARACTER + names.length * JSON_BYTES_PER_MEMBER;
  return bytesMax < METADATA_BYTES_MAX || Buffer.byteLength(JSON.stringify(value)) <= METADATA_BYTES_MAX;
}

/** Milliseconds of a time text that its schema has already validated. */
export function knownTimeMsOf(text: string): number {
  const timeMs = timeMsOf(text);
  assert(timeMs !== undefined, "the schema has validated the time");
  return timeMs;
}

/** `knownTimeMsOf` for an optional time. */
export function timeMsOrNull(text: string | undefined): number | null {
  return text === undefined ? null : knownTimeMsOf(text);
}

let timeTextMs = Number.NaN;
let timeText = "";

/** RFC 3339 in UTC, with milliseconds. Caches the last text: the records of a log batch share one time. */
export function timeTextOf(timeMs: number): string {
  if (timeMs !== timeTextMs) {
    timeText = new Date(timeMs).toISOString();
    timeTextMs = timeMs;
  }
  return timeText;
}

export function timeTextOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : timeTextOf(timeMs);
}

export const Id = z
  .custom<string>(isId, "must be an id: A-Z a-z 0-9 _ . : @ + -, with one optional /, 1 to 128 characters")
  .openapi({
    type: "string",
    minLength: 1,
    maxLength: ID_LENGTH_MAX,
    pattern: ID.source,
    example: "alice/points",
  });

export const NewId = Id.refine((id) => typeof id !== "string" || isNewId(id), "must not be . or ..");

export const NewAccountId = NewId.refine(
  (id) => typeof id !== "string" || !isSystemAccount(id),
  "must not begin with @: system accounts exist without being created",
);

export const Amount = z
  .custom<number>(isAmount, "must be an integer from 1 to 9007199254740991")
  .openapi({ type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER, example: 2500 });

export const Balance = z.int().openapi({ example: 2500 });

export const Asset = z
  .string()
  .regex(/^[A-Z][A-Z0-9]{0,15}\/[0-8]$/, "must be CODE/scale, as USD/2")
  .openapi({ example: "USD/2" });

export const Memo = z
  .custom<string>(
    (value) => isText(value, MEMO_LENGTH_MAX),
    `must be text of at most ${MEMO_LENGTH_MAX} characters`,
  )
  .openapi({ type: "string", maxLength: MEMO_LENGTH_MAX, example: "order 1017" });

const metadataRule =
  `must be at most ${METADATA_KEYS_MAX} members, names of at most ${METADATA_KEY_LENGTH_MAX} characters, ` +
  `values of at most ${METADATA_VALUE_LENGTH_MAX}; together at most ${METADATA_BYTES_MAX} bytes as JSON`;

export const Metadata = z
  .custom<Record<string, string>>((value) => isMetadata(value), metadataRule)
  .openapi({
    type: "object",
    additionalProperties: { type: "string", maxLength: METADATA_VALUE_LENGTH_MAX },
    maxProperties: METADATA_KEYS_MAX,
    description: `At most ${METADATA_BYTES_MAX} bytes as JSON.`,
    example: { order: "1017" },
  });

/** A JSON merge patch (RFC 7396): `null` removes a member. */
export const MetadataPatch = z
  .custom<Record<string, string | null>>((value) => isMetadata(value, true), metadataRule)
  .openapi({
    type: "object",
    additionalProperties: { type: ["string", "null"], maxLength: METADATA_VALUE_LENGTH_MAX },
    maxProperties: METADATA_KEYS_MAX,
    description: `At most ${METADATA_BYTES_MAX} bytes as JSON.`,
    example: { order: "1018", note: null },
  });

export const Time = z
  .custom<string>(
    (value) => typeof value === "string" && timeMsOf(value) !== undefined,
    "must be an RFC 3339 time with its offset, as 2026-11-20T10:00:00.000Z, in the years 0001 to 9999 of UTC",
  )
  .openapi({ type: "string", format: "date-time", example: "2026-11-20T10:00:00.000Z" });

/** `Time` in a query, where an unescaped `+` arrives as a space. */
export const QueryTime = z
  .preprocess((value) => (typeof value === "string" ? value.replace(/ (?=\d\d:\d\d$)/, "+") : value), Time)
  .openapi({ type: "string", format: "date-time", example: "2026-11-20T10:00:00.000Z" });

export function textField(lengthMax: number, more: Readonly<{ description?: string; example: string }>) {
  return z
    .custom<string>(
      (value) => isText(value, lengthMax) && value !== "",
      `must be text of 1 to ${lengthMax} characters`,
    )
    .openapi({ type: "string", minLength: 1, maxLength: lengthMax, ...more });
}

export const Name = textField(200, { example: "Acme" });

export const ProgrammeName = textField(50, { example: "Alice" });

export const Description = textField(300, { example: "Haircut" });

export const LIST_LIMIT_DEFAULT = 50;
export const LIST_LIMIT_MAX = 500;

/** The `limit` of a query: digits only, 1 to 500. */
export const Limit = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, "must be an integer from 1 to 500")
  .transform(Number)
  .refine((limit) => limit <= LIST_LIMIT_MAX, "must be an integer from 1 to 500")
  .optional()
  .openapi({ type: "integer", minimum: 1, maximum: LIST_LIMIT_MAX, default: LIST_LIMIT_DEFAULT });

export const Cursor = z
  .string()
  .regex(/^[\x21-\x7e]{1,1024}$/, "must be the next_cursor of the previous page")
  .optional()
  .openapi({ description: "The `next_cursor` of the previous page." });

export const Flag = z.enum(["true", "false"]).optional();
