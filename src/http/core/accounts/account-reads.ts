/** Reads of accounts: current, at a past moment, and several at one consistent cut. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { AccountView } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf, type HttpAnswer, jsonAnswer } from "../../call.ts";
import {
  Cursor,
  Flag,
  isId,
  LIST_LIMIT_DEFAULT,
  Limit,
  QueryTime,
  timeMsOrNull,
} from "../../input/fields.ts";
import { pageAnswer, pageSchema, rowsWithin } from "../../input/pagination.ts";
import { accountNotFound, IdParams, idOf } from "../../input/path-id.ts";
import { invalid, type Problem } from "../../problem.ts";
import type { Routes } from "../../routes.ts";
import { AccountSchema, accountJson, SystemAccountSchema, systemAccountJson } from "./account-fields.ts";

const IDS_MAX = 100;

const ReadQuery = z.strictObject({
  at: QueryTime.optional().openapi({ description: "The account at this moment. Not for system accounts." }),
});
const ListQuery = z.strictObject({
  prefix: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9_.:@+\-/]*$/, "must be the beginning of an id")
    .optional(),
  ids: z
    .string()
    .optional()
    .openapi({ description: `Up to ${IDS_MAX} ids, separated by commas.` }),
  consistent: Flag.openapi({ description: "Read all of `ids` at one consistent cut." }),
  // Without a default value: it is not allowed together with `ids`.
  limit: Limit,
  cursor: Cursor,
});

export type AccountReadsDeps = Readonly<{ ledger: Ledger }>;

export function addAccountReads(routes: Routes, deps: AccountReadsDeps): void {
  addList(routes, deps);
  addRead(routes, deps);
}

function idsOf(text: string): string[] {
  const ids = text.split(",");
  if (ids.length > IDS_MAX) throw invalid("ids", `must be at most ${IDS_MAX}`);
  for (const id of ids) {
    if (!isId(id)) throw invalid("ids", "must be ids, separated by commas");
    if (isSystemAccount(id)) throw invalid("ids", "must not begin with @: get system accounts one at a time");
  }
  return [...new Set(ids)];
}

/** The ids after the cursor, which is the last id of the previous page. @throws Problem 400 */
function idsAfter(ids: readonly string[], cursor: string | undefined): readonly string[] {
  if (cursor === undefined) return ids;
  const at = ids.indexOf(cursor);
  if (at < 0) throw invalid("cursor", "must be the next_cursor of the previous page");
  return ids.slice(at + 1);
}

/** Accounts by id. Ends where a page ends; `missing` are those ids up to there that no account has. */
async function accountsById(ledger: Ledger, call: Call, ids: readonly string[]): Promise<HttpAnswer> {
  const { accounts, read } = await ledger.accounts(call.partner, ids);
  const cursors = accounts.map(({ id }) => id);
  const last = read < ids.length ? (ids[read - 1] ?? null) : null;
  const { rows, nextCursor } = await rowsWithin(
    call,
    { data: accounts, cursors, nextCursor: last },
    accountJson,
  );
  const end = nextCursor === null ? ids.length : ids.indexOf(nextCursor) + 1;
  const missing = missingOf(ids.slice(0, end), accounts);
  const next = JSON.stringify(nextCursor);
  return jsonAnswer(call, 200, `{"data":[${rows.join(",")}],"missing":${missing},"next_cursor":${next}}`);
}

/** @throws Problem 400 if the accounts exceed a page: the rest would not be of the same cut */
async function accountsOfCut(ledger: Ledger, call: Call, ids: readonly string[]): Promise<HttpAnswer> {
  const cut = await ledger.consistentAccounts(call.partner, ids);
  if (cut === undefined) throw tooLargeForCut();
  const page = await rowsWithin(call, { data: cut.accounts, cursors: ids, nextCursor: null }, accountJson);
  if (page.nextCursor !== null) throw tooLargeForCut();
  const inTransit = Object.entries(cut.inTransit).map(
    ([asset, amount]) => `${JSON.stringify(asset)}:${amount}`,
  );
  const missing = missingOf(ids, cut.accounts);
  const more = `"missing":${missing},"in_transit":{${inTransit.join(",")}}`;
  return jsonAnswer(call, 200, `{"data":[${page.rows.join(",")}],${more}}`);
}

