/** `/v1/accounts` and one of them. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { CreateAccount, UpdateAccount } from "../actors/command.ts";
import { isSystemAccount } from "../actors/routing.ts";
import {
  AccountSchema,
  accountJson,
  LimitRule,
  SystemAccountSchema,
  systemAccountJson,
} from "./account-view.ts";
import { readJson, readNothing } from "./body.ts";
import { jsonAnswer } from "./call.ts";
import type { Clock } from "./clock.ts";
import { Asset, Flag, Id, isId, Metadata, MetadataPatch, NewAccountId, Time } from "./fields.ts";
import { canonicalJson, fingerprintOf } from "./fingerprint.ts";
import { idempotencyKey, madeId, type Random } from "./idempotency.ts";
import { limitOf, pageJson, pageQuery } from "./pagination.ts";
import type { Ledger } from "./ports.ts";
import { invalid, Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";
import { check, checkQuery } from "./validation.ts";
import { decidedAnswer } from "./writes.ts";

const IDS_MAX = 100;
const LIMITS_MAX = 16;

const Floor = z
  .int()
  .max(0)
  .nullable()
  .openapi({ description: "The lowest `available`; null for none.", example: 0 });
const Ceiling = z
  .int()
  .nullable()
  .openapi({ description: "The highest `posted`; null for none.", example: null });
const Limits = z
  .array(LimitRule)
  .max(LIMITS_MAX)
  .openapi({ description: "Not implemented yet: leave it empty." });

const NewAccount = z
  .strictObject({
    id: NewAccountId.optional(),
    asset: Asset,
    floor: Floor.optional(),
    ceiling: Ceiling.optional(),
    limits: Limits.optional(),
    metadata: Metadata.optional(),
  })
  .openapi("NewAccount", { example: { id: "alice/points", asset: "PTS/0" } });

const AccountPatch = z
  .strictObject({
    floor: Floor.optional(),
    ceiling: Ceiling.optional(),
    limits: Limits.optional(),
    metadata: MetadataPatch.optional(),
  })
  .openapi("AccountPatch", { example: { floor: -10_000, metadata: { tier: "gold" } } });

export const AccountParams = z.object({ id: Id });
const ReadQuery = z.strictObject({ at: Time.optional() });
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
  consistent: Flag.openapi({ description: "One consistent cut. Not implemented yet." }),
  ...pageQuery,
});

export type AccountsDeps = Readonly<{ ledger: Ledger; clock: Clock; random: Random }>;

export function addAccounts(routes: Routes, deps: AccountsDeps): void {
  addCreate(routes, deps);
  addList(routes, deps);
  addRead(routes, deps);
  addUpdate(routes, deps);
  addStatusActions(routes, deps);
}

/** The id in the path. @throws Problem 400 */
export function accountIdOf(c: Context): string {
  const id = c.req.param("id");
  if (!isId(id)) throw invalid("id", "must be an id");
  return id;
}

function ownAccountIdOf(c: Context): string {
  const id = accountIdOf(c);
  if (isSystemAccount(id)) throw invalid("id", "must not begin with @: system accounts have no rules");
  return id;
}

function refuseLimits(limits: readonly unknown[] | undefined): void {
  if (limits !== undefined && limits.length > 0)
    throw new Problem("not_implemented", "Limits are not there yet.");
}

/** JSON knows -0; the books do not. */
function withoutMinusZero(value: number | null): number | null {
  return value === 0 ? 0 : value;
}

const accountAnswer = { description: "The account.", content: { "application/json": AccountSchema } };

