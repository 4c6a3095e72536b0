/** `/v1/loyalty/members/{id}/…`: accruals, redemptions and entries. */
import { z } from "@hono/zod-openapi";
import { askMember, type LoyaltyAct, pointsAccount } from "../../../actors/programmes/loyalty/acts.ts";
import type { Act } from "../../../actors/records/act.ts";
import type { TransferPosted } from "../../../actors/records/command.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import { callerOf } from "../../call.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, Description, Time, timeMsOrNull, timeTextOf } from "../../input/fields.ts";
import { IdParams, idOf } from "../../input/path-id.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import { readChange, transferWith } from "../../read-change.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { type LoyaltyDeps, memberNotFound } from "./members.ts";

const NewAccrual = z
  .strictObject({
    points: Amount,
    description: Description,
    occurred_at: Time.optional(),
    expires_at: Time.optional().openapi({ description: "When the points expire; absent if never." }),
  })
  .openapi("NewAccrual", { example: { points: 100, description: "Haircut" } });
const NewRedemption = z
  .strictObject({ points: Amount, description: Description, occurred_at: Time.optional() })
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
  addAccruals(routes, deps);
  addRedemptions(routes, deps);
  addEntries(routes, deps);
}

const movement = {
  status: 201,
  description: "The movement, with the balance after it.",
  content: { "application/json": MovementSchema },
} as const;

function addAccruals(routes: Routes, { ledger }: LoyaltyDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/loyalty/members/{id}/accruals",
      access: "partner",
      group: "loyalty",
      summary: "Credit points to a member",
      description:
        "Moves points from `@issuance` to the member. With `expires_at` the points become a lot of their own.",
      params: IdParams,
      body: { schema: NewAccrual },
      answer: movement,
      problems: ["member_not_found", "balance_out_of_range", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const member = idOf(request);
      const { value, header } = await readChange(request, call, NewAccrual);
      const { points, description, occurred_at, expires_at } = value;
      const account = pointsAccount(member);
      const expiresAtMs = timeMsOrNull(expires_at);
      const lot = expiresAtMs === null ? {} : { expiresAtMs };
      const act = { programme: "loyalty", act: "accrual", subject: account, ...lot } as const;
      const occurredAtMs = timeMsOrNull(occurred_at);
      const move = { amount: points, memo: description, occurredAtMs };
      return decidedAnswer(
        call,
        await ledger.submit(transferWith(header, act, move)),
        201,
        (posted, { timeMs }) =>
          movementJson({ member, points, description, occurredAtMs, timeMs }, posted, posted.creditPosted),
      );
    },
  );
}

function addRedemptions(routes: Routes, { ledger }: LoyaltyDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/loyalty/members/{id}/redemptions",
      access: "partner",
      group: "loyalty",
      summary: "Debit points from a member",
      description:
        "Moves points from the member to `@redemption`. Points that expire soonest are spent first.",
      params: IdParams,
      body: { schema: NewRedemption },
      answer: movement,
      problems: ["member_not_found", "insufficient_funds", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const member = idOf(request);
      const { value, header } = await readChange(request, call, NewRedemption);
      const { points, description, occurred_at } = value;
      const account = pointsAccount(member);
      const act = { programme: "loyalty", act: "redemption", subject: account } as const;
      const occurredAtMs = timeMsOrNull(occurred_at);
      const move = { amount: points, memo: description, occurredAtMs };
      return decidedAnswer(
        call,
        await ledger.submit(transferWith(header, act, move)),
        201,
        (posted, { timeMs }) =>
          movementJson({ member, points, description, occurredAtMs, timeMs }, posted, posted.debitPosted),
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
  const { act: name } = act as LoyaltyAct;
  switch (name) {
    case "accrual":
    case "redemption":
    case "expiry":
      return name;
    default:
      return "revert";
  }
}
