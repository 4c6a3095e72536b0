/** `?dry_run=true`, on every POST of the core. */
import { z } from "@hono/zod-openapi";
import type { Accepted, Command, Outcome } from "../../../actors/records/command.ts";
import { type Call, type HttpAnswer, jsonAnswer } from "../../call.ts";
import { Flag } from "../../input/fields.ts";
import { rejectionAnswer } from "../../write-answers.ts";

export const DryRunQuery = z.strictObject({
  dry_run: Flag.openapi({
    description:
      "Return the result without doing it: nothing is logged, and the idempotency key is not used.",
  }),
});

/** The answer of a dry run: that of the write, without `Daybook-Position`. */
export function dryRunAnswer<C extends Command>(
  call: Call,
  outcome: Outcome<C>,
  status: number,
  body: (accepted: Accepted[C["op"]]) => string,
): HttpAnswer {
  if (!outcome.ok) return rejectionAnswer(call, outcome);
  return jsonAnswer(call, status, body(outcome));
}
