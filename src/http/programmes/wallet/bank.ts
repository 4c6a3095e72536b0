/** The bank that calls. */
import { bankAccount, PLATFORM_TENANT } from "../../../actors/programmes/wallet/acts.ts";
import type { Call } from "../../call.ts";
import { isId } from "../../input/fields.ts";
import { Problem } from "../../problem.ts";

export const BANK_NAME_RULE =
  "of a key of role bank must be a bank's name: A-Z a-z 0-9 _ . : @ + -, at most 122 characters";

/** A bank's name is that of its account, too. */
export function isBankName(name: string): boolean {
  return name !== "" && !name.includes("/") && isId(bankAccount(name));
}

/** The name of its key, which is the name of its account. @throws Problem 403 */
export function bankOf({ principal, partner }: Call): string {
  const name = principal !== undefined && "name" in principal ? principal.name : "";
  if (partner !== PLATFORM_TENANT)
    throw new Problem("forbidden", "Only a bank of the house has to do with wallets.");
  if (!isBankName(name))
    throw new Problem("forbidden", "The name of this key cannot be that of a bank's account.");
  return name;
}
