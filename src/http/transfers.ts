/** `/v1/transfers` and one of them. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { parseTransferId } from "../actors/transfer-id.ts";
import type { ArchivedRecord } from "../archive/query.ts";
import { readJson, readNothing } from "./body.ts";
import { type Call, jsonAnswer } from "./call.ts";
import type { Clock } from "./clock.ts";
import { Amount, Flag, Id, Time } from "./fields.ts";
import { idempotencyKey } from "./idempotency.ts";
import { limitOf, pageJson, pageQuery, pageSchema } from "./pagination.ts";
import type { Ledger } from "./ports.ts";
import { Problem } from "./problem.ts";
import { headerOf } from "./request-header.ts";
import type { Routes } from "./routes.ts";
import { rangeOf } from "./time-range.ts";
import { TransferRequest, transferOf } from "./transfer-request.ts";
import {
  TransferSchema,
  TransferWithBalances,
  transferJson,
  transferWithBalancesJson,
} from "./transfer-view.ts";
import { check, checkQuery } from "./validation.ts";
import { decidedAnswer } from "./writes.ts";

const TransferParams = z.object({ id: z.string().openapi({ example: "tr_0a11001" }) });
const CreateQuery = z.strictObject({ dry_run: Flag });
const ListQuery = z.strictObject({
  account: Id.optional(),
  status: z.enum(["posted", "pending", "voided", "expired"]).optional(),
  from: Time.optional(),
  to: Time.optional(),
  ...pageQuery,
});
const PostBody = z
  .strictObject({ amount: Amount.optional(), final: z.boolean().optional() })
  .openapi("PostTransfer");

export type TransfersDeps = Readonly<{ ledger: Ledger; clock: Clock }>;

export function addTransfers(routes: Routes, deps: TransfersDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addActions(routes);
}

function addCreate(routes: Routes, { ledger, clock }: TransfersDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/transfers",
      access: "partner",
      group: "transfers",
      summary: "Move an amount between two accounts",
      query: CreateQuery,
      body: { schema: TransferRequest },
      answer: {
        status: 201,
        description: "The transfer, and the balances after it.",
        content: { "application/json": TransferWithBalances },
      },
      problems: [
        "same_account",
        "account_not_found",
        "managed_account",
        "asset_mismatch",
        "account_closed",
        "account_frozen",
        "insufficient_funds",
        "ceiling_exceeded",
        "limit_exceeded",
        "balance_out_of_range",
        "idempotency_key_reused",
        "idempotency_key_expired",
        "not_implemented",
      ],
    },
    async (c, call) => {
      const nowMs = clock.nowMs();
      const key = idempotencyKey(c, nowMs);
      const isDryRun = hasQuery(c) && checkQuery(CreateQuery, c).dry_run === "true";
      const value = await readJson(c);
      const asker = { partner: call.partner, method: "POST", path: "/v1/transfers", nowMs };
      const command = transferOf(asker, value, key, false);
      if (isDryRun) throw new Problem("not_implemented", "Dry runs are not there yet.");
      const answer = await ledger.submit(command);
      return decidedAnswer(call, answer, 201, (posted, done) =>
        transferWithBalancesJson(command, posted, done.timeMs),
      );
    },
  );
}

/** Most requests have no query; parsing the address again would cost a microsecond. */
function hasQuery(c: Context): boolean {
  return c.req.raw.url.includes("?");
}

function archivedJson({ record, timeMs }: ArchivedRecord, call: Call): string | undefined {
  const { command, outcome } = record;
  if (command.partner !== call.partner) return undefined;
  if (command.op === "credit") return transferJson(command, command.id, command.createdAtMs);
  if (command.op !== "transfer" || !("debitSeq" in outcome)) return undefined;
  return transferJson(command, outcome.id, timeMs);
}

function addReads(routes: Routes, { ledger }: TransfersDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/transfers",
      access: "partner",
      group: "transfers",
      summary: "List transfers, newest first",
      query: ListQuery,
      answer: {
        status: 200,
        description: "A page.",
        content: { "application/json": pageSchema(TransferSchema) },
      },
    },
    async (c, call) => {
      const query = checkQuery(ListQuery, c);
      const range = rangeOf(query.from, query.to);
      // Every transfer of this version is posted.
      if (query.status !== undefined && query.status !== "posted")
        return jsonAnswer(call, 200, pageJson([], null));
      const page = await ledger.transfers(call.partner, {
        ...range,
        account: query.account,
        limit: limitOf(query.limit),
        cursor: query.cursor,
      });
      const rows = page.data.map((record) => archivedJson(record, call)).filter((row) => row !== undefined);
      return jsonAnswer(call, 200, pageJson(rows, page.nextCursor));
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
      const id = c.req.param("id") ?? "";
      const record = parseTransferId(id) === undefined ? undefined : await ledger.transfer(call.partner, id);
      const body = record === undefined ? undefined : archivedJson(record, call);
      if (body === undefined) throw new Problem("transfer_not_found", "There is no transfer with this id.");
      return jsonAnswer(call, 200, body);
    },
  );
}

const ACTIONS = {
  post: "Post a pending transfer, in full or in part",
  void: "Release what is left of a pending transfer",
  revert: "Move it back, once",
} as const;

function addActions(routes: Routes): void {
  for (const [action, summary] of Object.entries(ACTIONS)) {
    routes.add(
      {
        method: "post",
        path: `/v1/transfers/{id}/${action}`,
        access: "partner",
        group: "transfers",
        summary,
        description: "Not implemented yet.",
        params: TransferParams,
        ...(action === "post" ? { body: { schema: PostBody, required: false } } : {}),
        answer: {
          status: action === "revert" ? 201 : 200,
          description: "The transfer.",
          content: { "application/json": TransferWithBalances },
        },
        problems: ["transfer_not_found", "not_implemented"],
      },
      async (c) => {
        if (action === "post" && headerOf(c, "content-type") !== undefined)
          check(PostBody, await readJson(c));
        else await readNothing(c);
        throw new Problem("not_implemented", `To ${action} a transfer is not there yet.`);
      },
    );
  }
}
