/** `/app/offers`: what vouchers grant. */
import { z } from "@hono/zod-openapi";
import {
  askOffers,
  type Discount,
  type Offer,
  offerSubject,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Call } from "../../call.ts";
import { Asset } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { check } from "../../input/validation.ts";
import { invalid, type Problem } from "../../problem.ts";
import { discountOf, offerNameOf } from "../../programmes/vouchers/fields.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { nextPage, section, table } from "../base/blocks.ts";
import {
  type Fields,
  FormKey,
  filledIn,
  formHeader,
  newFormKey,
  problemNote,
  tryForm,
  typedAmount,
  withNote,
} from "../base/form-attempt.ts";
import { errorOf, field, hidden } from "../base/forms.ts";
import { type Html, html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import type { PageRoutes } from "../base/page-routes.ts";
import { type AppDeps, rowsOf } from "./area.ts";
import { worth } from "./voucher-parts.ts";

const PATH = "/app/offers";
const ListQuery = z.strictObject({ cursor: PageQuery.shape.cursor, done: z.literal("put").optional() });
const PERCENTAGE = "must be a percentage such as 15 or 12.5";
const OfferForm = z.strictObject({
  name: z.string().default(""),
  percent: z
    .string()
    .regex(/^\d{1,3}(?:[.,]\d{1,2})?$/, PERCENTAGE)
    .optional(),
  amount: z.string().optional(),
  asset: Asset.optional(),
  pricing: z.enum(["live", "snapshot"]),
  form: FormKey,
});
const PRICINGS = [
  { value: "live", label: "live: vouchers follow the offer" },
  { value: "snapshot", label: "snapshot: vouchers keep what they had at their issue" },
];

export function addOfferPages(pages: PageRoutes, deps: AppDeps): void {
  pages.page({ path: PATH, query: ListQuery }, async ({ call, query }) => {
    const page = await offersPage(call, deps, query.cursor);
    if (query.done === undefined) return page;
    return withNote(page, "The offer is stored. New vouchers grant it.");
  });
  pages.action({ path: PATH }, ({ request, call }) =>
    tryForm(
      request,
      async (fields) => {
        const { form, name: typed, pricing, ...worthTyped } = check(OfferForm, filledIn(fields));
        const name = offerNameOf(typed);
        const discount = discountTyped(worthTyped);
        const header = formHeader(request, call.partner, form, { name, discount, pricing });
        const act = voucherAct("put_offer", offerSubject(name), { name, discount, pricing });
        acceptedOrThrow(await deps.ledger.submit(actAlone(header, act)));
        return `${PATH}?done=put`;
      },
      (fields, problem) => offersPage(call, deps, undefined, fields, problem),
    ),
  );
}

type WorthTyped = Readonly<Partial<Record<"percent" | "amount" | "asset", string | undefined>>>;

/** What an offer grants: a percentage, or an amount. @throws Problem 400 */
function discountTyped({ percent, amount, asset }: WorthTyped): Discount {
  if (percent === undefined && amount === undefined) throw invalid("percent", "is required, or an amount");
  if (amount !== undefined && asset === undefined) throw invalid("asset", "is required with an amount");
  const discount = discountOf({
    discount: percent === undefined ? undefined : Number(percent.replace(",", ".")),
    amount: amount === undefined ? undefined : typedAmount(amount, asset ?? ""),
    asset,
  });
  if (discount === undefined) throw invalid("percent", PERCENTAGE);
  return discount;
}

async function offersPage(
  call: Call,
  { ledger, random }: AppDeps,
  cursor: string | undefined,
  fields: Fields = {},
  problem?: Problem,
): Promise<Page> {
  const { data, nextCursor } = await rowsOf(ledger, call, askOffers, cursor);
  return {
    title: "Offers",
    body: html`${problemNote(problem)}
${table<Offer>({
  caption: "Offers",
  rows: data,
  empty: "There are no offers yet. Make the first one below.",
  columns: [
    { label: "Offer", isHead: true, cell: ({ name }) => name },
    { label: "Grants", isNumber: true, cell: ({ discount }) => worth(discount) },
    { label: "Pricing", cell: ({ pricing }) => pricing },
  ],
})}
${nextPage(PATH, nextCursor, "offers")}
${section("Make or change an offer", offerForm(newFormKey(random), fields, problem))}`,
  };
}

function offerForm(form: string, fields: Fields, problem: Problem | undefined): Html {
  const { name, percent, amount, asset, pricing } = fields;
  return html`<form method="post" action="${PATH}" class="stack">
${field({ name: "name", label: "Name", value: name, error: errorOf(problem, "name") })}
${field({ name: "percent", label: "Discount in %", value: percent, isOptional: true, inputMode: "decimal", error: errorOf(problem, "percent") ?? errorOf(problem, "discount") })}
${field({ name: "amount", label: "Or an amount", value: amount, isOptional: true, inputMode: "decimal", hint: "Such as 3.50.", error: errorOf(problem, "amount") })}
${field({ name: "asset", label: "Asset of the amount", value: asset, isOptional: true, hint: "The currency and its decimals, such as USD/2.", error: errorOf(problem, "asset") })}
${field({ name: "pricing", label: "Pricing", value: pricing, choices: PRICINGS })}
${hidden({ form })}<button>Store</button></form>`;
}
