/** Phone numbers: parsed from what callers write, stored as E.164. */
import { z } from "@hono/zod-openapi";
import { withoutTypography } from "../../input/typed-text.ts";

/** An Iranian mobile number in national format; the leading 0 is optional. */
const IRANIAN_MOBILE = /^0?(9\d{9})$/;
const INTERNATIONAL = /^(?:\+|00)([1-9]\d{6,14})$/;

/** E.164, as `+989121234567`; `undefined` for any other text. Of Iranian numbers only mobile ones are valid. */
export function phoneOf(text: string): string | undefined {
  const number = withoutTypography(text);
  const national = IRANIAN_MOBILE.exec(number)?.[1];
  if (national !== undefined) return `+98${national}`;
  const digits = INTERNATIONAL.exec(number)?.[1];
  if (digits === undefined) return undefined;
  if (digits.startsWith("98") && !/^989\d{9}$/.test(digits)) return undefined;
  return `+${digits}`;
}

/** Accepts a leading blank for `+`: an unescaped `+` in a query is decoded as a blank. */
export function phoneOfQuery(text: string): string | undefined {
  return phoneOf(text.replace(/^ /, "+")) ?? phoneOf(text);
}

export const PHONE_RULE =
  "must be a phone number: E.164, as +989121234567, or a mobile number of Iran, as 09121234567";

export const Phone = z
  .custom<string>((value) => typeof value === "string" && phoneOf(value) !== undefined, PHONE_RULE)
  .transform((text) => phoneOf(text) ?? text)
  .openapi({ type: "string", example: "+989121234567" });
