/** Which of several reasons rejects a transfer: the first posting that fails counts, and within it `PRECEDENCE`. */
import { type Rejected, reject } from "../records/command.ts";
import type { Posting } from "../records/compound-command.ts";
import { PRECEDENCE } from "../records/rejection.ts";

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
