/** A seller's key opens what is the seller's own; everything else of the programme is as if it did not exist. */
import { askSeller } from "../../../actors/programmes/topup/acts.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import type { Call } from "../../call.ts";
import { invalid, Problem } from "../../problem.ts";

/** The seller whose key it is; `undefined` for a key of the partner. @throws Problem 403 */
export function sellerOfKey({ principal }: Call): string | undefined {
  if (principal?.role !== "seller") return undefined;
  if (principal.seller === undefined) throw new Problem("forbidden", "The key belongs to no seller.");
  return principal.seller;
}

/** Whether this caller may know what this seller has. @throws Problem 403 */
export function maySee(call: Call, seller: string): boolean {
  const own = sellerOfKey(call);
  return own === undefined || own === seller;
}

/** Who acts: whom the request names, or whose key it is. @throws Problem 400, 403, 404 */
export function actingSeller(call: Call, named: string | undefined): string {
  const seller = named ?? sellerOfKey(call);
  if (seller === undefined) throw invalid("seller", "is needed with a key of the partner");
  if (!maySee(call, seller)) throw sellerNotFound(seller);
  return seller;
}

/** The seller whose things a list is of, when it is one seller's. @throws Problem 403, 404 */
export async function namedSeller(
  call: Call,
  ledger: Ledger,
  named: string | undefined,
): Promise<string | undefined> {
  if (named === undefined) return sellerOfKey(call);
  const isKnown = maySee(call, named) && (await ledger.ask(call.partner, askSeller(named))) !== null;
  if (!isKnown) throw sellerNotFound(named);
  return named;
}

export function sellerNotFound(id: string): Problem {
  return new Problem("seller_not_found", `There is no seller ${id}.`);
}
