/** Refusals of requests that are not logged: by a shard, as answers or errors for the caller, and by the link to it. */
import type { QuotaName } from "../../actors/quotas/default-quotas.ts";
import type { Refusal, TimeFault } from "../../actors/records/rejection.ts";
import { assert } from "../../errors/assert.ts";
import { OperatingError, type PartnerBound } from "../../errors/operating-error.ts";
import { ASK_ARCHIVE, type Refused } from "../../workers/shard/messages.ts";

export type RefusedAnswer = Readonly<{ refused: Refusal; fault?: TimeFault; detail?: string }>;

const QUOTA_NOUNS = {
  idempotency_keys: "idempotency keys, including those reserved for its open transfers,",
  open_transfers: "open transfers",
  bytes: "bytes of memory",
} as const satisfies Record<QuotaName, string>;

function overQuotaText(quota: QuotaName, used: number, allowed: number): string {
  return `The partner has used ${used} of ${allowed} ${QUOTA_NOUNS[quota]} on the shard of this request (quota ${quota}).`;
}

/** @throws OperatingError `overloaded`, `log_unavailable`: the command was not executed and will not be. */
export function refusedAnswer(reply: Refused): RefusedAnswer {
  const [, code, ...fault] = reply;
  if (reply[1] === "quota_exceeded") {
    const [, refused, quota, used, allowed] = reply;
    return { refused, detail: overQuotaText(quota, used, allowed) };
  }
  if (code === "overloaded" || code === "heap_full" || code === "log_unavailable" || code === "not_open")
    throw refusalError(code);
  assert(code !== ASK_ARCHIVE, "the gateway has asked the archive before");
  assert(code !== "quota_exceeded", "quota_exceeded is handled above");
  if (code !== "validation_failed") return { refused: code };
  const [path, message] = fault as readonly [string, string];
  return { refused: code, fault: { path, message } };
}

/** The refusal code of an item of a batch. */
export function itemCodeOf([, code]: Refused): string {
  return code === "heap_full" ? "overloaded" : code;
}

/** @param bound the partner's bound that is reached; absent: the server as a whole is overloaded. */
export function overloadedError(why: string, bound?: PartnerBound): OperatingError {
  return new OperatingError("overloaded", why, bound && { bound });
}

export function expiryTimedOut(): OperatingError {
  return overloadedError("too much on the account has expired to be processed in time; retry");
}

/** @param isSilent the shard has not answered its supervisor for a while. */
export function unavailableError(shard: number, isSilent: boolean): OperatingError {
  return new OperatingError(
    "log_unavailable",
    isSilent
      ? `shard ${shard} does not answer`
      : `shard ${shard} cannot reach its log, or is being restarted`,
  );
}

export function refusalError(code: Refused[1]): OperatingError {
  if (code === "heap_full") {
    return new OperatingError(
      "overloaded",
      "the shard is low on memory: until some is freed it refuses commands that store new state",
    );
  }
  if (code === "overloaded") {
    return new OperatingError(
      "overloaded",
      "no room at present: too many expiries are being processed, or credits are in flight; retry",
    );
  }
  return new OperatingError("log_unavailable", "the shard of another account is unreachable");
}
