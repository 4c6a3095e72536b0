/** `/v1/offers`: discounts, percentages or amounts, that vouchers refer to. */
import { z } from "@hono/zod-openapi";
import {
  askOffer,
  askOffers,
  type Offer,
  offerSubject,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { PageQuery } from "../../input/pagination.ts";
import { invalid, Problem } from "../../problem.ts";
import { readChange } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import {
  DISCOUNT_DECIMALS,
  discountAnswer,
  discountFields,
  discountMembers,
  discountOf,
  OfferName,
  offerNameOf,
  type VoucherDeps,
} from "./fields.ts";

const Pricing = z.enum(["live", "snapshot"]).openapi({
  description:
    "`live`: vouchers follow the offer's discount until redeemed. `snapshot`: they keep the discount of their issue.",
});
const OfferTerms = z
  .strictObject({ ...discountFields, pricing: Pricing.default("live") })
  .openapi("OfferTerms", { example: { discount: 38.5 } });
const OfferSchema = z
  .object({ name: z.string(), ...discountAnswer, pricing: Pricing })
  .openapi("Offer", { example: { name: "Autumn sale", discount: 38.5, pricing: "live" } });
const params = z.object({ name: OfferName });
const answer = { description: "The offer.", content: { "application/json": OfferSchema } };

export function addOffers(routes: Routes, deps: VoucherDeps): void {
  addPut(routes, deps);
  addReads(routes, deps);
}

function addPut(routes: Routes, { ledger }: VoucherDeps): void {
  routes.add(
    {
      method: "put",
      path: "/v1/offers/{name}",
      access: "partner",
      group: "vouchers",
      summary: "Create or replace an offer",
      description:
        "Either `discount`, or `amount` with `asset`. A replaced offer may change from one to the other: its vouchers " +
        "with `live` pricing that are not used up follow, those with `snapshot` pricing keep what they had at their issue.",
      params,
      body: { schema: OfferTerms },
      answer: { status: 200, ...answer },
      problems: ["too_many_offers", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const name = offerNameOf(request.param("name"));
      const { value, header } = await readChange(request, call, OfferTerms, { decimals: DISCOUNT_DECIMALS });
      const { pricing } = value;
      const discount = discountOf(value);
      if (discount === undefined) throw invalid("discount", "is required, or amount with asset");
      const act = voucherAct("put_offer", offerSubject(name), { name, discount, pricing });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 200, () =>
        offerJson({ name, discount, pricing }),
      );
    },
  );
}

function addReads(routes: Routes, { ledger }: VoucherDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/offers",
      access: "partner",
      group: "vouchers",
      summary: "List offers, newest first",
      query: PageQuery,
      row: OfferSchema,
    },
    (_, call, query) => ledger.list(call.partner, askOffers, query, callerOf(call)),
    offerJson,
  );
  addReadRoute(
    routes,
    {
      path: "/v1/offers/{name}",
      access: "partner",
      group: "vouchers",
      summary: "Get an offer",
      params,
      answer: { status: 200, ...answer },
      problems: ["offer_not_found"],
    },
    async (request, call) => {
      const name = offerNameOf(request.param("name"));
      const offer = await ledger.ask(call.partner, askOffer(name));
      if (offer === null) throw new Problem("offer_not_found", `There is no offer ${name}.`);
      return offer;
    },
    offerJson,
  );
}

function offerJson({ name, discount, pricing }: Pick<Offer, "name" | "discount" | "pricing">): string {
  return JSON.stringify({ name, ...discountMembers(discount), pricing });
}
