/** `/v1/loyalty/members/{id}/…`: accruals, redemptions and entries. */
import { z } from "@hono/zod-openapi";
import {
  askMember,
  type LoyaltyAct,
  loyaltyAct,
  pointsAccount,
} from "../../../actors/programmes/loyalty/acts.ts";
import type { Act } from "../../../actors/records/act.ts";
import type { TransferPosted } from "../../../actors/records/command.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import { callerOf } from "../../call.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import {
  Amount,
  Balance,
  Description,
  knownTimeMsOf,
  Time,
  timeMsOrNull,
  timeTextOf,
} from "../../input/fields.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import type { ProblemCode } from "../../problem.ts";
import { readChange, transferWith } from "../../read-change.ts";
import { answerOf, type RouteDescription, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { type LoyaltyDeps, memberNotFound } from "./members.ts";

const newMovement = { points: Amount, description: Description, occurred_at: Time.optional() };
const NewAccrual = z
  .strictObject({
    ...newMovement,
    expires_at: Time.optional().openapi({ description: "When the points expire; absent if never." }),
  })
  .openapi("NewAccrual", { example: { points: 100, description: "Haircut" } });
const NewRedemption = z
  .strictObject(newMovement)
  .openapi("NewRedemption", { example: { points: 80, description: "Free coffee" } });

const MovementSchema = z
  .object({
    id: z.string().openapi({ description: "The transfer's id, to revert it." }),
    member: z.string(),
    points: z.int(),
    description: z.string(),
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

const TYPES = ["accrual", "redemption", "expiry", "revert"] as const;
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
    metadata: z.record(z.string(), z.string()),
    occurred_at: z.iso.datetime(),
    at: z.iso.datetime(),
  })
  .openapi("PointsEntry");
const PointsEntriesPage = statementSchema(PointsEntrySchema).openapi("PointsEntriesPage");

export function addPoints(routes: Routes, deps: LoyaltyDeps): void {
  addMovement(routes, deps, NewAccrual, {
    path: "/v1/loyalty/members/{id}/accruals",
    summary: "Credit points to a member",
    description:
      "Moves points from `@issuance` to the member. With `expires_at` the points become a lot of their own.",
    problems: ["member_not_found", "balance_out_of_range", ...IDEMPOTENCY_PROBLEMS],
    actOf: (account, { expires_at }) =>
      loyaltyAct(
        "accrual",
        account,
        expires_at === undefined ? {} : { expiresAtMs: knownTimeMsOf(expires_at) },
      ),
    balanceOf: ({ creditPosted }) => creditPosted,
  });
  addMovement(routes, deps, NewRedemption, {
    path: "/v1/loyalty/members/{id}/redemptions",
    summary: "Debit points from a member",
    description: "Moves points from the member to `@redemption`. Points that expire soonest are spent first.",
    problems: ["member_not_found", "insufficient_funds", ...IDEMPOTENCY_PROBLEMS],
    actOf: (account) => loyaltyAct("redemption", account, {}),
    balanceOf: ({ debitPosted }) => debitPosted,
  });
  addEntries(routes, deps);
}

type Direction<T> = Pick<RouteDescription, "path" | "summary"> &
  Readonly<{
    description: string;
    problems: readonly ProblemCode[];
    actOf: (account: string, value: T) => LoyaltyAct<"accrual" | "redemption">;
    /** The member's balance after the transfer. */
    balanceOf: (posted: TransferPosted) => number;
  }>;

/** A route that credits points to a member or debits them. */
function addMovement<T extends z.infer<typeof NewRedemption>>(
  routes: Routes,
  { ledger }: LoyaltyDeps,
  schema: z.ZodType<T>,
  { actOf, balanceOf, ...description }: Direction<T>,
): void {
  routes.add(
    {
      method: "post",
      ...description,
      access: "partner",
      group: "loyalty",
      params: IdParams,
      body: { schema },
      answer: answerOf(201, "The movement, with the balance after it.", MovementSchema),
    },
    async (request, call) => {
      const member = idOf(request);
      const { value, header } = await readChange(request, call, schema);
      const { points, description: memo } = value;
      const occurredAtMs = timeMsOrNull(value.occurred_at);
      const move = { amount: points, memo, occurredAtMs };
      const command = transferWith(header, actOf(pointsAccount(member), value), move);
      return decidedAnswer(call, await ledger.submit(command), 201, (posted, { timeMs }) =>
        movementJson({ member, points, description: memo, occurredAtMs, timeMs }, posted, balanceOf(posted)),
      );
    },
  );
}

type Movement = Readonly<{
  member: string;
  points: number;
  description: string;
  occurredAtMs: number | null;
  timeMs: number;
}>;

function movementJson(
  { member, points, description, occurredAtMs, timeMs }: Movement,
  { id }: TransferPosted,
  balance: number,
): string {
  // Concatenated, because it is the programme's most frequent answer. Ids contain no characters that JSON escapes.
  return (
    `{"id":"${id}","member":"${member}","points":${points},"description":${JSON.stringify(description)},` +
    `"occurred_at":"${timeTextOf(occurredAtMs ?? timeMs)}","created_at":"${timeTextOf(timeMs)}","balance":${balance}}`
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
  return {
    seq,
    transfer_id: transferId,
    type: typeOf(act),
    amount,
    balance_after: balanceAfter,
    counterparty,
    description: memo,
    memo,
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
  metadata: "text",
  occurred_at: "ours",
  at: "ours",
});

function typeOf(act: Act | undefined): (typeof TYPES)[number] {
  switch (act?.act) {
    case "accrual":
    case "redemption":
    case "expiry":
      return act.act;
    default:
      return "revert";
  }
}
