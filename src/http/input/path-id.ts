/** Ids in paths: parsing, and the problems for ids that do not exist. */
import { z } from "@hono/zod-openapi";
import { isSystemAccount } from "../../actors/ledger/routing.ts";
import { parseTransferId } from "../../actors/ledger/transfer-id.ts";
import type { Ledger } from "../../gateway/ports.ts";
import { invalid, Problem } from "../problem.ts";
import type { HttpRequest } from "../request.ts";
import { Id, isId } from "./fields.ts";

export const TransferParams = z.object({ id: z.string().openapi({ example: "tr_0a11001" }) });

/** @throws Problem 404 if it cannot be the id of a transfer */
export function transferIdOf(request: HttpRequest): string {
  const id = request.param("id");
  if (parseTransferId(id) === undefined) throw transferNotFound();
  return id;
}

export function transferNotFound(): Problem {
  return new Problem("transfer_not_found", "There is no transfer with this id.");
}

/** The id of an account that is not a system account. @throws Problem 400 */
export function ownAccountIdOf(request: HttpRequest): string {
  const id = idOf(request);
  if (isSystemAccount(id)) throw invalid("id", "must not begin with @: system accounts cannot be changed");
  return id;
}

/** @throws Problem 404 if there is no such account */
export async function findAccount(ledger: Ledger, partner: string, id: string): Promise<void> {
  const found = await (isSystemAccount(id) ? ledger.systemAccount(partner, id) : ledger.account(partner, id));
  if (found === undefined) throw accountNotFound(id);
}

export function accountNotFound(id: string): Problem {
  return new Problem("account_not_found", `There is no account ${id}.`);
}

export const IdParams = z.object({ id: Id });

/** @throws Problem 400 */
export function idOf(request: HttpRequest): string {
  const id = request.param("id");
  if (!isId(id)) throw invalid("id", "must be an id");
  return id;
}
