/** `?dry_run=true`, on every POST of the ledger core. */
import { z } from "@hono/zod-openapi";
import type { Accepted, Command, Outcome } from "../../../actors/records/command.ts";
import { type Call, type HttpAnswer, jsonAnswer } from "../../call.ts";
import { Flag } from "../../input/fields.ts";
import { rejectionAnswer } from "../../writes.ts";

export const DryRunQuery = z.strictObject({
  dry_run: Flag.openapi({
    description: "Only tells what would happen: nothing is logged, and a key is not used.",
  }),
});

/** The answer of a dry run: as of a write, but without `Daybook-Position`. */
export function dryRunAnswer<C extends Command>(
  call: Call,
  outcome: Outcome<C>,
  status: number,
  body: (accepted: Accepted[C["op"]]) => string,
): HttpAnswer {
  if (!outcome.ok) return rejectionAnswer(call, outcome);
  return jsonAnswer(call, status, body(outcome));
}
