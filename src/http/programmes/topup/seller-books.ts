/** `/v1/sellers/{id}/…`: entries, and reconciliation of the credit with the entries. */
import { z } from "@hono/zod-openapi";
import {
  creditAccount,
  isSaleAct,
  isTopupAct,
  type TopupAct,
} from "../../../actors/programmes/topup/acts.ts";
import type { Entry, Statement } from "../../../archive/queries/query.ts";
import { assert } from "../../../errors/assert.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf } from "../../call.ts";
import { reconciliationFields, reconciliationView } from "../../core/accounts/reconciliation.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import { Balance, timeTextOf } from "../../input/fields.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import { addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { maySee, SELLER_ACCESS, sellerNotFound } from "./seller-access.ts";
import type { TopupDeps } from "./sellers.ts";

const TYPES = ["credit", "sale", "revert"] as const;
const EntrySchema = z
  .object({
    seq: z.int(),
    transfer_id: z.string(),
    type: z
      .enum(TYPES)
      .openapi({ description: "`credit`: an approved credit request; negative for a decrease." }),
    amount: z.int().openapi({ description: "Signed minor units." }),
    balance_before: Balance,
    balance_after: Balance,
    phone: z.string().nullable(),
    reference: z.string().nullable(),
    request: z.string().nullable().openapi({ description: "The approved credit request." }),
    at: z.iso.datetime(),
  })
  .openapi("SellerEntry");
const EntriesPage = statementSchema(EntrySchema).openapi("SellerEntriesPage");
const ReconciliationSchema = z
  .object({
    seller: z.string(),
    credit: Balance,
    ...reconciliationFields,
  })
  .openapi("SellerReconciliation", {
    example: {
      seller: "kiosk",
      credit: 700_000,
      entries_sum: 700_000,
      entries_count: 61,
      difference: 0,
      reconciled: true,
    },
  });
export function addSellerBooks(routes: Routes, deps: TopupDeps): void {
  addEntries(routes, deps);
  addReconciliation(routes, deps);
}

/** A seller's entries. @throws Problem 404 if the seller does not exist, or the caller may not see it */
export async function statementOf(
  ledger: Ledger,
  call: Call,
  seller: string,
  range: Parameters<Ledger["entries"]>[2],
): Promise<Statement> {
  const account = creditAccount(seller);
  const found = maySee(call, seller)
    ? await ledger.entries(call.partner, account, range, callerOf(call))
    : undefined;
  if (found === undefined) throw sellerNotFound(seller);
  return found;
}

type EntryType = (typeof TYPES)[number];

export function actOfEntry({ act }: Entry): TopupAct {
  assert(isTopupAct(act), "only this programme moves money of a seller's account");
  return act;
}

function typeOf({ act }: TopupAct): EntryType {
  if (act === "approve") return "credit";
  return act === "take_back" ? "revert" : "sale";
}

function entryView(entry: Entry) {
  const { seq, transferId, amount, balanceAfter, timeMs } = entry;
  const act = actOfEntry(entry);
  return {
    seq,
    transfer_id: transferId,
    type: typeOf(act),
    amount,
    balance_before: balanceAfter - amount,
    balance_after: balanceAfter,
    phone: "phone" in act ? act.phone : null,
    reference: isSaleAct(act) ? act.reference : null,
    request: act.act === "approve" ? act.request : null,
    at: timeTextOf(timeMs),
  };
}

const ENTRIES = formatOf(entryView, {
  seq: "ours",
  transfer_id: "ours",
  type: "ours",
  amount: "ours",
  balance_before: "ours",
  balance_after: "ours",
  phone: "ours",
  reference: "text",
  request: "ours",
  at: "ours",
});

function addEntries(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/sellers/{id}/entries",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "List the entries of a seller's credit, newest first",
      params: IdParams,
      query: RangeQuery,
      answer: entriesPageOf(EntriesPage),
      problems: ["seller_not_found"],
    },
    async (request, call, query) => {
      const seller = idOf(request);
      const range = rangeOf(query);
      const statement = await statementOf(ledger, call, seller, range);
      return statementAnswer(request, call, statement, range, ENTRIES);
    },
  );
}

function addReconciliation(routes: Routes, { ledger }: TopupDeps): void {
  addReadRoute(
    routes,
    {
      path: "/v1/sellers/{id}/reconciliation",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Compare a seller's credit with the sum of its entries",
      params: IdParams,
      answer: answerOf(200, "Credit and sum of entries at the same `seq`.", ReconciliationSchema),
      problems: ["seller_not_found"],
    },
    async (request, call) => {
      const seller = idOf(request);
      const found = maySee(call, seller)
        ? await ledger.reconciliation(call.partner, creditAccount(seller))
        : undefined;
      if (found === undefined) throw sellerNotFound(seller);
      return { seller, credit: found.account.posted, ...reconciliationView(found) };
    },
    JSON.stringify,
  );
}
