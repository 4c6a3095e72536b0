/** `/v1/sellers/{id}/…`: entries, reconciliation of the credit with the entries, and daily settlement. */
import { z } from "@hono/zod-openapi";
import { creditAccount, isTopupAct, type TopupAct } from "../../../actors/programmes/topup/acts.ts";
import type { Entry, Statement } from "../../../archive/queries/query.ts";
import { assert } from "../../../errors/assert.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { timeMsOf } from "../../../text/time-text.ts";
import { type Call, callerOf } from "../../call.ts";
import { reconciliationFields, reconciliationView } from "../../core/accounts/reconciliation.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import { Balance, timeTextOf } from "../../input/fields.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import { invalid } from "../../problem.ts";
import { addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { maySee, SELLER_ACCESS, sellerNotFound } from "./seller-access.ts";
import type { TopupDeps } from "./sellers.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Entries of a day that one read fetches. */
const SETTLEMENT_PAGE_SIZE = 500;

const SettlementQuery = z.strictObject({
  date: z
    .custom<string>(
      (value) => typeof value === "string" && dayStartMs(value) !== undefined,
      "must be a date, as 2026-11-20",
    )
    .openapi({ type: "string", format: "date", description: "A day in UTC.", example: "2026-11-20" }),
});

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
const SettlementSchema = z
  .object({
    seller: z.string(),
    date: z.iso.date(),
    opening: Balance,
    credited: z.int().openapi({ description: "Approved credit, net of decreases and reverts." }),
    sold: z.int(),
    reverted: z.int().openapi({ description: "Sales reverted on this day, whenever they were made." }),
    closing: Balance,
  })
  .openapi("Settlement", {
    description: "opening + credited - sold + reverted = closing",
    example: {
      seller: "kiosk",
      date: "2026-11-20",
      opening: 0,
      credited: 1_000_000,
      sold: 300_000,
      reverted: 0,
      closing: 700_000,
    },
  });

export function addSellerBooks(routes: Routes, deps: TopupDeps): void {
  addEntries(routes, deps);
  addReconciliation(routes, deps);
  addSettlement(routes, deps);
}

/** A seller's entries. @throws Problem 404 if the seller does not exist, or the caller may not see it */
async function statementOf(
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

function actOfEntry({ act }: Entry): TopupAct {
  assert(isTopupAct(act), "only this programme moves money of a seller's account");
  return act;
}

function typeOf({ act }: TopupAct): EntryType {
  if (act === "approve") return "credit";
  return act === "sale" ? "sale" : "revert";
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
    reference: act.act === "sale" ? act.reference : null,
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

/** The start of a UTC day, in milliseconds; `undefined` for an invalid date, as 30 February. */
function dayStartMs(date: string): number | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(date) ? timeMsOf(`${date}T00:00:00Z`) : undefined;
}

type DaySums = { credited: number; sold: number; reverted: number };

function addTo(sums: DaySums, entry: Entry): void {
  const act = actOfEntry(entry);
  if (act.act === "sale") sums.sold -= entry.amount;
  else if (act.act === "take_back" && act.phone !== undefined) sums.reverted += entry.amount;
  else sums.credited += entry.amount;
}

function addSettlement(routes: Routes, { ledger }: TopupDeps): void {
  addReadRoute(
    routes,
    {
      path: "/v1/sellers/{id}/settlement",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Get a seller's settlement of one UTC day",
      description: "`date` must not be in the future. All amounts are in minor units.",
      params: IdParams,
      query: SettlementQuery,
      answer: answerOf(200, "The sums of the day.", SettlementSchema),
      problems: ["seller_not_found"],
    },
    async (request, call, { date }) => {
      const seller = idOf(request);
      const fromMs = dayStartMs(date) ?? Number.NaN;
      if (fromMs > (await ledger.timeMs(call.partner, creditAccount(seller))))
        throw invalid("date", "must not be in the future");
      const range = { fromMs, toMs: fromMs + DAY_MS, limit: SETTLEMENT_PAGE_SIZE };
      const first = await statementOf(ledger, call, seller, range);
      const sums: DaySums = { credited: 0, sold: 0, reverted: 0 };
      for (let page = first; ; ) {
        for (const entry of page.data) addTo(sums, entry);
        if (page.nextCursor === null) break;
        page = await statementOf(ledger, call, seller, { ...range, cursor: page.nextCursor });
      }
      const { openingBalance: opening, closingBalance: closing } = first;
      return { seller, date, opening, ...sums, closing };
    },
    JSON.stringify,
  );
}
