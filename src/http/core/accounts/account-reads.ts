/** Accounts as they are, as they were, and several at one moment. */
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
import { AccountSchema, accountJson, SystemAccountSchema, systemAccountJson } from "./account-view.ts";

const IDS_MAX = 100;

const ReadQuery = z.strictObject({
  at: QueryTime.optional().openapi({ description: "As it was then. Not with a system account." }),
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
  consistent: Flag.openapi({ description: "One consistent cut through all of `ids`." }),
  // Without the default: neither goes with `ids`.
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
    if (isSystemAccount(id)) throw invalid("ids", "must not begin with @: read system accounts one by one");
  }
  return [...new Set(ids)];
}

/** `more`: further members, as text that begins with a comma. */
function someJson(ids: readonly string[], found: readonly AccountView[], more = ""): string {
  const known = new Set(found.map(({ id }) => id));
  const missing = ids.filter((id) => !known.has(id));
  return `{"data":[${found.map(accountJson).join(",")}],"missing":${JSON.stringify(missing)}${more}}`;
}

const Some = z.object({
  data: z.array(AccountSchema),
  missing: z.array(z.string()),
  in_transit: z
    .record(z.string(), z.int())
    .optional()
    .openapi({
      description:
        "By asset, what transfers between them had yet to add to these balances. Below zero where a credit has arrived " +
        "before the debit of the same transfer. Only of a consistent cut.",
    }),
});

function addList(routes: Routes, { ledger }: AccountReadsDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/accounts",
      access: "partner",
      group: "accounts",
      summary: "List accounts in order of id, or read some by id",
      description:
        "With `ids` the answer has `missing` in place of `next_cursor`, and the order is that of `ids`. With " +
        "`consistent=true` each transfer between these accounts is in the balances and `in_transit` as a whole, or not at " +
        "all; it needs every shard.",
      query: ListQuery,
      answer: {
        status: 200,
        description: "A page.",
        content: { "application/json": z.union([pageSchema(AccountSchema), Some]) },
      },
    },
    async (_, call, query) => {
      if (query.ids === undefined) {
        if (query.consistent !== undefined) throw invalid("consistent", "needs ids");
        const { prefix = "", limit = LIST_LIMIT_DEFAULT, cursor } = query;
        const page = await ledger.listAccounts(call.partner, { prefix, limit, cursor }, callerOf(call));
        return pageAnswer(call, page, accountJson);
      }
      for (const other of ["prefix", "limit", "cursor"] as const) {
        if (query[other] !== undefined) throw invalid(other, "does not go with ids");
      }
      const ids = idsOf(query.ids);
      if (query.consistent !== "true") {
        return jsonAnswer(call, 200, someJson(ids, await ledger.accounts(call.partner, ids)));
      }
      const { accounts, inTransit } = await ledger.consistentAccounts(call.partner, ids);
      const rows = Object.entries(inTransit).map(([asset, amount]) => `${JSON.stringify(asset)}:${amount}`);
      const between = `,"in_transit":{${rows.join(",")}}`;
      return jsonAnswer(call, 200, someJson(ids, accounts, between));
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
      summary: "One account, as it is or as it was",
      description: "A `/` in the id is written %2F. Before it existed it is `account_not_found`.",
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
        if (at !== undefined) throw invalid("at", "does not go with system accounts");
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