function tooLargeForCut(): Problem {
  return invalid("ids", "must be fewer: a consistent cut of these accounts exceeds 1 MiB");
}

function missingOf(ids: readonly string[], found: readonly AccountView[]): string {
  const known = new Set(found.map(({ id }) => id));
  return JSON.stringify(ids.filter((id) => !known.has(id)));
}

const AccountsById = z.object({
  data: z.array(AccountSchema),
  missing: z.array(z.string()),
  next_cursor: z.string().nullable().optional().openapi({ description: "Not for a consistent cut." }),
  in_transit: z
    .record(z.string(), z.int())
    .optional()
    .openapi({
      description:
        "Only for a consistent cut. By asset: the amount of transfers between these accounts that is in transit. Negative if " +
        "a credit has arrived before the debit of the same transfer.",
    }),
});

function addList(routes: Routes, { ledger }: AccountReadsDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/accounts",
      access: "partner",
      group: "accounts",
      summary: "List accounts sorted by id, or get several by id",
      description:
        "With `ids`, the order is that of `ids`, and the answer also has `missing`. If it would exceed 1 MiB, it ends before, " +
        "and `next_cursor`, sent with the same `ids`, fetches the rest. With `consistent=true`, each transfer between these " +
        "accounts is included in full, in balances and `in_transit`, or not at all. This needs all shards to be up, and " +
        "accounts that together exceed 1 MiB are refused.",
      query: ListQuery,
      answer: {
        status: 200,
        description: "A page.",
        content: { "application/json": z.union([pageSchema(AccountSchema), AccountsById]) },
      },
    },
    async (_, call, query) => {
      if (query.ids === undefined) {
        if (query.consistent !== undefined) throw invalid("consistent", "is allowed only with ids");
        const { prefix = "", limit = LIST_LIMIT_DEFAULT, cursor } = query;
        const page = await ledger.listAccounts(call.partner, { prefix, limit, cursor }, callerOf(call));
        return pageAnswer(call, page, accountJson);
      }
      for (const other of ["prefix", "limit"] as const) {
        if (query[other] !== undefined) throw invalid(other, "must not be combined with ids");
      }
      const ids = idsOf(query.ids);
      if (query.consistent !== "true") return accountsById(ledger, call, idsAfter(ids, query.cursor));
      if (query.cursor !== undefined) throw invalid("cursor", "must not be combined with consistent=true");
      return accountsOfCut(ledger, call, ids);
    },
  );
}

function addRead(routes: Routes, { ledger }: AccountReadsDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/accounts/{id}",
      access: "partner",
      group: "accounts",
      summary: "Get an account, now or at a past moment",
      description:
        "Write a `/` in the id as %2F. At a moment before the account existed: `account_not_found`.",
      params: IdParams,
      query: ReadQuery,
      answer: {
        status: 200,
        description: "The account; a system account has one balance per asset.",
        content: { "application/json": z.union([AccountSchema, SystemAccountSchema]) },
      },
      problems: ["account_not_found"],
    },
    async (request, call, { at }) => {
      const id = idOf(request);
      if (isSystemAccount(id)) {
        if (at !== undefined) throw invalid("at", "is not available for system accounts");
        const account = await ledger.systemAccount(call.partner, id);
        if (account === undefined) throw accountNotFound(id);
        return jsonAnswer(call, 200, systemAccountJson(account));
      }
      const atMs = timeMsOrNull(at);
      const account =
        atMs === null
          ? await ledger.account(call.partner, id)
          : await ledger.accountAt(call.partner, id, atMs);
      if (account === undefined) throw accountNotFound(id);
      return jsonAnswer(call, 200, accountJson(account));
    },
  );
}
