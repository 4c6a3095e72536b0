/** The order of precedence of rejections: the first posting that fails counts, and within it the first row below. */
import { type Rejected, reject } from "../records/command.ts";
import type { Posting } from "../records/compound-command.ts";
import type { Rejection } from "../records/rejection.ts";

type Side = "debit" | "credit";

/** `same_account` and `asset_mismatch` follow from both sides of a posting, every other reason from one account. */
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

/** Why one account refuses its side of a posting; the first row of the table if there are several reasons. */
export type Objection = Exclude<(typeof PRECEDENCE)[number][0], "same_account" | "asset_mismatch">;

/** One side of a posting. `asset` is `null` if the account does not exist or its asset is unknown. */
export type SideReport = Readonly<{ asset: string | null; objection: Objection | null }>;

/** The rejection of a posting by the table; `undefined` if both sides accept it. */
export function verdictOf(posting: Posting, debit: SideReport, credit: SideReport): Rejected | undefined {
  const isMismatch = debit.asset === null || debit.asset !== credit.asset;
  const isSame = posting.debit === posting.credit;
  if (debit.objection === null && credit.objection === null && !isMismatch && !isSame) return undefined;
  for (const [code, side] of PRECEDENCE) {
    if (code === "same_account") {
      if (isSame) return reject(code, posting.debit);
    } else if (code === "asset_mismatch") {
      // Between two system accounts the asset is unknown, so the rejection names no account.
      if (isMismatch) return reject(code, debit.asset === null ? null : posting.credit);
    } else if ((side === "debit" ? debit : credit).objection === code) return reject(code, posting[side]);
  }
  return undefined;
}
