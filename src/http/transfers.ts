/** `/v1/transfers` and one of them. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { findAccount } from "./account-address.ts";
import { readJson } from "./body.ts";
import { jsonAnswer } from "./call.ts";
import type { Clock } from "./clock.ts";
import { asCompound } from "./compound-request.ts";
import { Flag, Id } from "./fields.ts";
import { IDEMPOTENCY_PROBLEMS, idempotencyKey } from "./idempotency.ts";
import { pageAnswer, pageOf } from "./pagination.ts";
import type { Ledger } from "./ports.ts";
import type { Routes } from "./routes.ts";
import { rangeOf, rangeQuery } from "./time-range.ts";
import { TransferParams, transferIdOf, transferNotFound } from "./transfer-address.ts";
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
import { checkQuery } from "./validation.ts";
import { decidedAnswer, rejectionAnswer } from "./writes.ts";

const CreateQuery = z.strictObject({
  dry_run: Flag.openapi({
    description: "Only tells what would happen: nothing is logged, and a key is not used.",
  }),
});
const ListQuery = z.strictObject({
  account: Id.optional(),
  status: z.enum(["posted", "pending", "voided", "expired"]).optional(),
  ...rangeQuery,
});

export type TransfersDeps = Readonly<{ ledger: Ledger; clock: Clock }>;

export function addTransfers(routes: Routes, deps: TransfersDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
}

function addCreate(routes: Routes, { ledger, clock }: TransfersDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/transfers",
      access: "partner",
      group: "transfers",
      summary: "Move amounts between accounts, now or pending",
      description:
        `${inOrderOfPrecedence(TRANSFER_REJECTIONS)} Of several postings the first that fails is answered. A dry run ` +
        "has the same status and body, but no `id` and no Daybook-Position.",
      query: CreateQuery,
      body: { schema: TransferRequest },
      answer: {
        status: 201,
        description: "The transfer, and the balances after it.",
        content: { "application/json": z.union([TransferWithBalances, DryRun]) },
      },
      problems: [...TRANSFER_REJECTIONS, ...IDEMPOTENCY_PROBLEMS],
    },
    async (c, call) => {
      const nowMs = clock.nowMs();
      const key = idempotencyKey(c, nowMs);
      const isDryRun = hasQuery(c) && checkQuery(CreateQuery, c).dry_run === "true";
      const value = await readJson(c);
      const asker = { partner: call.partner, method: "POST", path: "/v1/transfers", nowMs };
      const command = transferOf(asker, value, key, false);
      if (isDryRun) {
        const outcome = await ledger.dryRun(asCompound(command));
        return outcome.ok ? jsonAnswer(call, 201, changedJson(outcome)) : rejectionAnswer(call, outcome);
      }
      if (command.op === "compound_transfer") {
        return decidedAnswer(call, await ledger.submit(command), 201, changedJson);
      }
      const answer = await ledger.submit(command);
      return decidedAnswer(call, answer, 201, (posted, { timeMs }) => postedJson(command, posted, timeMs));
    },
  );
}

/** Most requests have no query; parsing the address again would cost a microsecond. */
function hasQuery(c: Context): boolean {
  return c.req.raw.url.includes("?");
}

function addReads(routes: Routes, { ledger }: TransfersDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/transfers",
      access: "partner",
      group: "transfers",
      summary: "List transfers, newest first",
      description: "As they stand now.",
      query: ListQuery,
      answer: pageOf(TransferSchema),
      problems: ["account_not_found"],
    },
    async (c, call) => {
      const query = checkQuery(ListQuery, c);
      const { account, status } = query;
      const page = await ledger.transfers(call.partner, { ...rangeOf(query), account, status });
      // An account that has a transfer exists.
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
      summary: "One transfer",
      params: TransferParams,
      answer: { status: 200, description: "The transfer.", content: { "application/json": TransferSchema } },
      problems: ["transfer_not_found"],
    },
    async (c, call) => {
      const row = await ledger.transfer(call.partner, transferIdOf(c));
      if (row === undefined) throw transferNotFound();
      return jsonAnswer(call, 200, transferJson(row));
    },
  );
}
