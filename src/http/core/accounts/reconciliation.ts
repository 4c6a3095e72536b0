/** Compares an account's balance with the sum of its entries. */
import { z } from "@hono/zod-openapi";
import type { Reconciliation } from "../../../gateway/ports.ts";

export const reconciliationFields = {
  entries_sum: z.int(),
  entries_count: z.int(),
  difference: z.int(),
  reconciled: z.boolean(),
};

export function reconciliationView({ account, entriesSum, entriesCount }: Reconciliation) {
  const difference = account.posted - entriesSum;
  const sums = { entries_sum: entriesSum, entries_count: entriesCount };
  return { ...sums, difference, reconciled: difference === 0 };
}
