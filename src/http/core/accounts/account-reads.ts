/** Reads of accounts: current, at a past moment, and several at one consistent cut. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../../actors/ledger/routing.ts";
import type { AccountView } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf, jsonAnswer } from "../../call.ts";
import {
  Cursor,
  Flag,
  isId,
  LIST_LIMIT_DEFAULT,
  Limit,
  QueryTime,
  timeMsOrNull,
} from "../../input/fields.ts";
import { pageAnswer, pageSchema } from "../../input/pagination.ts";
import { accountNotFound, IdParams, idOf } from "../../input/path-id.ts";
import { invalid } from "../../problem.ts";
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
  // Without default values: neither is allowed together with `ids`.
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

/** @param more further members, as JSON text that starts with a comma. */
function accountsJson(ids: readonly string[], found: readonly AccountView[], more = ""): string {
  const known = new Set(found.map(({ id }) => id));
  const missing = ids.filter((id) => !known.has(id));
  return `{"data":[${found.map(accountJson).join(",")}],"missing":${JSON.stringify(missing)}${more}}`;
}

const AccountsById = z.object({
  data: z.array(AccountSchema),
  missing: z.array(z.string()),
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
        "With `ids`, the order is that of `ids`, and the answer has `missing` instead of `next_cursor`. With " +
        "`consistent=true`, each transfer between these accounts is included in full, in balances and `in_transit`, or not at " +
        "all. This needs all shards to be up.",
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
      for (const other of ["prefix", "limit", "cursor"] as const) {
        if (query[other] !== undefined) throw invalid(other, "must not be combined with ids");
      }
      const ids = idsOf(query.ids);
      if (query.consistent !== "true") {
        return jsonAnswer(call, 200, accountsJson(ids, await ledger.accounts(call.partner, ids)));
      }
      const { accounts, inTransit } = await ledger.consistentAccounts(call.partner, ids);
      const rows = Object.entries(inTransit).map(([asset, amount]) => `${JSON.stringify(asset)}:${amount}`);
      const inTransitJson = `,"in_transit":{${rows.join(",")}}`;
      return jsonAnswer(call, 200, accountsJson(ids, accounts, inTransitJson));
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
