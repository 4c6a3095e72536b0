/** What a caller is told of a command that a shard has refused without logging it. */
import type { Refusal, TimeFault } from "../actors/rejection.ts";
import { assert } from "../assert.ts";
import { OperatingError } from "../operating-error.ts";
import { ASK_ARCHIVE, type Refused } from "../shard/messages.ts";

/** @throws OperatingError `overloaded`, `log_unavailable`: it was not done, and will not be. */
export function refusalOf([, code, ...fault]: Refused): Readonly<{ refused: Refusal; fault?: TimeFault }> {
  if (code === "overloaded" || code === "log_unavailable" || code === "not_open") throw refusedBy(code);
  assert(code !== ASK_ARCHIVE, "who is sent to the archive asks it");
  if (code !== "validation_failed") return { refused: code };
  const [path, message] = fault as readonly [string, string];
  return { refused: code, fault: { path, message } };
}

export function refusedBy(code: Refused[1]): OperatingError {
  if (code === "overloaded") {
    return new OperatingError(
      "overloaded",
      "there is no room for it now: too many keys or pending transfers, or credits on their way",
    );
  }
  return new OperatingError("log_unavailable", "the shard of another account cannot be reached now");
}
