/** The id of an account in a path. */
import { isSystemAccount } from "../actors/routing.ts";
import { idOf } from "./path-id.ts";
import type { Ledger } from "./ports.ts";
import { invalid, Problem } from "./problem.ts";
import type { HttpRequest } from "./request.ts";

/** Not that of a system account. @throws Problem 400 */
export function ownAccountIdOf(request: HttpRequest): string {
  const id = idOf(request);
  if (isSystemAccount(id)) throw invalid("id", "must not begin with @: system accounts have no rules");
  return id;
}

/** @throws Problem 404 where there is no such account */
export async function findAccount(ledger: Ledger, partner: string, id: string): Promise<void> {
  const found = await (isSystemAccount(id) ? ledger.systemAccount(partner, id) : ledger.account(partner, id));
  if (found === undefined) throw accountNotFound(id);
}

export function accountNotFound(id: string): Problem {
  return new Problem("account_not_found", `There is no account ${id}.`);
}
