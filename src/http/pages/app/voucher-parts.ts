/** What pages about vouchers share: the table of vouchers, what an offer is worth, and the form that issues one. */
import { z } from "@hono/zod-openapi";
import { askOffers, type Discount, type VoucherView } from "../../../actors/programmes/vouchers/acts.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { timeMsOf } from "../../../text/time-text.ts";
import { check } from "../../input/validation.ts";
import { invalid, type Problem } from "../../problem.ts";
import { discountMembers, OfferName, UsesMax } from "../../programmes/vouchers/fields.ts";
import { type Column, table } from "../base/blocks.ts";
import { type Fields, FormKey } from "../base/form-attempt.ts";
import { badge, money, none, pathOf, time } from "../base/format.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { type Fragment, type Html, html } from "../base/html.ts";

const OFFERS_LISTED = 100;
const DAY_MS = 24 * 60 * 60 * 1000;
const TONES = { valid: "good", redeemed: "plain", expired: "warn", cancelled: "bad" } as const;

/** `email`: absent where all vouchers are of one customer; `null` if the customer is erased. */
export type VoucherRow = VoucherView & Readonly<{ email?: string | null }>;

export function worth(discount: Discount): Html {
  const shown: { discount?: number; amount?: number; asset?: string } = discountMembers(discount);
  return shown.discount === undefined
    ? money(shown.amount ?? 0, shown.asset ?? "")
    : html`${shown.discount} %`;
}

export function voucherStatus({ status }: VoucherView): Html {
  return badge(status, TONES[status]);
}

/** How many uses of a voucher are taken. */
export function usesTaken({ usesMax, usesLeft }: VoucherView): string {
  return `${usesMax - usesLeft} of ${usesMax}`;
}

export function customerLink(email: string | null): Fragment {
  if (email === null) return none("erased");
  return html`<a href="${pathOf("app", "customers", email)}">${email}</a>`;
}

export function voucherTable(rows: readonly VoucherRow[], empty: string): Html {
  const isOfMany = rows.some(({ email }) => email !== undefined);
  const customer: Column<VoucherRow> = {
    label: "Customer",
    cell: ({ email = null }) => customerLink(email),
  };
  return table<VoucherRow>({
    caption: "Vouchers",
    rows,
    empty,
    columns: [
      {
        label: "Voucher",
        isHead: true,
        cell: ({ code }) => html`<a class="mono" href="${pathOf("app", "vouchers", code)}">${code}</a>`,
      },
      ...(isOfMany ? [customer] : []),
      { label: "Offer", cell: ({ offer }) => offer },
      { label: "Grants", isNumber: true, cell: ({ discount }) => worth(discount) },
      { label: "State", cell: voucherStatus },
      { label: "Uses", isNumber: true, cell: usesTaken },
      { label: "Expiry", cell: ({ expiresAtMs }) => time(expiresAtMs) },
    ],
  });
}

/** The offers to choose from; `undefined` if they are too many for a list, so that their name is typed. */
export type OfferChoice = readonly string[] | undefined;

export async function offersToChoose(ledger: Ledger, partner: string): Promise<OfferChoice> {
  const { data, nextCursor } = await ledger.list(partner, askOffers, { limit: OFFERS_LISTED });
  return nextCursor === null ? data.map(({ name }) => name) : undefined;
}

/** The fields of a form that issues vouchers. */
export const termFields = {
  offer_name: OfferName,
  expires_at: z.string(),
  uses_max: z.string().default(""),
  form: FormKey,
};
type Terms = Readonly<{ offer_name: string; expires_at: string; uses_max: string }>;

/** The terms that a form states. @throws Problem 400 */
export function termsOf({ offer_name: offer, expires_at: day, uses_max: uses }: Terms) {
  const usesMax = check(z.strictObject({ uses_max: UsesMax }), {
    uses_max: uses === "" ? undefined : Number(uses),
  }).uses_max;
  // Valid until this day is over.
  const expiresAtMs = z.iso.date().safeParse(day).success
    ? timeMsOf(new Date(Date.parse(day) + DAY_MS).toISOString())
    : undefined;
  if (expiresAtMs === undefined) throw invalid("expires_at", "must be a day, as 2027-01-31");
  return { offer, expiresAtMs, usesMax: usesMax ?? 1 };
}

/** @param first fields before those of the terms. */
export function issueForm(
  action: string,
  form: string,
  offers: OfferChoice,
  fields: Fields,
  problem: Problem | undefined,
  { first, button }: Readonly<{ first?: Fragment; button: string }>,
): Html {
  if (offers?.length === 0)
    return html`<p class="empty">A voucher grants an offer. <a href="/app/offers">Make the first offer</a></p>`;
  const choices = offers?.map((name) => ({ value: name, label: name }));
  return html`<form method="post" action="${action}" class="inline">
${first}${field({ name: "offer_name", label: "Offer", value: fields["offer_name"], ...(choices && { choices }), error: errorOf(problem, "offer_name") })}
${field({ name: "expires_at", label: "Valid until", type: "date", value: fields["expires_at"], hint: "The last day, in UTC.", error: errorOf(problem, "expires_at") })}
${field({ name: "uses_max", label: "Uses", value: fields["uses_max"] ?? "1", inputMode: "decimal", hint: "How often it can be redeemed.", error: errorOf(problem, "uses_max") })}
${hidden({ form })}<button>${button}</button></form>`;
}
