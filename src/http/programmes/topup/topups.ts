/** `/v1/topups`: a seller tops up a phone, paid from the seller's credit. */
import { z } from "@hono/zod-openapi";
import {
  creditAccount,
  isTopupAct,
  phoneAccount,
  sellerOf,
  type TopupAct,
  topupAct,
} from "../../../actors/programmes/topup/acts.ts";
import type { Act } from "../../../actors/records/act.ts";
import type { TransferView } from "../../../actors/records/compound-command.ts";
import { assert } from "../../../errors/assert.ts";
import type { TransferRow } from "../../../gateway/ports.ts";
import { type Call, callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, Id, textField, timeTextOf } from "../../input/fields.ts";
import { rangeOf, rangeQuery } from "../../input/time-range.ts";
import { invalid, Problem } from "../../problem.ts";
import { readChange, transferWith } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { PHONE_RULE, Phone, phoneOfQuery } from "./phone.ts";
import { actingSeller, maySee, namedSeller, SELLER_ACCESS } from "./seller-access.ts";
import type { TopupDeps } from "./sellers.ts";

const Reference = textField(100, {
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
  ...rangeQuery,
});
const TopupParams = z.object({ id: z.string() });

const fields = {
  id: z.string().openapi({ description: "The transfer's id; the partner can revert it." }),
  seller: z.string(),
  phone: z.string(),
  amount: Amount,
  reference: z.string().nullable(),
  status: z.enum(["completed", "reverted"]),
  created_at: z.iso.datetime(),
};
const EXAMPLE = {
  id: "tr_0a11001",
  seller: "kiosk",
  phone: "+989121234567",
  amount: 5000,
  reference: "receipt-1017",
  status: "completed",
  created_at: "2026-11-20T10:00:00.000Z",
};
const TopupSchema = z.object(fields).openapi("Topup", { example: EXAMPLE });
const CreatedTopup = z
  .object({
    ...fields,
    credit: Balance.openapi({ description: "The seller's credit after the top-up, in minor units." }),
  })
  .openapi("CreatedTopup", { example: { ...EXAMPLE, credit: 995_000 } });

export function addTopups(routes: Routes, deps: TopupDeps): void {
  addCreate(routes, deps);
  addList(routes, deps);
  addRead(routes, deps);
}

type Topup = Readonly<{
  id: string;
  seller: string;
  phone: string;
  amount: number;
  reference: string | null;
  isReverted: boolean;
  createdAtMs: number;
}>;

function isSale(act: Act | undefined): act is TopupAct<"sale"> {
  return isTopupAct(act) && act.act === "sale";
}

/** The top-up of a transfer; `undefined` if the transfer is no sale. */
function topupOf({ id, act, postedAmount, revertedBy, createdAtMs }: TransferRow): Topup | undefined {
  if (!isSale(act)) return undefined;
  const { subject, phone, reference } = act;
  return {
    id,
    seller: sellerOf(subject),
    phone,
    amount: postedAmount,
    reference,
    isReverted: revertedBy !== null,
    createdAtMs,
  };
}

/** Concatenated, because it is the most frequent answer; ids and phones need no escaping. @param more members */
function topupJson(
  { id, seller, phone, amount, reference, isReverted, createdAtMs }: Topup,
  more = "",
): string {
  return (
    `{"id":"${id}","seller":"${seller}","phone":"${phone}","amount":${amount},` +
    `"reference":${JSON.stringify(reference)},"status":"${isReverted ? "reverted" : "completed"}",` +
    `"created_at":"${timeTextOf(createdAtMs)}"${more}}`
  );
}

function addCreate(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/topups",
      access: SELLER_ACCESS,
      group: "topups",
      summary: "Top up a phone",
      description: "Moves the amount from the seller's credit to the phone.",
      body: { schema: NewTopup },
      answer: answerOf(201, "The top-up, with the seller's credit after it.", CreatedTopup),
      problems: [
        "seller_not_found",
        "seller_suspended",
        "duplicate_reference",
        "insufficient_funds",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewTopup);
      const seller = actingSeller(call, value.seller);
      const { phone, amount, reference = null } = value;
      const act = topupAct("sale", creditAccount(seller), { phone, reference });
      const move = { amount, memo: reference };
      const answer = await ledger.submit(transferWith(header, act, move));
      return decidedAnswer(call, answer, 201, ({ id, debitPosted }, { timeMs }) => {
        const topup = { id, seller, phone, amount, reference, isReverted: false, createdAtMs: timeMs };
        return topupJson(topup, `,"credit":${debitPosted}`);
      });
    },
  );
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
      const sales = {
        ...rangeOf(query),
        account: accountOf(phone, seller),
        shows: ({ act }: TransferView) =>
          isSale(act) && (seller === undefined || sellerOf(act.subject) === seller),
      };
      return ledger.transfers(call.partner, sales, callerOf(call));
    },
    (row) => {
      const topup = topupOf(row);
      assert(topup !== undefined, "`shows` lets only sales through");
      return topupJson(topup);
    },
  );
}

function topupNotFound(id: string): Problem {
  return new Problem("topup_not_found", `There is no top-up ${id}.`);
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
      const row = await ledger.transfer(call.partner, id);
      const topup = row && topupOf(row);
      if (!isVisible(call, topup)) throw topupNotFound(id);
      return topup;
    },
    topupJson,
  );
}