function addCreate(routes: Routes, { ledger, clock, random }: AccountsDeps): void {
  const path = "/v1/accounts";
  routes.add(
    {
      method: "post",
      path,
      access: "partner",
      group: "accounts",
      summary: "Open an account",
      body: { schema: NewAccount },
      answer: { status: 201, ...accountAnswer },
      problems: [
        "account_exists",
        "balance_conflict",
        "idempotency_key_reused",
        "idempotency_key_expired",
        "not_implemented",
      ],
    },
    async (c, call) => {
      const key = idempotencyKey(c, clock.nowMs());
      const value = await readJson(c);
      const asked = check(NewAccount, value);
      refuseLimits(asked.limits);
      const command: CreateAccount = {
        op: "create_account",
        partner: call.partner,
        key,
        fingerprint: key === null ? 0 : fingerprintOf("POST", path, canonicalJson(asked)),
        id: asked.id ?? madeId("acc", call.partner, `POST ${path}`, key, random),
        asset: asked.asset,
        floor: asked.floor === undefined ? 0 : withoutMinusZero(asked.floor),
        ceiling: withoutMinusZero(asked.ceiling ?? null),
        metadata: asked.metadata === undefined ? null : canonicalJson(asked.metadata),
      };
      return decidedAnswer(call, await ledger.submit(command), 201, ({ account }) => accountJson(account));
    },
  );
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

function addList(routes: Routes, { ledger }: AccountsDeps): void {
  const page = z.object({ data: z.array(AccountSchema), next_cursor: z.string().nullable() });
  const some = z.object({ data: z.array(AccountSchema), missing: z.array(z.string()) });
  routes.add(
    {
      method: "get",
      path: "/v1/accounts",
      access: "partner",
      group: "accounts",
      summary: "List accounts in order of id, or read some by id",
      description:
        "With `ids` the answer has `missing` in place of `next_cursor`, and the order is that of `ids`.",
      query: ListQuery,
      answer: { status: 200, description: "A page.", content: { "application/json": z.union([page, some]) } },
      problems: ["not_implemented"],
    },
    async (c, call) => {
      const query = checkQuery(ListQuery, c);
      if (query.ids === undefined) {
        if (query.consistent !== undefined) throw invalid("consistent", "needs ids");
        const { data, nextCursor } = await ledger.listAccounts(call.partner, {
          prefix: query.prefix ?? "",
          limit: limitOf(query.limit),
          cursor: query.cursor,
        });
        return jsonAnswer(call, 200, pageJson(data.map(accountJson), nextCursor));
      }
      for (const other of ["prefix", "limit", "cursor"] as const) {
        if (query[other] !== undefined) throw invalid(other, "does not go with ids");
      }
      const ids = idsOf(query.ids);
      if (query.consistent === "true")
        throw new Problem("not_implemented", "Consistent cuts are not there yet.");
      const found = await ledger.accounts(call.partner, ids);
      const known = new Set(found.map(({ id }) => id));
      const missing = ids.filter((id) => !known.has(id));
      const rows = found.map(accountJson).join(",");
      return jsonAnswer(call, 200, `{"data":[${rows}],"missing":${JSON.stringify(missing)}}`);
    },
  );
}

function addRead(routes: Routes, { ledger }: AccountsDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/accounts/{id}",
      access: "partner",
      group: "accounts",
      summary: "One account",
      description:
        "A `/` in the id is written %2F. `at` (the account as it was then) is not implemented yet.",
      params: AccountParams,
      query: ReadQuery,
      answer: {
        status: 200,
        description: "The account; a system account has one balance per asset.",
        content: { "application/json": z.union([AccountSchema, SystemAccountSchema]) },
      },
      problems: ["account_not_found", "not_implemented"],
    },
    async (c, call) => {
      const id = accountIdOf(c);
      const { at } = checkQuery(ReadQuery, c);
      if (at !== undefined) throw new Problem("not_implemented", "Balances of the past are not there yet.");
      if (isSystemAccount(id)) {
        const account = await ledger.systemAccount(call.partner, id);
        if (account !== undefined) return jsonAnswer(call, 200, systemAccountJson(account));
      } else {
        const account = await ledger.account(call.partner, id);
        if (account !== undefined) return jsonAnswer(call, 200, accountJson(account));
      }
      throw accountNotFound(id);
    },
  );
}

export function accountNotFound(id: string): Problem {
  return new Problem("account_not_found", `There is no account ${id}.`);
}

function addUpdate(routes: Routes, { ledger, clock }: AccountsDeps): void {
  routes.add(
    {
      method: "patch",
      path: "/v1/accounts/{id}",
      access: "partner",
      group: "accounts",
      summary: "Change an account's rules or metadata",
      params: AccountParams,
      body: { schema: AccountPatch },
      answer: { status: 200, ...accountAnswer },
      problems: [
        "account_not_found",
        "managed_account",
        "balance_conflict",
        "account_closed",
        "not_implemented",
      ],
    },
    async (c, call) => {
      const id = ownAccountIdOf(c);
      const key = idempotencyKey(c, clock.nowMs());
      const value = await readJson(c);
      const asked = check(AccountPatch, value);
      refuseLimits(asked.limits);
      const command: UpdateAccount = {
        op: "update_account",
        partner: call.partner,
        key,
        fingerprint: key === null ? 0 : fingerprintOf("PATCH", `/v1/accounts/${id}`, canonicalJson(asked)),
        id,
        ...(asked.floor === undefined ? {} : { floor: withoutMinusZero(asked.floor) }),
        ...(asked.ceiling === undefined ? {} : { ceiling: withoutMinusZero(asked.ceiling) }),
        ...(asked.metadata === undefined ? {} : { metadata: canonicalJson(asked.metadata) }),
      };
      return decidedAnswer(call, await ledger.submit(command), 200, ({ account }) => accountJson(account));
    },
  );
}

const ACTIONS = {
  freeze: "No new debits or holds; credits still arrive",
  unfreeze: "End a freeze",
  close: "Close an empty account",
} as const;

function addStatusActions(routes: Routes, { ledger, clock }: AccountsDeps): void {
  for (const action of ["freeze", "unfreeze", "close"] as const) {
    routes.add(
      {
        method: "post",
        path: `/v1/accounts/{id}/${action}`,
        access: "partner",
        group: "accounts",
        summary: ACTIONS[action],
        params: AccountParams,
        answer: { status: 200, ...accountAnswer },
        problems: ["account_not_found", "managed_account", "account_closed", "account_not_empty"],
      },
      async (c, call) => {
        const id = ownAccountIdOf(c);
        const key = idempotencyKey(c, clock.nowMs());
        await readNothing(c);
        const fingerprint = key === null ? 0 : fingerprintOf("POST", `/v1/accounts/${id}/${action}`, "");
        const answer = await ledger.submit({
          op: "set_account_status",
          partner: call.partner,
          key,
          fingerprint,
          id,
          action,
        });
        return decidedAnswer(call, answer, 200, ({ account }) => accountJson(account));
      },
    );
  }
}
