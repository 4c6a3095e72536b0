/** `/v1/loyalty/members/{id}/…`: accruals, redemptions and entries. */
import { z } from "@hono/zod-openapi";
import {
  askMember,
  type LoyaltyAct,
  type LoyaltyEffect,
  type MovementSource,
  pointsAccount,
} from "../../../actors/programmes/loyalty/acts.ts";
import type { Transfer, TransferPosted } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { CompoundTransfer, TransferChanged } from "../../../actors/records/compound-command.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import { assert } from "../../../errors/assert.ts";
import { callerOf } from "../../call.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import {
  BATCH_ANSWER,
  BATCH_RULES,
  type Batches,
  batchAnswer,
  batchBody,
} from "../../core/transfers/batch.ts";
import { BATCH_ITEMS_MAX } from "../../core/transfers/batch-items.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Balance, knownTimeMsOf, timeMsOrNull, timeTextOf } from "../../input/fields.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import type { ProblemCode } from "../../problem.ts";
import { readChange } from "../../read-change.ts";
import { answerOf, type RouteDescription, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { type LoyaltyDeps, memberNotFound } from "./members.ts";
import {
  accrualCommand,
  MOVEMENTS,
  MovementItem,
  NewAccrual,
  NewRedemption,
  type RedemptionFields,
  redemptionCommand,
} from "./movements.ts";
import { TILL_ACCESS, tillOf } from "./till.ts";

export type PointsDeps = LoyaltyDeps & Readonly<{ batches: Batches }>;

const MovementBatch = z
  .object({ movements: z.array(MovementItem).max(BATCH_ITEMS_MAX) })
  .openapi("PointsMovementBatch");

const ofSource = {
  reference: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  till: z.string().optional().openapi({ description: "Name of the key, if a till's key was used." }),
};

const MovementSchema = z
  .object({
    id: z.string().openapi({ description: "The transfer's id, to revert it." }),
    member: z.string(),
    points: z.int(),
    description: z.string(),
    ...ofSource,
    activates_at: z.iso.datetime().optional().openapi({ description: "Only if the points begin later." }),
    occurred_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
    balance: Balance,
  })
  .openapi("PointsMovement", {
    example: {
      id: "tr_0a11001",
      member: "alice",
      points: 100,
      description: "Haircut",
      occurred_at: "2026-11-20T10:00:00.000Z",
      created_at: "2026-11-20T10:00:00.000Z",
      balance: 220,
    },
  });

const TYPES = ["accrual", "redemption", "activation", "expiry", "revert"] as const;
const PointsEntrySchema = z
  .object({
    seq: z.int(),
    transfer_id: z.string(),
    type: z.enum(TYPES),
    amount: z.int().openapi({ description: "Signed points." }),
    balance_after: Balance,
    counterparty: z.string(),
    description: z.string().nullable(),
    memo: z.string().nullable(),
    reference: z.string().nullable(),
    till: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    occurred_at: z.iso.datetime(),
    at: z.iso.datetime(),
  })
  .openapi("PointsEntry");
const PointsEntriesPage = statementSchema(PointsEntrySchema).openapi("PointsEntriesPage");

export function addPoints(routes: Routes, deps: PointsDeps): void {
  addMovement(routes, deps, NewAccrual, {
    path: "/v1/loyalty/members/{id}/accruals",
    summary: "Credit points to a member",
    description:
      "Moves points from `@issuance` to the member. With `expires_at` the points become a lot of their own. With " +
      "`activates_at` they are pending until then; a revert before that voids their transfer.",
    problems: ["member_not_found", "duplicate_reference", "balance_out_of_range", ...IDEMPOTENCY_PROBLEMS],
    commandOf: accrualCommand,
    side: "creditPosted",
  });
  addMovement(routes, deps, NewRedemption, {
    path: "/v1/loyalty/members/{id}/redemptions",
    summary: "Debit points from a member",
    description: "Moves points from the member to `@redemption`. Points that expire soonest are spent first.",
    problems: ["member_not_found", "duplicate_reference", "insufficient_funds", ...IDEMPOTENCY_PROBLEMS],
    commandOf: redemptionCommand,
    side: "debitPosted",
  });
  addMovementBatch(routes, deps);
  addEntries(routes, deps);
}

type Direction<T> = Pick<RouteDescription, "path" | "summary"> &
  Readonly<{
    description: string;
    problems: readonly ProblemCode[];
    commandOf: (
      header: CommandHeader,
      member: string,
      fields: T,
      till: string | undefined,
    ) => Transfer | CompoundTransfer;
    /** The member's side of the transfer. */
    side: "debitPosted" | "creditPosted";
  }>;

/** A route that credits points to a member or debits them. */
function addMovement<T extends RedemptionFields & Readonly<{ activates_at?: string | undefined }>>(
  routes: Routes,
  { ledger }: LoyaltyDeps,
  schema: z.ZodType<T>,
  { commandOf, side, ...description }: Direction<T>,
): void {
  routes.add(
    {
      method: "post",
      ...description,
      access: TILL_ACCESS,
      group: "loyalty",
      params: IdParams,
      body: { schema },
      answer: answerOf(201, "The movement, with the balance after it.", MovementSchema),
    },
    async (request, call) => {
      const member = idOf(request);
      const { value, header } = await readChange(request, call, schema);
      const command = commandOf(header, member, value, tillOf(call));
      const answer = await ledger.submit<Transfer | CompoundTransfer>(command);
      return decidedAnswer(call, answer, 201, (done, { timeMs }) =>
        movementJson(done.id, member, value, resultOf(done, side), timeMs),
      );
    },
  );
}

function addMovementBatch(routes: Routes, { batches }: PointsDeps): void {
  routes.add(
    {
      method: "post",
      operationId: "createPointsMovementBatch",
      path: MOVEMENTS.path,
      access: TILL_ACCESS,
      group: "loyalty",
      summary: "Credit and debit points: up to 10,000 independent movements, in order",
      description: BATCH_RULES,
      body: batchBody(MovementBatch, MovementItem, "PointsMovementItem"),
      answer: BATCH_ANSWER,
      problems: ["batch_too_large"],
    },
    (request, call) => {
      const till = tillOf(call);
      const from = { kind: "movements", ...(till !== undefined && { till }) } as const;
      return batchAnswer(batches, request, call, MOVEMENTS, from);
    },
  );
}

type Shown = Pick<RedemptionFields, "points" | "description" | "reference" | "metadata" | "occurred_at"> &
  Readonly<{ activates_at?: string | undefined }>;

/**
 * What the record says beyond the request. The balance is that of the member: of the side that a transfer moved, or the one
 * that points which begin later have left as it was.
 */
function resultOf(
  done: TransferPosted | TransferChanged,
  side: "debitPosted" | "creditPosted",
): Readonly<{ balance: number; till: string | undefined }> {
  // The effect of an act of this programme.
  const effect = (done.effect ?? null) as LoyaltyEffect<"accrual">;
  const till = effect?.till;
  if (effect !== null && "pending" in effect) return { balance: effect.balance, till };
  assert(side in done, "only points that begin later move with a compound transfer");
  return { balance: (done as TransferPosted)[side], till };
}

function movementJson(
  id: string,
  member: string,
  { points, description, reference, metadata, occurred_at, activates_at }: Shown,
  { balance, till }: ReturnType<typeof resultOf>,
  timeMs: number,
): string {
  // Concatenated, because it is the programme's most frequent answer. Ids contain no characters that JSON escapes.
  return (
    `{"id":"${id}","member":"${member}","points":${points},"description":${JSON.stringify(description)},` +
    (reference === undefined ? "" : `"reference":${JSON.stringify(reference)},`) +
    (metadata === undefined ? "" : `"metadata":${JSON.stringify(metadata)},`) +
    (till === undefined ? "" : `"till":${JSON.stringify(till)},`) +
    (activates_at === undefined ? "" : `"activates_at":"${timeTextOf(knownTimeMsOf(activates_at))}",`) +
    `"occurred_at":"${timeTextOf(timeMsOrNull(occurred_at) ?? timeMs)}","created_at":"${timeTextOf(timeMs)}","balance":${balance}}`
  );
}

function addEntries(routes: Routes, { ledger }: LoyaltyDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/loyalty/members/{id}/entries",
      access: "partner",
      group: "loyalty",
      summary: "List a member's entries, newest first",
      params: IdParams,
      query: RangeQuery,
      answer: entriesPageOf(PointsEntriesPage),
      problems: ["member_not_found"],
    },
    async (request, call, query) => {
      const member = idOf(request);
      const range = rangeOf(query);
      const view = await ledger.ask(call.partner, askMember(member));
      if (view === null) throw memberNotFound(member);
      // Excludes the entries of a deleted member with the same id.
      const memberRange = { ...range, afterSeq: view.since };
      const statement = await ledger.entries(
        call.partner,
        pointsAccount(member),
        memberRange,
        callerOf(call),
      );
      if (statement === undefined) throw memberNotFound(member);
      return statementAnswer(request, call, statement, range, ENTRIES);
    },
  );
}

