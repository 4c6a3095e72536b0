/** What the ledger asks of the top-up programme besides decisions: the claims of its acts, and the act of a revert. */
import type { JsonValue } from "../../records/act.ts";
import { creditAccount, isSaleAct, type TopupAct, topupAct } from "./acts.ts";

/**
 * The act that must come with a revert. The reference of a reverted sale stays claimed: the sale is still in the log.
 */
export function takeBackTopup(original: TopupAct): TopupAct<"take_back"> | undefined {
  const { subject } = original;
  if (isSaleAct(original))
    return topupAct("take_back", subject, { phone: original.phone, wasDecrease: false });
  return original.act === "approve"
    ? topupAct("take_back", subject, { wasDecrease: original.amount < 0 })
    : undefined;
}

/** The claimed name of a sale: a seller uses each reference once. */
export function claimOfTopup(act: TopupAct, partner: string): string | undefined {
  if (!isSaleAct(act) || act.reference === null) return undefined;
  return referenceClaim(partner, act.subject, act.reference);
}

export function claimsInTopup([kind, ...values]: readonly JsonValue[]): readonly string[] | undefined {
  if (kind !== "references") return undefined;
  // No version writes this item any more, so the programme's items do not list it.
  const [partner, seller, references] = values as [string, string, readonly string[]];
  return references.map((reference) => referenceClaim(partner, creditAccount(seller), reference));
}

/** The name that a sale with this reference claims. */
export function referenceClaim(partner: string, subject: string, reference: string): string {
  return `topup\0${partner}\0${subject}\0${reference}`;
}
