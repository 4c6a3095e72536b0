/** Accounts are opened, and their rules changed. */
import { z } from "@hono/zod-openapi";
import type { CreateAccount, UpdateAccount } from "../actors/command.ts";
import { ownAccountIdOf } from "./account-address.ts";
import { Limits, limitsOf } from "./account-limits.ts";
import { AccountSchema, accountJson } from "./account-view.ts";
import { readBareChange, readChange } from "./change.ts";
import type { Clock } from "./clock.ts";
import { Asset, Metadata, MetadataPatch, NewAccountId } from "./fields.ts";
import { canonicalJson } from "./fingerprint.ts";
import { IDEMPOTENCY_PROBLEMS, madeId, type Random } from "./idempotency.ts";
import { IdParams } from "./path-id.ts";
import type { Ledger } from "./ports.ts";
import type { Routes } from "./routes.ts";
import { decidedAnswer } from "./writes.ts";

const Floor = z
  .int()
  .max(0)
  .nullable()
  .openapi({ description: "The lowest `available`; null for none.", example: 0 });
const Ceiling = z
  .int()
  .nullable()
  .openapi({ description: "The highest `posted`; null for none.", example: null });

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

export type AccountsDeps = Readonly<{ ledger: Ledger; clock: Clock; random: Random }>;

export function addAccounts(routes: Routes, deps: AccountsDeps): void {
  addCreate(routes, deps);
  addUpdate(routes, deps);
  addStatusActions(routes, deps);
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
      problems: ["account_exists", "balance_conflict", ...IDEMPOTENCY_PROBLEMS],
    },
    async (c, call) => {
      const { value, asked } = await readChange(c, call, clock, NewAccount);
      const { asset, floor, ceiling, metadata, limits } = value;
      const command: CreateAccount = {
        op: "create_account",
        ...asked,
        id: value.id ?? madeId("acc", call.partner, `POST ${path}`, asked.key, random),
        asset,
        floor: floor === undefined ? 0 : withoutMinusZero(floor),
        ceiling: withoutMinusZero(ceiling ?? null),
        metadata: metadata === undefined ? null : canonicalJson(metadata),
        ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
      };
      return decidedAnswer(call, await ledger.submit(command), 201, ({ account }) => accountJson(account));
    },
  );
}

function addUpdate(routes: Routes, { ledger, clock }: AccountsDeps): void {
  routes.add(
    {
      method: "patch",
      path: "/v1/accounts/{id}",
      access: "partner",
      group: "accounts",
      summary: "Change an account's rules or metadata",
      params: IdParams,
      body: { schema: AccountPatch },
      answer: { status: 200, ...accountAnswer },
      problems: ["account_not_found", "managed_account", "balance_conflict", "account_closed"],
    },
    async (c, call) => {
      const id = ownAccountIdOf(c);
      const { value, asked } = await readChange(c, call, clock, AccountPatch);
      const { floor, ceiling, metadata, limits } = value;
      const command: UpdateAccount = {
        op: "update_account",
        ...asked,
        id,
        ...(floor === undefined ? {} : { floor: withoutMinusZero(floor) }),
        ...(ceiling === undefined ? {} : { ceiling: withoutMinusZero(ceiling) }),
        ...(metadata === undefined ? {} : { metadata: canonicalJson(metadata) }),
        ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
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
        params: IdParams,
        answer: { status: 200, ...accountAnswer },
        problems: ["account_not_found", "managed_account", "account_closed", "account_not_empty"],
      },
      async (c, call) => {
        const id = ownAccountIdOf(c);
        const asked = await readBareChange(c, call, clock);
        const answer = await ledger.submit({ op: "set_account_status", ...asked, id, action });
        return decidedAnswer(call, answer, 200, ({ account }) => accountJson(account));
      },
    );
  }
}
