/** `/v1/loyalty/summary` and `/v1/loyalty/settings`: totals and thresholds of a partner's loyalty programme. */
import { z } from "@hono/zod-openapi";
import {
  askSettings,
  askSummary,
  LOYALTY_SUBJECT,
  type LoyaltySettings,
  type LoyaltySummary,
  loyaltyAct,
} from "../../../actors/programmes/loyalty/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount } from "../../input/fields.ts";
import { readChange } from "../../read-change.ts";
import { addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import type { LoyaltyDeps } from "./members.ts";

const Total = z.int().openapi({ description: "Points. Most JSON readers round numbers above 2^53." });
const SummarySchema = z
  .object({
    members: z.int(),
    outstanding: Total,
    earned: Total,
    spent: Total,
    expired: Total,
    pending: Total,
  })
  .openapi("LoyaltySummary", {
    example: { members: 10, outstanding: 1200, earned: 2000, spent: 700, expired: 100, pending: 50 },
  });
const Settings = z
  .strictObject({ member_threshold: Amount, total_threshold: Amount })
  .openapi("LoyaltySettings", { example: { member_threshold: 1000, total_threshold: 100_000 } });

const THRESHOLDS =
  "Points above which there is an event: `loyalty.member.above_threshold` when one member's balance rises above " +
  "`member_threshold`, `loyalty.total.above_threshold` when the sum of all balances rises above `total_threshold`. A " +
  "changed threshold is no event by itself.";

export function addProgramme(routes: Routes, { ledger }: LoyaltyDeps): void {
  addReadRoute(
    routes,
    {
      path: "/v1/loyalty/summary",
      access: "partner",
      group: "loyalty",
      summary: "Get the totals of all members",
      description:
        "`outstanding` is the sum of all balances. `pending` are points that begin later: they are part of no other total.",
      answer: answerOf(200, "The totals.", SummarySchema),
    },
    (_, call) => ledger.askAll(call.partner, askSummary()),
    summaryJson,
  );
  addSettings(routes, ledger);
}

/** The totals of a partner. @param parts one per shard. */
export function totalsOf(parts: readonly LoyaltySummary[]) {
  const sums = { members: 0, earned: 0n, spent: 0n, expired: 0n, pending: 0n };
  for (const { members, earned, spent, expired, pending } of parts) {
    sums.members += members;
    sums.earned += BigInt(earned);
    sums.spent += BigInt(spent);
    sums.expired += BigInt(expired);
    sums.pending += BigInt(pending);
  }
  return { ...sums, outstanding: sums.earned - sums.spent - sums.expired };
}

function summaryJson(parts: readonly LoyaltySummary[]): string {
  const { members, outstanding, earned, spent, expired, pending } = totalsOf(parts);
  return `{"members":${members},"outstanding":${outstanding},"earned":${earned},"spent":${spent},"expired":${expired},"pending":${pending}}`;
}

function addSettings(routes: Routes, ledger: LoyaltyDeps["ledger"]): void {
  const path = "/v1/loyalty/settings";
  const answer = { description: "The settings.", content: { "application/json": Settings } };
  addReadRoute(
    routes,
    {
      path,
      access: "partner",
      group: "loyalty",
      summary: "Get the balance thresholds",
      description: THRESHOLDS,
      answer: { status: 200, ...answer },
    },
    (_, call) => ledger.ask(call.partner, askSettings()),
    settingsJson,
  );
  routes.add(
    {
      method: "put",
      path,
      access: "partner",
      group: "loyalty",
      summary: "Replace the balance thresholds",
      description: THRESHOLDS,
      body: { schema: Settings },
      answer: { status: 200, ...answer },
      problems: IDEMPOTENCY_PROBLEMS,
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, Settings);
      const settings = { memberThreshold: value.member_threshold, totalThreshold: value.total_threshold };
      const act = loyaltyAct("change_settings", LOYALTY_SUBJECT, { settings });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 200, () =>
        settingsJson(settings),
      );
    },
  );
}

function settingsJson({ memberThreshold, totalThreshold }: LoyaltySettings): string {
  return JSON.stringify({ member_threshold: memberThreshold, total_threshold: totalThreshold });
}
