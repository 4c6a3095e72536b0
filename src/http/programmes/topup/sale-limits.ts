/** Limits of top-ups: of a seller (`/v1/sellers/{id}`), and of a seller's top-ups to one phone (`/v1/topup-settings`). */
import { z } from "@hono/zod-openapi";
import {
  askTopupSettings,
  type SaleLimits,
  TOPUP_SUBJECT,
  type TopupSettings,
  topupAct,
} from "../../../actors/programmes/topup/acts.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount } from "../../input/fields.ts";
import { readChange } from "../../read-change.ts";
import { addReadRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";

export const LIMITS =
  "The daily ones are on the top-ups of any 24 hours, in 60 buckets of which the oldest counts in full, as with limits of " +
  "accounts. They count from when a daily limit is set. A top-up counts when it is made and is given back when it fails; " +
  "reverts do not count. A member that is absent or null is no limit.";

const limitFields = {
  min_amount: Amount.nullable().optional(),
  max_amount: Amount.nullable().optional(),
  daily_amount: Amount.nullable().optional(),
  daily_count: z.int().min(1).max(1_000_000).nullable().optional(),
};
export const SaleLimitsSchema = z
  .strictObject(limitFields)
  .refine(
    ({ min_amount, max_amount }) => (min_amount ?? 0) <= (max_amount ?? Number.MAX_SAFE_INTEGER),
    "min_amount must not exceed max_amount",
  )
  .openapi("TopupLimits", {
    example: { min_amount: 1000, max_amount: 1_000_000, daily_amount: 5_000_000, daily_count: 200 },
  });
type LimitsBody = z.infer<typeof SaleLimitsSchema>;

export const SaleLimitsView = z
  .object({
    min_amount: z.int().nullable(),
    max_amount: z.int().nullable(),
    daily_amount: z.int().nullable(),
    daily_count: z.int().nullable(),
  })
  .openapi("TopupLimitsView");

/** `null` if nothing is limited. */
export function limitsOf(body: LimitsBody | null): SaleLimits | null {
  if (body === null) return null;
  const { min_amount = null, max_amount = null, daily_amount = null, daily_count = null } = body;
  if (min_amount === null && max_amount === null && daily_amount === null && daily_count === null)
    return null;
  return { minAmount: min_amount, maxAmount: max_amount, dailyAmount: daily_amount, dailyCount: daily_count };
}

export function limitsMembers(limits: SaleLimits | null) {
  if (limits === null) return null;
  const { minAmount, maxAmount, dailyAmount, dailyCount } = limits;
  return { min_amount: minAmount, max_amount: maxAmount, daily_amount: dailyAmount, daily_count: dailyCount };
}

const SettingsBody = z
  .strictObject({ phone_limits: SaleLimitsSchema.nullable() })
  .openapi("TopupSettings", { example: { phone_limits: { daily_amount: 2_000_000, daily_count: 10 } } });
const SettingsView = z.object({ phone_limits: SaleLimitsView.nullable() }).openapi("TopupSettingsView", {
  example: {
    phone_limits: { min_amount: null, max_amount: null, daily_amount: 2_000_000, daily_count: 10 },
  },
});
const DESCRIPTION = `\`phone_limits\` are those of each seller's top-ups to one phone. ${LIMITS}`;

export function addTopupSettings(routes: Routes, { ledger }: Readonly<{ ledger: Ledger }>): void {
  const path = "/v1/topup-settings";
  const answer = { description: "The settings.", content: { "application/json": SettingsView } };
  addReadRoute(
    routes,
    {
      path,
      access: "partner",
      group: "topups",
      summary: "Get the limits of top-ups to one phone",
      description: DESCRIPTION,
      answer: { status: 200, ...answer },
    },
    (_, call) => ledger.ask(call.partner, askTopupSettings()),
    settingsJson,
  );
  routes.add(
    {
      method: "put",
      path,
      access: "partner",
      group: "topups",
      summary: "Replace the limits of top-ups to one phone",
      description: DESCRIPTION,
      body: { schema: SettingsBody },
      answer: { status: 200, ...answer },
      problems: IDEMPOTENCY_PROBLEMS,
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, SettingsBody);
      const settings = { phoneLimits: limitsOf(value.phone_limits) };
      const act = topupAct("change_settings", TOPUP_SUBJECT, { settings });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 200, () =>
        settingsJson(settings),
      );
    },
  );
}

function settingsJson({ phoneLimits }: TopupSettings): string {
  return JSON.stringify({ phone_limits: limitsMembers(phoneLimits) });
}
