/** Velocity limits of accounts: their schema, and the conversion between API and ledger. */
import { z } from "@hono/zod-openapi";
import type { Limit } from "../../../actors/records/command.ts";

const LIMITS_MAX = 16;
const WINDOW_S_MAX = 366 * 24 * 60 * 60;

export const LimitRule = z
  .strictObject({
    window_s: z.int().min(1).max(WINDOW_S_MAX),
    direction: z.enum(["debit", "credit"]),
    max_amount: z
      .int()
      .min(0)
      .optional()
      .openapi({ description: "Maximum sum of amounts within the window." }),
    max_count: z
      .int()
      .min(0)
      .optional()
      .openapi({ description: "Maximum number of debits or credits within the window." }),
  })
  .refine(
    ({ max_amount, max_count }) => max_amount !== undefined || max_count !== undefined,
    "must have max_amount or max_count",
  )
  .openapi("Limit", { example: { window_s: 86_400, direction: "debit", max_amount: 100_000 } });

type Rule = z.infer<typeof LimitRule>;

export const Limits = z
  .array(LimitRule)
  .max(LIMITS_MAX)
  .superRefine((rules, context) => {
    const seen = new Set<string>();
    for (const [i, { window_s, direction }] of rules.entries()) {
      const name = `${direction} ${window_s}`;
      if (seen.has(name)) {
        const message = "repeats the window_s and direction of an earlier limit";
        context.addIssue({ code: "custom", path: [i], message });
      }
      seen.add(name);
    }
  })
  .openapi({
    description:
      "Sliding windows of log time in 60 buckets, of which the oldest counts in full. Counting starts when the limit is set. " +
      "Holds count when created; void and expiry give them back. Reverts do not count. Each window_s only once per direction.",
  });

/** Normalizes -0, which JSON allows, to 0. */
function normalized(value: number | undefined): number | null {
  return value === undefined ? null : value === 0 ? 0 : value;
}

export function limitsOf(rules: readonly Rule[]): Limit[] {
  return rules.map(({ window_s, direction, max_amount, max_count }) => ({
    windowS: window_s,
    direction,
    maxAmount: normalized(max_amount),
    maxCount: normalized(max_count),
  }));
}

/** Without the brackets. */
export function limitsJson(limits: readonly Limit[]): string {
  return limits.map(limitJson).join(",");
}

function limitJson({ windowS, direction, maxAmount, maxCount }: Limit): string {
  const amount = maxAmount === null ? "" : `,"max_amount":${maxAmount}`;
  const count = maxCount === null ? "" : `,"max_count":${maxCount}`;
  return `{"window_s":${windowS},"direction":"${direction}"${amount}${count}}`;
}
