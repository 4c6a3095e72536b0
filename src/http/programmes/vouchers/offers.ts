/** `/v1/offers`: discounts that vouchers refer to. */
import { z } from "@hono/zod-openapi";
import { askOffer, askOffers, type Offer, offerSubject } from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { assert } from "../../../errors/assert.ts";
import { callerOf, jsonAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { PageQuery, pageAnswer, pageOf } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import { readChange } from "../../read-change.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { Discount, hundredthsOf, OfferName, offerNameOf, percentOf, type VoucherDeps } from "./fields.ts";

const Pricing = z.enum(["live", "snapshot"]).openapi({
  description:
    "`live`: vouchers follow the offer's discount until redeemed. `snapshot`: they keep the discount of their issue.",
});
const OfferTerms = z
  .strictObject({ discount: Discount, pricing: Pricing.default("live") })
  .openapi("OfferTerms", { example: { discount: 38.5 } });
const OfferSchema = z
  .object({ name: z.string(), discount: z.number(), pricing: Pricing })
  .openapi("Offer", { example: { name: "Autumn sale", discount: 38.5, pricing: "live" } });
const params = z.object({ name: OfferName });
const answer = {
  status: 200,
  description: "The offer.",
  content: { "application/json": OfferSchema },
} as const;

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
      params,
      body: { schema: OfferTerms },
      answer,
      problems: ["too_many_offers", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const name = offerNameOf(request.param("name"));
      const { value, header } = await readChange(request, call, OfferTerms, { decimals: 2 });
      const { pricing } = value;
      const discount = hundredthsOf(value.discount);
      assert(discount !== undefined, "the schema has checked the discount");
      const subject = offerSubject(name);
      const act = { programme: "vouchers", act: "put_offer", subject, name, discount, pricing } as const;
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 200, () =>
        offerJson({ name, discount, pricing }),
      );
    },
  );
}

function addReads(routes: Routes, { ledger }: VoucherDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/offers",
      access: "partner",
      group: "vouchers",
      summary: "List offers, newest first",
      query: PageQuery,
      answer: pageOf(OfferSchema),
    },
    async (_, call, query) => {
      const page = await ledger.list(call.partner, askOffers, query, callerOf(call));
      return pageAnswer(call, page, offerJson);
    },
  );
  routes.add(
    {
      method: "get",
      path: "/v1/offers/{name}",
      access: "partner",
      group: "vouchers",
      summary: "Get an offer",
      params,
      answer,
      problems: ["offer_not_found"],
    },
    async (request, call) => {
      const name = offerNameOf(request.param("name"));
      const offer = await ledger.ask(call.partner, askOffer(name));
      if (offer === null) throw new Problem("offer_not_found", `There is no offer ${name}.`);
      return jsonAnswer(call, 200, offerJson(offer));
    },
  );
}

function offerJson({ name, discount, pricing }: Pick<Offer, "name" | "discount" | "pricing">): string {
  return JSON.stringify({ name, discount: percentOf(discount), pricing });
}
