/** Routes that create accounts and change their rules and status. */
import { z } from "@hono/zod-openapi";
import type { CreateAccount, UpdateAccount } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { IDEMPOTENCY_PROBLEMS, madeId, type Random } from "../../idempotency.ts";
import { IdParams, ownAccountIdOf } from "../../input/path-id.ts";
import { readBareChange, readChange } from "../../read-change.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { DryRunQuery, dryRunAnswer } from "../transfers/dry-run.ts";
import {
  AccountPatch,
  AccountSchema,
  accountJson,
  changedRulesOf,
  NamelessAccount,
  NewAccount,
  namelessJson,
  rulesOf,
} from "./account-fields.ts";

export type AccountsDeps = Readonly<{ ledger: Ledger; random: Random }>;

export function addAccounts(routes: Routes, deps: AccountsDeps): void {
  addCreate(routes, deps);
  addUpdate(routes, deps);
  addStatusActions(routes, deps);
}

const accountAnswer = { description: "The account.", content: { "application/json": AccountSchema } };

function addCreate(routes: Routes, { ledger, random }: AccountsDeps): void {
  const path = "/v1/accounts";
  routes.add(
    {
      method: "post",
      path,
      access: "partner",
      group: "accounts",
      summary: "Open an account",
      query: DryRunQuery,
      body: { schema: NewAccount },
      answer: {
        status: 201,
        description: "The account. A dry run shows an id only if the request has one.",
        content: { "application/json": z.union([AccountSchema, NamelessAccount]) },
      },
      problems: ["account_exists", "balance_conflict", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call, { dry_run }) => {
      const { value, header } = await readChange(request, call, NewAccount);
      const command: CreateAccount = {
        op: "create_account",
        ...header,
        id: value.id ?? madeId("acc", call.partner, `POST ${path}`, header.key, random),
        asset: value.asset,
        ...rulesOf(value),
      };
      if (dry_run === "true") {
        const json = value.id === undefined ? namelessJson : accountJson;
        return dryRunAnswer(call, await ledger.dryRun(command), 201, ({ account }) => json(account));
      }
      return decidedAnswer(call, await ledger.submit(command), 201, ({ account }) => accountJson(account));
    },
  );
}

function addUpdate(routes: Routes, { ledger }: AccountsDeps): void {
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
    async (request, call) => {
      const id = ownAccountIdOf(request);
      const { value, header } = await readChange(request, call, AccountPatch);
      const command: UpdateAccount = { op: "update_account", ...header, id, ...changedRulesOf(value) };
      return decidedAnswer(call, await ledger.submit(command), 200, ({ account }) => accountJson(account));
    },
  );
}

const ACTIONS = {
  freeze: "Freeze: refuse new debits and holds; credits still arrive",
  unfreeze: "Unfreeze an account",
  close: "Close an empty account",
} as const;

function addStatusActions(routes: Routes, { ledger }: AccountsDeps): void {
  for (const action of ["freeze", "unfreeze", "close"] as const) {
    routes.add(
      {
        method: "post",
        path: `/v1/accounts/{id}/${action}`,
        access: "partner",
        group: "accounts",
        summary: ACTIONS[action],
        params: IdParams,
        query: DryRunQuery,
        answer: { status: 200, ...accountAnswer },
        problems: ["account_not_found", "managed_account", "account_closed", "account_not_empty"],
      },
      async (request, call, { dry_run }) => {
        const id = ownAccountIdOf(request);
        const header = await readBareChange(request, call);
        const command = { op: "set_account_status", ...header, id, action } as const;
        if (dry_run === "true")
          return dryRunAnswer(call, await ledger.dryRun(command), 200, ({ account }) => accountJson(account));
        const answer = await ledger.submit(command);
        return decidedAnswer(call, answer, 200, ({ account }) => accountJson(account));
      },
    );
  }
}
