/** `/v1/vouchers`: issues and lists vouchers. */
import { z } from "@hono/zod-openapi";
import {
  askCustomer,
  askVouchers,
  customerSubject,
  type Discount,
  type VoucherView,
  voucherAct,
} from "../../../actors/programmes/vouchers/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Page } from "../../../archive/queries/query.ts";
import { type Call, callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { knownTimeMsOf, Time, timeTextOf, timeTextOrNull } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { addListRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer, effectOf } from "../../write-answers.ts";
import { continued, isPageFollowed, pageInMemory } from "../forgotten-items.ts";
import { customerNotFound } from "./customers.ts";
import {
  DISCOUNT_DECIMALS,
  discountAnswer,
  discountFields,
  discountMembers,
  discountOf,
  ERASED,
  OfferName,
  UsesMax,
  type VoucherDeps,
} from "./fields.ts";
import { type OldVoucher, oldVouchersOf } from "./forgotten-vouchers.ts";
import { customerNameOf, personIn, readCustomerChange, withEmailOf } from "./pseudonyms.ts";

export const VOUCHER_STATUSES = ["valid", "redeemed", "expired", "cancelled"] as const;

const NewVoucher = z
  .strictObject({
    email: Email,
    offer_name: OfferName,
    ...discountFields,
    expires_at: Time,
    uses_max: UsesMax,
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
    email: z.string().nullable().openapi({ description: ERASED }),
    offer_name: z.string(),
    ...discountAnswer,
    expires_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
    uses_max: z.int(),
  })
  .openapi("Voucher", {
    example: {
      code: "7QK3MWPA2XHT9C",
      email: "alice@example.com",
      offer_name: "Autumn sale",
      discount: 38.5,
      expires_at: "2027-01-01T00:00:00.000Z",
      created_at: "2026-11-20T10:00:00.000Z",
      uses_max: 1,
    },
  });
const VoucherRow = z
  .object({
    code: z.string(),
    offer_name: z.string(),
    ...discountAnswer,
    status: z
      .enum(VOUCHER_STATUSES)
      .openapi({ description: "`valid` while a use is left, `redeemed` once it is used up." }),
    expires_at: z.iso.datetime(),
    used_at: z.iso.datetime().nullable().openapi({ description: "The last redemption that counts." }),
    uses_max: z.int(),
    uses_left: z.int(),
  })
  .openapi("VoucherRow");
const ListQuery = z.strictObject({
  email: Email,
  status: z.enum([...VOUCHER_STATUSES, "all"]).default("valid"),
  ...pageQuery,
});

export function addVouchers(routes: Routes, deps: VoucherDeps): void {
  addIssue(routes, deps);
  addList(routes, deps);
}

function addIssue(routes: Routes, deps: VoucherDeps): void {
  const { persons } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/vouchers",
      access: "partner",
      group: "vouchers",
      summary: "Issue a voucher to a customer",
      description:
        "`discount`, or `amount` with `asset`, creates the offer, or changes what it grants, atomically with the voucher. " +
        "Without them the offer must exist.",
      body: { schema: NewVoucher },
      answer: answerOf(201, "The voucher with its code.", VoucherSchema),
      problems: ["customer_not_found", "offer_not_found", "too_many_offers", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header, customer } = await readCustomerChange(request, call, deps, NewVoucher, {
        decimals: DISCOUNT_DECIMALS,
      });
      const { email, offer_name: offer, uses_max: usesMax = 1 } = value;
      const expiresAtMs = knownTimeMsOf(value.expires_at);
      const discount = discountOf(value) ?? null;
      const terms = { offer, discount, expiresAtMs, usesMax };
      const { act, decided } = await issueVoucher(deps, header, { customer, email }, terms);
      return decidedAnswer(call, decided, 201, (done, { timeMs }) => {
        const { code, discount: granted, person } = effectOf(act, done);
        return JSON.stringify({
          code,
          email: personIn(persons, { email, person }).email,
          offer_name: offer,
          ...discountMembers(granted),
          expires_at: timeTextOf(expiresAtMs),
          created_at: timeTextOf(timeMs),
          uses_max: usesMax,
        });
      });
    },
  );
}

/** @param of what names the customer in the ledger, and the e-mail. */
export async function issueVoucher(
  { ledger }: VoucherDeps,
  header: CommandHeader,
  { customer, email }: Readonly<{ customer: string; email: string }>,
  {
    usesMax,
    ...terms
  }: Readonly<{
    offer: string;
    discount: Discount | null;
    expiresAtMs: number;
    usesMax: number;
  }>,
) {
  const fields = { email: customer, ...terms, ...(usesMax > 1 && { usesMax }) };
  const act = voucherAct("issue", customerSubject(customer), fields);
  const decided = withEmailOf(await ledger.submit(actAlone(header, act)), (subject) =>
    subject === customer ? email : undefined,
  );
  return { act, decided };
}

function addList(routes: Routes, deps: VoucherDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/vouchers",
      access: "partner",
      group: "vouchers",
      summary: "List a customer's vouchers, newest first",
      description:
        "Vouchers that were redeemed, cancelled or have expired more than 30 days ago come last, those that were settled last " +
        "first. A page may have fewer than `limit` of them although more follow, and one that passes the 30 days while " +
        "the pages are read can come twice.",
      query: ListQuery,
      row: VoucherRow,
      problems: ["customer_not_found"],
    },
    (_, call, query) => listVouchers(deps, call, query),
    rowJson,
  );
}

/** A customer's vouchers. @throws Problem 404 */
export async function listVouchers(
  deps: VoucherDeps,
  call: Call,
  { email, status, ...paging }: z.infer<typeof ListQuery>,
): Promise<Page<VoucherView>> {
  const { ledger } = deps;
  const customer = await customerNameOf(deps, call.partner, email);
  const wanted = askVouchers(customer, status === "all" ? null : status);
  const inMemory: Page<VoucherView> = await pageInMemory(paging, () =>
    ledger.list(call.partner, wanted, paging, callerOf(call)),
  );
  if (status === "valid" && inMemory.data.length > 0) return inMemory;
  if (isPageFollowed(inMemory)) return inMemory;
  const known = await ledger.ask(call.partner, askCustomer(customer));
  // A page with vouchers was read while the customer existed.
  if (known === null && inMemory.data.length === 0) throw customerNotFound(email);
  if (known === null || status === "valid") return { ...inMemory, nextCursor: null };
  const old = oldVouchersOf(known, (voucher: OldVoucher) => status === "all" || voucher.status === status);
  return continued(ledger, call.partner, old, ({ code }) => code, inMemory, paging.limit);
}

function rowJson({ code, offer, discount, status, expiresAtMs, ...uses }: VoucherView): string {
  return JSON.stringify({
    code,
    offer_name: offer,
    ...discountMembers(discount),
    status,
    expires_at: timeTextOf(expiresAtMs),
    used_at: timeTextOrNull(uses.usedAtMs),
    uses_max: uses.usesMax,
    uses_left: uses.usesLeft,
  });
}
