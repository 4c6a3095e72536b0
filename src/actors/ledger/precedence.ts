/**
 * Why a transfer is refused when several reasons hold: the first posting that fails counts, and within it the first row
 * of this table (API.md section 2).
 */
import { type Rejected, reject } from "../records/command.ts";
import type { Posting } from "../records/compound-command.ts";
import type { Rejection } from "../records/rejection.ts";

type Side = "debit" | "credit";

/** `same_account` and `asset_mismatch` are seen only where both sides are known; all others are one account's own. */
export const PRECEDENCE = [
  ["same_account", "debit"],
  ["account_not_found", "debit"],
  ["account_not_found", "credit"],
  ["managed_account", "debit"],
  ["managed_account", "credit"],
  ["asset_mismatch", "credit"],
  ["account_closed", "debit"],
  ["account_closed", "credit"],
  ["account_frozen", "debit"],
  ["insufficient_funds", "debit"],
  ["ceiling_exceeded", "credit"],
  ["limit_exceeded", "debit"],
  ["limit_exceeded", "credit"],
  ["balance_out_of_range", "debit"],
  ["balance_out_of_range", "credit"],
] as const satisfies readonly (readonly [Rejection, Side])[];

/** What one account may have against its side of a posting: of several reasons the first of the table. */
export type Objection = Exclude<(typeof PRECEDENCE)[number][0], "same_account" | "asset_mismatch">;

/** What is said of one side: the asset, `null` where there is no such account. */
export type SideReport = Readonly<{ asset: string | null; objection: Objection | null }>;

/** The answer that the table gives; `undefined` when nothing is against this posting. */
export function verdictOf(posting: Posting, debit: SideReport, credit: SideReport): Rejected | undefined {
  const isMismatch = debit.asset === null || debit.asset !== credit.asset;
  const isSame = posting.debit === posting.credit;
  if (debit.objection === null && credit.objection === null && !isMismatch && !isSame) return undefined;
  for (const [code, side] of PRECEDENCE) {
    if (code === "same_account") {
      if (isSame) return reject(code, posting.debit);
    } else if (code === "asset_mismatch") {
      // Between two system accounts nothing says which asset is meant.
      if (isMismatch) return reject(code, debit.asset === null ? null : posting.credit);
    } else if ((side === "debit" ? debit : credit).objection === code) return reject(code, posting[side]);
  }
  return undefined;
}
