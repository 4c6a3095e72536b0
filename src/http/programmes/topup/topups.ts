/** `/v1/topups`: a seller tops up a phone, paid from the seller's credit. */
import { z } from "@hono/zod-openapi";
import {
  askSale,
  askSaleList,
  creditAccount,
  isSaleAct,
  phoneAccount,
  SALE_LISTS,
  type SaleList,
  sellerOf,
  topupAct,
} from "../../../actors/programmes/topup/acts.ts";
import { referenceClaim } from "../../../actors/programmes/topup/claims-and-reverts.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type {
  CompoundTransfer,
  TransferChanged,
  TransferView,
} from "../../../actors/records/compound-command.ts";
import type { Page } from "../../../archive/queries/query.ts";
import { assert } from "../../../errors/assert.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf, type HttpAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, Id, textField } from "../../input/fields.ts";
import { rangeOf, rangeQuery } from "../../input/time-range.ts";
import { invalid } from "../../problem.ts";
import { pendingWith, readChange, transferWith } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { PHONE_RULE, Phone, phoneOfQuery } from "./phone.ts";
import { actingSeller, maySee, namedSeller, SELLER_ACCESS } from "./seller-access.ts";
import type { TopupDeps } from "./sellers.ts";
import { TopupParams, topupNotFound } from "./topup-decisions.ts";
import {
  TOPUP_EXAMPLE,
  type Topup,
  TopupSchema,
  topupFields,
  topupJson,
  topupOf,
  topupOfSale,
  UNDECIDED,
  withOpenSales,
} from "./topup-view.ts";

const REFERENCE_LENGTH_MAX = 100;
const Reference = textField(REFERENCE_LENGTH_MAX, {
  description: "The seller's reference for the sale, unique for the seller.",
  example: "receipt-1017",
});
const NewTopup = z
  .strictObject({
    phone: Phone,
    amount: Amount,
    reference: Reference.optional(),
    seller: Id.optional().openapi({ description: "The seller who sells; required with a partner's key." }),
  })
  .openapi("NewTopup", { example: { phone: "09121234567", amount: 5000, reference: "receipt-1017" } });
const ListQuery = z.strictObject({
  phone: z.string().optional().openapi({ description: "Escape a leading + as %2B." }),
  seller: Id.optional(),
  reference: z
    .string()
    .max(REFERENCE_LENGTH_MAX)
    .regex(/^\P{Cc}*$/u, "must not contain control characters")
    .optional()
    .openapi({ description: "The one top-up with this reference; a partner's key must name the seller." }),
  status: z
    .enum(SALE_LISTS)
    .optional()
    .openapi({
      description:
        "`pending` or `unknown` ones, or those of which the operator contradicts the partner's decision; of these the newest " +
        "1000 of each shard.",
    }),
  ...rangeQuery,
});

const CreatedTopup = z
  .object({
    ...topupFields,
    credit: Balance.openapi({ description: "The seller's credit after the top-up, in minor units." }),
    available: Balance.openapi({ description: "Of which other pending top-ups hold nothing." }),
  })
  .openapi("CreatedTopup", { example: { ...TOPUP_EXAMPLE, credit: 995_000, available: 995_000 } });

export function addTopups(routes: Routes, deps: TopupDeps): void {
  addCreate(routes, deps);
  addList(routes, deps);
  addRead(routes, deps);
}

type Sale = Readonly<{ phone: string; amount: number; reference: string | null }>;

/** With an operator, a sale is pending until the operator answers. Its hold never expires. */
function saleCommand(
  header: CommandHeader,
  subject: string,
  { phone, amount, reference }: Sale,
  asksOperator: boolean,
): Transfer | CompoundTransfer {
  const move = { amount, memo: reference };
  return asksOperator
    ? pendingWith(header, topupAct("start_sale", subject, { phone, amount, reference }), move)
    : transferWith(header, topupAct("sale", subject, { phone, reference }), move);
}

function addCreate(routes: Routes, deps: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/topups",
      access: SELLER_ACCESS,
      group: "topups",
      summary: "Top up a phone",
      description:
        "Moves the amount from the seller's credit to the phone. If the server asks an operator, the top-up is `pending` and " +
        "its amount held until the operator answers; it does not expire.",
      body: { schema: NewTopup },
      answer: answerOf(201, "The top-up, with the seller's credit after it.", CreatedTopup),
      problems: [
        "seller_not_found",
        "seller_suspended",
        "duplicate_reference",
        "amount_below_minimum",
        "amount_above_maximum",
        "daily_limit_exceeded",
        "insufficient_funds",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewTopup);
      const seller = actingSeller(call, value.seller);
      const { phone, amount, reference = null } = value;
      const sale = { phone, amount, reference };
      const command = saleCommand(header, creditAccount(seller), sale, deps.asksOperator);
      const answer: Answer<Transfer | CompoundTransfer> = await deps.ledger.submit(command);
      return createdAnswer(call, answer, { seller, ...sale });
    },
  );
}

/** By its record: a key may have been used first while the server asked an operator, or while it did not. */
function createdAnswer(
  call: Call,
  answer: Answer<Transfer | CompoundTransfer>,
  sale: Sale & Readonly<{ seller: string }>,
): HttpAnswer {
  return decidedAnswer(call, answer, 201, (outcome, { timeMs }) => {
    const isPending = "transfer" in outcome;
    const status = isPending ? "pending" : "completed";
    const [credit, held] = isPending ? heldBy(outcome) : [outcome.debitPosted, outcome.debitHeld];
    const topup = { id: outcome.id, ...sale, ...UNDECIDED, status, createdAtMs: timeMs } as const;
    return topupJson(topup, `,"credit":${credit},"available":${credit - held}`);
  });
}

