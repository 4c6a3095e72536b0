/** Banks: API keys of role bank, named after the bank's account. */
import { bankAccount, PLATFORM_TENANT } from "../../../actors/programmes/wallet/acts.ts";
import type { Call } from "../../call.ts";
import { isId } from "../../input/fields.ts";
import { invalid, Problem } from "../../problem.ts";

/** The role of a bank's API keys. */
export const BANK = "bank";

export const BANK_ACCESS = { roles: [BANK] } as const;

const BANK_NAME_RULE =
  "must be a bank name for a key of role bank: 1 to 122 characters of A-Z a-z 0-9 _ . : @ + -";

/** @throws Problem 400 */
export function checkBankName(name: string): void {
  if (!isBankName(name)) throw invalid("name", BANK_NAME_RULE);
}

/** Whether a key's name is valid in the id of a bank account. */
function isBankName(name: string): boolean {
  return name !== "" && !name.includes("/") && isId(bankAccount(name));
}

/** The calling bank: the name of its key, and of its account `@bank:<name>`. @throws Problem 403 */
export function bankOf({ principal, partner }: Call): string {
  const name = principal !== undefined && "name" in principal ? principal.name : "";
  if (partner !== PLATFORM_TENANT)
    throw new Problem("forbidden", `Only bank keys of the partner ${PLATFORM_TENANT} may access wallets.`);
  if (!isBankName(name)) throw new Problem("forbidden", "The name of this API key is not a valid bank name.");
  return name;
}
