/** Routes for an account's entries, as JSON or CSV, and for the check that they add up to its balance. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { csvCell } from "../../../text/csv.ts";
import { callerOf, jsonAnswer } from "../../call.ts";
import { Balance, timeTextOf } from "../../input/fields.ts";
import { accountNotFound, IdParams, idOf } from "../../input/path-id.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import type { Routes } from "../../routes.ts";
import { answerDetails, DETAIL_COLUMNS, detailCells, detailsJson } from "../transfers/transfer-details.ts";
import { reconciliationFields, reconciliationView } from "./reconciliation.ts";
import { type EntryFormat, entriesPageOf, statementAnswer, statementSchema } from "./statement.ts";

const EntrySchema = z
  .object({
    seq: z.int(),
    transfer_id: z.string(),
    amount: z.int().openapi({ description: "Signed: credits are positive, debits negative." }),
    balance_after: Balance.optional().openapi({ description: "Not for system accounts." }),
    counterparty: z.string(),
    ...answerDetails,
    at: z.iso.datetime(),
  })
  .openapi("Entry", {
    example: {
      seq: 1,
      transfer_id: "tr_0a11001",
      amount: 2500,
      balance_after: 2500,
      counterparty: "@issuance",
      memo: "order 1017",
      metadata: {},
      at: "2026-11-20T10:00:00.000Z",
    },
  });

const EntriesPage = statementSchema(EntrySchema).openapi("EntriesPage");

const ReconciliationSchema = z
  .object({
    account: z.string(),
    balance: Balance,
    ...reconciliationFields,
  })
  .openapi("Reconciliation", {
    example: {
      account: "alice/points",
      balance: 2500,
      entries_sum: 2500,
      entries_count: 1,
      difference: 0,
      reconciled: true,
    },
  });

function entryJson(entry: Entry, isSystem: boolean): string {
  return (
    `{"seq":${entry.seq},"transfer_id":"${entry.transferId}","amount":${entry.amount},` +
    (isSystem ? "" : `"balance_after":${entry.balanceAfter},`) +
    `"counterparty":"${entry.counterparty}",${detailsJson(entry)}"at":"${timeTextOf(entry.timeMs)}"}`
  );
}

const COLUMNS = ["seq", "transfer_id", "amount", "balance_after", "counterparty", ...DETAIL_COLUMNS, "at"];

/** Entries of a system account have no balance: each of its slices has its own, and slices are internal. */
function entryFormat(isSystem: boolean): EntryFormat {
  return {
    json: (entry) => entryJson(entry, isSystem),
    columns: COLUMNS,
    cells: (entry) => [
      csvCell(entry.seq),
      csvCell(entry.transferId),
      csvCell(entry.amount),
      isSystem ? "" : csvCell(entry.balanceAfter),
      csvCell(entry.counterparty),
      ...detailCells(entry),
      timeTextOf(entry.timeMs),
    ],
  };
}

export function addEntries(routes: Routes, { ledger }: Readonly<{ ledger: Ledger }>): void {
  routes.add(
    {
      method: "get",
      path: "/v1/accounts/{id}/entries",
      access: "partner",
      group: "accounts",
      summary: "List an account's entries, newest first",
      description:
        "From `from` (inclusive) to `to` (exclusive). `Accept: text/csv` gets CSV, with the next page in the `Link` header.",
      params: IdParams,
      query: RangeQuery,
      answer: entriesPageOf(EntriesPage),
      problems: ["account_not_found"],
    },
    async (request, call, query) => {
      const id = idOf(request);
      const range = rangeOf(query);
      const statement = await ledger.entries(call.partner, id, range, callerOf(call));
      if (statement === undefined) throw accountNotFound(id);
      const isSystem = isSystemAccount(id);
      return statementAnswer(request, call, statement, range, entryFormat(isSystem), !isSystem);
    },
  );
  addReconciliation(routes, ledger);
}

function addReconciliation(routes: Routes, ledger: Ledger): void {
  routes.add(
    {
      method: "get",
      path: "/v1/accounts/{id}/reconciliation",
      access: "partner",
      group: "accounts",
      summary: "Compare a balance with the sum of its entries",
      params: IdParams,
      answer: {
        status: 200,
        description: "Balance and sum at the same `seq`.",
        content: { "application/json": ReconciliationSchema },
      },
      problems: ["account_not_found"],
    },
    async (request, call) => {
      const id = idOf(request);
      const found = await ledger.reconciliation(call.partner, id);
      if (found === undefined) throw accountNotFound(id);
      const { account } = found;
      const body = { account: account.id, balance: account.posted, ...reconciliationView(found) };
      return jsonAnswer(call, 200, JSON.stringify(body));
    },
  );
}
