/** Rejections of transfers and of their post, void and revert; each list in order of precedence. */
import { PRECEDENCE, type Rejection } from "../../../actors/records/rejection.ts";

export const TRANSFER_REJECTIONS: readonly Rejection[] = [...new Set(PRECEDENCE.map(([code]) => code))];

/** The debit side was checked when the amount was held, so only the credit account can refuse. */
export const POST_REJECTIONS = [
  "transfer_not_found",
  "transfer_not_pending",
  "transfer_expired",
  "amount_exceeds_pending",
  "account_closed",
  "ceiling_exceeded",
  "limit_exceeded",
  "balance_out_of_range",
] as const satisfies readonly Rejection[];

export const VOID_REJECTIONS = [
  "transfer_not_found",
  "transfer_not_pending",
  "transfer_expired",
] as const satisfies readonly Rejection[];

/** No `limit_exceeded`: limits do not count reverts. */
export const REVERT_REJECTIONS = [
  "transfer_not_found",
  "transfer_not_posted",
  "already_reverted",
  "account_closed",
  "account_frozen",
  "insufficient_funds",
  "ceiling_exceeded",
  "balance_out_of_range",
] as const satisfies readonly Rejection[];

/** A sentence for the OpenAPI document. */
export function inOrderOfPrecedence(codes: readonly Rejection[]): string {
  return `Rejections, in order of precedence: ${codes.map((code) => `\`${code}\``).join(", ")}.`;
}
