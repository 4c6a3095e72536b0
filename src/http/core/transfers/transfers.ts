/** `/v1/transfers`: create, list and get transfers. */
import { z } from "@hono/zod-openapi";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf, jsonAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Id } from "../../input/fields.ts";
import { pageAnswer, pageOf } from "../../input/pagination.ts";
import { findAccount, TransferParams, transferIdOf, transferNotFound } from "../../input/path-id.ts";
import { rangeOf, rangeQuery } from "../../input/time-range.ts";
import type { Routes } from "../../routes.ts";
import { readJson } from "../../server/body.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { asCompound } from "./compound-request.ts";
import { DryRunQuery, dryRunAnswer } from "./dry-run.ts";
import { inOrderOfPrecedence, TRANSFER_REJECTIONS } from "./transfer-rejections.ts";
import { transferOf } from "./transfer-request.ts";
import { TransferRequest } from "./transfer-schema.ts";
import {
  changedJson,
  DryRun,
  postedJson,
  TransferSchema,
  TransferWithBalances,
  transferJson,
} from "./transfer-view.ts";

const ListQuery = z.strictObject({
  account: Id.optional(),
  status: z.enum(["posted", "pending", "voided", "expired"]).optional(),
  ...rangeQuery,
});

export type TransfersDeps = Readonly<{ ledger: Ledger }>;

export function addTransfers(routes: Routes, deps: TransfersDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
}

function addCreate(routes: Routes, { ledger }: TransfersDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/transfers",
      access: "partner",
      group: "transfers",
      summary: "Create a transfer, posted at once or pending",
      description:
        `${inOrderOfPrecedence(TRANSFER_REJECTIONS)} With several postings, the first that fails is reported. A dry run ` +
        "has the same status and body, but no `id` and no Daybook-Position.",
      query: DryRunQuery,
      body: { schema: TransferRequest },
      answer: {
        status: 201,
        description: "The transfer, and the balances of its accounts after it.",
        content: { "application/json": z.union([TransferWithBalances, DryRun]) },
      },
      problems: [...TRANSFER_REJECTIONS, ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call, { dry_run }) => {
      const value = await readJson(request, { partner: call.partner });
      const sender = { partner: call.partner, method: "POST", path: "/v1/transfers" };
      const command = transferOf(sender, value, call.key, false);
      if (dry_run === "true") {
        return dryRunAnswer(call, await ledger.dryRun(asCompound(command)), 201, changedJson);
      }
      if (command.op === "compound_transfer") {
        return decidedAnswer(call, await ledger.submit(command), 201, changedJson);
      }
      const answer = await ledger.submit(command);
      return decidedAnswer(call, answer, 201, (posted, { timeMs }) => postedJson(command, posted, timeMs));
    },
  );
}

function addReads(routes: Routes, { ledger }: TransfersDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/transfers",
      access: "partner",
      group: "transfers",
      summary: "List transfers, newest first",
      description:
        "In their current state, ordered by `created_at`, to which `from` (inclusive) and `to` (exclusive) apply. " +
        "`account` selects transfers that debit or credit it, including pending, voided and expired ones.",
      query: ListQuery,
      answer: pageOf(TransferSchema),
      problems: ["account_not_found"],
    },
    async (_, call, query) => {
      const { account, status } = query;
      const page = await ledger.transfers(
        call.partner,
        { ...rangeOf(query), account, status },
        callerOf(call),
      );
      // An account with a transfer exists, so this is checked only for an empty page.
      if (account !== undefined && page.data.length === 0) await findAccount(ledger, call.partner, account);
      return pageAnswer(call, page, transferJson);
    },
  );
  routes.add(
    {
      method: "get",
      path: "/v1/transfers/{id}",
      access: "partner",
      group: "transfers",
      summary: "Get a transfer",
      params: TransferParams,
      answer: { status: 200, description: "The transfer.", content: { "application/json": TransferSchema } },
      problems: ["transfer_not_found"],
    },
    async (request, call) => {
      const row = await ledger.transfer(call.partner, transferIdOf(request));
      if (row === undefined) throw transferNotFound();
      return jsonAnswer(call, 200, transferJson(row));
    },
  );
}
