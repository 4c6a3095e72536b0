/** A seller's key opens what is the seller's own; everything else of the programme is as if it did not exist. */
import type { Call } from "../call.ts";
import { invalid, Problem } from "../problem.ts";

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

export function sellerNotFound(id: string): Problem {
  return new Problem("seller_not_found", `There is no seller ${id}.`);
}

/** The id of the key that was used; every call that is about a partner's data has one. */
export function keyIdOf({ principal }: Call): string {
  return principal === undefined || principal.role === "operator" ? "" : principal.keyId;
}
