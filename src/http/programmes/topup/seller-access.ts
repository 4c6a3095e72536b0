/** What a seller's API key may see: only its own seller. Other sellers' data is answered as not found. */
import { askSeller } from "../../../actors/programmes/topup/acts.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import { invalid, Problem } from "../../problem.ts";

/** The role of a seller's API keys. Their scope is the seller. */
export const SELLER = "seller";

/** A partner's keys, and a seller's keys for the seller's own data. */
export const SELLER_ACCESS = { roles: ["partner", SELLER] } as const;

/** The seller that the API key belongs to; `undefined` for a partner's key. @throws Problem 403 */
export function sellerOfKey({ principal }: Call): string | undefined {
  if (principal?.partner === undefined || principal.role !== SELLER) return undefined;
  if (principal.scope === undefined) throw new Problem("forbidden", "This seller key belongs to no seller.");
  return principal.scope;
}

/** Whether the caller may see this seller. @throws Problem 403 */
export function maySee(call: Call, seller: string): boolean {
  const ownSeller = sellerOfKey(call);
  return ownSeller === undefined || ownSeller === seller;
}

/** The seller that acts: the one in the request, or else the key's. @throws Problem 400, 403, 404 */
export function actingSeller(call: Call, named: string | undefined): string {
  const seller = named ?? sellerOfKey(call);
  if (seller === undefined) throw invalid("seller", "is required with a partner's key");
  if (!maySee(call, seller)) throw sellerNotFound(seller);
  return seller;
}

/** The seller that a list is restricted to; `undefined` for all sellers. @throws Problem 403, 404 */
export async function namedSeller(
  call: Call,
  ledger: Ledger,
  named: string | undefined,
): Promise<string | undefined> {
  if (named === undefined) return sellerOfKey(call);
  const isVisible = maySee(call, named) && (await ledger.ask(call.partner, askSeller(named))) !== null;
  if (!isVisible) throw sellerNotFound(named);
  return named;
}

export function sellerNotFound(id: string): Problem {
  return new Problem("seller_not_found", `There is no seller ${id}.`);
}
