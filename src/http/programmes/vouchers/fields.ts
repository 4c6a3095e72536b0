/** Fields of voucher requests, and their conversion to stored values. */
import { z } from "@hono/zod-openapi";
import type { Ledger } from "../../../gateway/ports.ts";
import type { Clock } from "../../clock.ts";
import { isNewId, isText } from "../../input/fields.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { invalid } from "../../problem.ts";

export type VoucherDeps = Readonly<{ ledger: Ledger; clock: Clock; counters: WindowCounters }>;

const OFFER_NAME_LENGTH_MAX = 100;
const CONTROL = /\p{C}/u;

export const OfferName = z
  .custom<string>(isOfferName, `must be text of 1 to ${OFFER_NAME_LENGTH_MAX} characters`)
  .openapi({ type: "string", minLength: 1, maxLength: OFFER_NAME_LENGTH_MAX, example: "Autumn sale" });

/** A percentage as callers write it: 38.5. */
export const Discount = z
  .custom<number>(
    (value) => typeof value === "number" && hundredthsOf(value) !== undefined,
    "must be a percentage above 0 and up to 100, with at most two decimals",
  )
  .openapi({ type: "number", exclusiveMinimum: 0, maximum: 100, multipleOf: 0.01, example: 38.5 });

/** The offer name of a path. @throws Problem 400 */
export function offerNameOf(text: string | undefined): string {
  if (!isOfferName(text)) throw invalid("name", "must be the name of an offer");
  return text;
}

/** A percentage in hundredths of a percent; `undefined` if it is out of range or has more than two decimals. */
export function hundredthsOf(percent: number): number | undefined {
  const hundredths = Math.round(percent * 100);
  const isExact = hundredths / 100 === percent;
  return isExact && hundredths >= 1 && hundredths <= 10_000 ? hundredths : undefined;
}

export function percentOf(hundredths: number): number {
  return hundredths / 100;
}

function isOfferName(value: unknown): value is string {
  return (
    isText(value, OFFER_NAME_LENGTH_MAX) && value.trim() !== "" && isNewId(value) && !CONTROL.test(value)
  );
}
