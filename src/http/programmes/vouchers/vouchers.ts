/** `/v1/vouchers`: issues and lists vouchers. */
import { z } from "@hono/zod-openapi";
import {
  askCustomer,
  askVouchers,
  customerSubject,
  type VoucherView,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { knownTimeMsOf, Time, timeTextOf, timeTextOrNull } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { readChange } from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { customerNotFound } from "./customers.ts";
import { Discount, hundredthsOf, OfferName, percentOf, type VoucherDeps } from "./fields.ts";

const STATUSES = ["valid", "redeemed", "expired", "cancelled"] as const;

const NewVoucher = z
  .strictObject({
    email: Email,
    offer_name: OfferName,
    discount: Discount.optional().openapi({
      description: "Percent. Creates the offer, or changes its discount, atomically with the voucher.",
    }),
    expires_at: Time,
  })
  .openapi("NewVoucher", {
    example: {
      email: "alice@example.com",
      offer_name: "Autumn sale",
      discount: 38.5,
      expires_at: "2027-01-01T00:00:00.000Z",
    },
  });
const VoucherSchema = z
  .object({
    code: z.string(),
    email: z.string(),
    offer_name: z.string(),
    discount: z.number(),
    expires_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
  })
  .openapi("Voucher", {
    example: {
      code: "7QK3MWPA2XHT9C",
      email: "alice@example.com",
      offer_name: "Autumn sale",
      discount: 38.5,
      expires_at: "2027-01-01T00:00:00.000Z",
      created_at: "2026-11-20T10:00:00.000Z",
    },
  });
const VoucherRow = z
  .object({
    code: z.string(),
    offer_name: z.string(),
    discount: z.number().openapi({ description: "Percent; for a redeemed voucher, the discount granted." }),
    status: z.enum(STATUSES),
    expires_at: z.iso.datetime(),
    used_at: z.iso.datetime().nullable(),
  })
  .openapi("VoucherRow");
const ListQuery = z.strictObject({
  email: Email,
  status: z.enum([...STATUSES, "all"]).default("valid"),
  ...pageQuery,
});

export function addVouchers(routes: Routes, deps: VoucherDeps): void {
  addIssue(routes, deps);
  addList(routes, deps);
}

function addIssue(routes: Routes, { ledger }: VoucherDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/vouchers",
      access: "partner",
      group: "vouchers",
      summary: "Issue a voucher to a customer",
      body: { schema: NewVoucher },
      answer: answerOf(201, "The voucher with its code.", VoucherSchema),
      problems: ["customer_not_found", "offer_not_found", "too_many_offers", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewVoucher, { decimals: 2 });
      const { email, offer_name: offer } = value;
      const expiresAtMs = knownTimeMsOf(value.expires_at);
      const discount = value.discount === undefined ? null : (hundredthsOf(value.discount) ?? null);
      const act = voucherAct("issue", customerSubject(email), { email, offer, discount, expiresAtMs });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 201, (done, { timeMs }) => {
        const { code, discount: granted } = effectOf(act, done);
        return JSON.stringify({
          code,
          email,
          offer_name: offer,
          discount: percentOf(granted),
          expires_at: timeTextOf(expiresAtMs),
          created_at: timeTextOf(timeMs),
        });
      });
    },
  );
}

function addList(routes: Routes, { ledger }: VoucherDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/vouchers",
      access: "partner",
      group: "vouchers",
      summary: "List a customer's vouchers, newest first",
      query: ListQuery,
      row: VoucherRow,
      problems: ["customer_not_found"],
    },
    async (_, call, { email, status, ...paging }) => {
      const question = askVouchers(email, status === "all" ? null : status);
      const page = await ledger.list(call.partner, question, paging, callerOf(call));
      // Only an empty page can belong to an unknown customer.
      if (page.data.length === 0 && (await ledger.ask(call.partner, askCustomer(email))) === null)
        throw customerNotFound(email);
      return page;
    },
    rowJson,
  );
}

function rowJson({ code, offer, discount, status, expiresAtMs, usedAtMs }: VoucherView): string {
  return JSON.stringify({
    code,
    offer_name: offer,
    discount: percentOf(discount),
    status,
    expires_at: timeTextOf(expiresAtMs),
    used_at: timeTextOrNull(usedAtMs),
  });
}
