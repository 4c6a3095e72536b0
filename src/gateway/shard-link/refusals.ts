/** What a caller is told of a command that a shard has refused without logging it. */
import type { QuotaName } from "../../actors/quotas/default-quotas.ts";
import type { Refusal, TimeFault } from "../../actors/records/rejection.ts";
import { assert } from "../../errors/assert.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { ASK_ARCHIVE, type Refused } from "../../workers/shard/messages.ts";

export type Refusing = Readonly<{ refused: Refusal; fault?: TimeFault; detail?: string }>;

const QUOTA_NOUNS = {
  idempotency_keys: "idempotency keys, with those that its open transfers will need",
  open_transfers: "open transfers",
  bytes: "bytes of memory",
} as const satisfies Record<QuotaName, string>;

function overQuotaText(quota: QuotaName, used: number, allowed: number): string {
  return `The partner has used ${used} of ${allowed} ${QUOTA_NOUNS[quota]}, on the shard that decides this (quota ${quota}).`;
}

/** @throws OperatingError `overloaded`, `log_unavailable`: it was not done, and will not be. */
export function refusalOf(reply: Refused): Refusing {
  const [, code, ...fault] = reply;
  if (reply[1] === "quota_exceeded") {
    const [, refused, quota, used, allowed] = reply;
    return { refused, detail: overQuotaText(quota, used, allowed) };
  }
  if (code === "overloaded" || code === "heap_full" || code === "log_unavailable" || code === "not_open")
    throw refusedBy(code);
  assert(code !== ASK_ARCHIVE, "who is sent to the archive asks it");
  assert(code !== "quota_exceeded", "that was answered above");
  if (code !== "validation_failed") return { refused: code };
  const [path, message] = fault as readonly [string, string];
  return { refused: code, fault: { path, message } };
}

/** What an item of a batch was refused for. */
export function itemCodeOf([, code]: Refused): string {
  return code === "heap_full" ? "overloaded" : code;
}

export function refusedBy(code: Refused[1]): OperatingError {
  if (code === "heap_full") {
    return new OperatingError(
      "overloaded",
      "the shard is short of memory: it takes nothing that stays, until some of what is there has ended",
    );
  }
  if (code === "overloaded") {
    return new OperatingError(
      "overloaded",
      "there is no room for it now: too much is due, or there are credits on their way",
    );
  }
  return new OperatingError("log_unavailable", "the shard of another account cannot be reached now");
}
