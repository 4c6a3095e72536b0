/** An account's entries as a page, with the balances around them where a time was named. */
import { z } from "@hono/zod-openapi";
import type { Entry, Range, Statement } from "../archive/query.ts";
import type { Call } from "./call.ts";
import { Balance } from "./fields.ts";
import { pageAnswer } from "./pagination.ts";

export function statementSchema(entry: z.ZodType): z.ZodObject {
  return z.object({
    data: z.array(entry),
    next_cursor: z.string().nullable(),
    opening_balance: Balance.optional(),
    closing_balance: Balance.optional(),
  });
}

export function statementAnswer(
  call: Call,
  statement: Statement,
  { fromMs, toMs }: Range,
  entryJson: (entry: Entry) => string,
): Response {
  const { openingBalance: opening, closingBalance: closing } = statement;
  const hasBalances = fromMs !== undefined || toMs !== undefined;
  const balances = hasBalances ? `,"opening_balance":${opening},"closing_balance":${closing}` : "";
  return pageAnswer(call, statement, entryJson, balances);
}