function entryView(entry: Entry) {
  const { seq, transferId, amount, balanceAfter, counterparty, memo, metadata, timeMs, act, occurredAtMs } =
    entry;
  // Only this programme moves points of members.
  const loyalty = act as LoyaltyAct | undefined;
  return {
    seq,
    transfer_id: transferId,
    type: typeOf(loyalty),
    amount,
    balance_after: balanceAfter,
    counterparty,
    description: memo,
    memo,
    reference: sourceOf(loyalty).reference ?? null,
    till: sourceOf(loyalty).till ?? null,
    metadata: metadata === null ? {} : JSON.parse(metadata),
    occurred_at: timeTextOf(occurredAtMs ?? timeMs),
    at: timeTextOf(timeMs),
  };
}

const ENTRIES = formatOf(entryView, {
  seq: "ours",
  transfer_id: "ours",
  type: "ours",
  amount: "ours",
  balance_after: "ours",
  counterparty: "ours",
  description: "text",
  reference: "text",
  till: "text",
  metadata: "text",
  occurred_at: "ours",
  at: "ours",
});

function typeOf(act: LoyaltyAct | undefined): (typeof TYPES)[number] {
  switch (act?.act) {
    case "accrual":
      return act.activatesAtMs === undefined ? "accrual" : "activation";
    case "redemption":
    case "expiry":
      return act.act;
    default:
      return "revert";
  }
}

function sourceOf(act: LoyaltyAct | undefined): MovementSource {
  return act?.act === "accrual" || act?.act === "redemption" ? act : {};
}
