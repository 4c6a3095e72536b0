/** Fields of voucher requests, and their conversion to stored values. */
import { z } from "@hono/zod-openapi";
import type { Discount as StoredDiscount } from "../../../actors/programmes/vouchers/acts.ts";
import { USES_MAX } from "../../../actors/programmes/vouchers/uses.ts";
import type { Directory, Ledger } from "../../../gateway/ports.ts";
import type { Persons } from "../../../persons/person-keys.ts";
import type { Clock } from "../../clock.ts";
import { Amount, Asset, isNewId, isText } from "../../input/fields.ts";
import type { WindowCounters } from "../../limits/window-counters.ts";
import { invalid } from "../../problem.ts";

export type VoucherDeps = Readonly<{
  ledger: Ledger;
  clock: Clock;
  counters: WindowCounters;
  persons: Persons;
  directory: Pick<Directory, "hasClearCustomers">;
}>;

/** Of an e-mail in answers. */
export const ERASED = "`null` once the customer is erased.";

const OFFER_NAME_LENGTH_MAX = 100;
const CONTROL = /\p{C}/u;

export const OfferName = z
  .custom<string>(isOfferName, `must be text of 1 to ${OFFER_NAME_LENGTH_MAX} characters`)
  .openapi({ type: "string", minLength: 1, maxLength: OFFER_NAME_LENGTH_MAX, example: "Autumn sale" });

/** A percentage as callers write it: 38.5. */
const Discount = z
  .custom<number>(
    (value) => typeof value === "number" && hundredthsOf(value) !== undefined,
    "must be a percentage above 0 and up to 100, with at most two decimals",
  )
  .openapi({ type: "number", exclusiveMinimum: 0, maximum: 100, multipleOf: 0.01, example: 38.5 });

/** What a voucher is worth: members of requests. `discountOf` checks that there is one of the two. */
export const discountFields = {
  discount: Discount.optional().openapi({ description: "Percent. Not together with `amount`." }),
  amount: Amount.optional().openapi({ description: "A fixed discount in minor units of `asset`." }),
  asset: Asset.optional().openapi({ description: "Required with `amount`." }),
};
type DiscountFields = Readonly<{
  discount?: number | undefined;
  amount?: number | undefined;
  asset?: string | undefined;
}>;

/** For `readChange`: amounts are integers. */
export const DISCOUNT_DECIMALS = { discount: 2 };

/** What a voucher is worth: members of answers. */
export const discountAnswer = {
  discount: z.number().optional().openapi({ description: "Percent; absent if the voucher has an `amount`." }),
  amount: z
    .int()
    .optional()
    .openapi({ description: "Minor units of `asset`; absent if the voucher has a `discount`." }),
  asset: z.string().optional(),
};

export const UsesMax = z
  .custom<number>(
    (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= USES_MAX,
    `must be an integer from 1 to ${USES_MAX}`,
  )
  .optional()
  .openapi({
    type: "integer",
    minimum: 1,
    maximum: USES_MAX,
    default: 1,
    description: "How often a voucher can be redeemed.",
  });

/** The discount or amount of a request; `undefined` if it has neither. @throws Problem 400 */
export function discountOf({ discount, amount, asset }: DiscountFields): StoredDiscount | undefined {
  if (discount !== undefined && amount !== undefined) throw invalid("amount", "must not come with discount");
  if (amount === undefined && asset !== undefined) throw invalid("asset", "must come with amount");
  if (amount === undefined) return discount === undefined ? undefined : hundredthsOf(discount);
  if (asset === undefined) throw invalid("asset", "is required with amount");
  return { amount, asset };
}

/** The members of an answer that say what a voucher is worth. */
export function discountMembers(discount: StoredDiscount) {
  return typeof discount === "number" ? { discount: percentOf(discount) } : { ...discount };
}

/** The offer name of a path. @throws Problem 400 */
export function offerNameOf(text: string | undefined): string {
  if (!isOfferName(text)) throw invalid("name", "must be the name of an offer");
  return text;
}

/** A percentage in hundredths of a percent; `undefined` if it is out of range or has more than two decimals. */
function hundredthsOf(percent: number): number | undefined {
  const hundredths = Math.round(percent * 100);
  const isExact = hundredths / 100 === percent;
  return isExact && hundredths >= 1 && hundredths <= 10_000 ? hundredths : undefined;
}

function percentOf(hundredths: number): number {
  return hundredths / 100;
}

function isOfferName(value: unknown): value is string {
  return (
    isText(value, OFFER_NAME_LENGTH_MAX) && value.trim() !== "" && isNewId(value) && !CONTROL.test(value)
  );
}