/** Credit of the seller, and how much of it is held, once the sale is pending. */
function heldBy({ moves, transfer }: TransferChanged): readonly [credit: number, held: number] {
  const debit = transfer.postings[0]?.debit;
  const move = moves.find(({ account }) => account === debit);
  assert(move !== undefined, "a pending sale holds the seller's credit");
  return [move.posted, move.held];
}

/** The one top-up with this reference. @throws Problem 400, 404 */
async function withReference(
  ledger: Ledger,
  call: Call,
  seller: string | undefined,
  reference: string,
): Promise<Page<Topup>> {
  if (seller === undefined) throw invalid("seller", "is required with a partner's key and a reference");
  const subject = creditAccount(seller);
  const name = referenceClaim(call.partner, subject, reference);
  const id = await ledger.claimant(call.partner, subject, name);
  const found = id === undefined ? undefined : await topupWithId(ledger, call.partner, id);
  return found === undefined ? NO_TOPUPS : { data: [found], cursors: [""], nextCursor: null };
}

const NO_TOPUPS: Page<Topup> = { data: [], cursors: [], nextCursor: null };

async function topupWithId(ledger: Ledger, partner: string, id: string): Promise<Topup | undefined> {
  const row = await ledger.transfer(partner, id);
  const topup = row && topupOf(row);
  if (topup?.status !== "pending") {
    const [shown] = topup === undefined ? [] : await withOpenSales(ledger, partner, [topup]);
    return shown;
  }
  const [sale] = await ledger.ask(partner, askSale(id));
  if (sale !== undefined) return topupOfSale(sale);
  // It was decided since.
  const decided = await ledger.transfer(partner, id);
  return decided && topupOf(decided);
}

/** The account whose transfers are listed; `undefined` for all transfers of the partner. */
function accountOf(phone: string | undefined, seller: string | undefined): string | undefined {
  if (phone !== undefined) return phoneAccount(phone);
  return seller === undefined ? undefined : creditAccount(seller);
}

function addList(routes: Routes, { ledger }: TopupDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/topups",
      access: SELLER_ACCESS,
      group: "topups",
      summary: "List top-ups, newest first",
      description:
        "From `from` (inclusive) to `to` (exclusive). A seller's key lists only the seller's own top-ups.",
      query: ListQuery,
      row: TopupSchema,
      problems: ["seller_not_found"],
    },
    async (_, call, query) => {
      const phone = query.phone === undefined ? undefined : phoneOfQuery(query.phone);
      if (phone === undefined && query.phone !== undefined) throw invalid("phone", PHONE_RULE);
      const seller = await namedSeller(call, ledger, query.seller);
      const { status, reference } = query;
      refuseTogether(query);
      if (reference !== undefined) return withReference(ledger, call, seller, reference);
      if (status !== undefined) return openSales(ledger, call, { status, seller, phone }, query);
      const sales = {
        ...rangeOf(query),
        account: accountOf(phone, seller),
        shows: ({ act }: TransferView) =>
          isSaleAct(act) && (seller === undefined || sellerOf(act.subject) === seller),
      };
      const { data, ...page } = await ledger.transfers(call.partner, sales, callerOf(call));
      const topups = data.map((row) => {
        const topup = topupOf(row);
        assert(topup !== undefined, "`shows` lets only sales through");
        return topup;
      });
      return { ...page, data: await withOpenSales(ledger, call.partner, topups) };
    },
    topupJson,
  );
}

/** Filters that exclude each other. @throws Problem 400 */
function refuseTogether({ status, reference, phone, from, to }: z.infer<typeof ListQuery>): void {
  if (reference !== undefined && (status ?? phone ?? from ?? to) !== undefined)
    throw invalid("reference", "must come without status, phone, from and to");
  if (status !== undefined && (from ?? to) !== undefined)
    throw invalid("status", "must come without from and to");
}

async function openSales(
  ledger: Ledger,
  call: Call,
  {
    status,
    seller,
    phone,
  }: Readonly<{ status: SaleList; seller?: string | undefined; phone?: string | undefined }>,
  query: Readonly<{ limit: number; cursor?: string | undefined }>,
): Promise<Page<Topup>> {
  const list = askSaleList({ list: status, seller: seller ?? null, phone: phone ?? null });
  const { limit, cursor } = query;
  const { data, ...page } = await ledger.list(call.partner, list, { limit, cursor }, callerOf(call));
  return { ...page, data: data.map(topupOfSale) };
}

function isVisible(call: Call, topup: Topup | undefined): topup is Topup {
  return topup !== undefined && maySee(call, topup.seller);
}

function addRead(routes: Routes, { ledger }: TopupDeps): void {
  addReadRoute(
    routes,
    {
      path: "/v1/topups/{id}",
      access: SELLER_ACCESS,
      group: "topups",
      summary: "Get a top-up",
      params: TopupParams,
      answer: answerOf(200, "The top-up.", TopupSchema),
      problems: ["topup_not_found"],
    },
    async (request, call) => {
      const id = request.param("id");
      const topup = await topupWithId(ledger, call.partner, id);
      if (!isVisible(call, topup)) throw topupNotFound(id);
      return topup;
    },
    topupJson,
  );
}
