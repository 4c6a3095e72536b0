/** The id of an account in a path. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { isSystemAccount } from "../actors/routing.ts";
import { Id, isId } from "./fields.ts";
import { invalid, Problem } from "./problem.ts";

export const AccountParams = z.object({ id: Id });

/** @throws Problem 400 */
export function accountIdOf(c: Context): string {
  const id = c.req.param("id");
  if (!isId(id)) throw invalid("id", "must be an id");
  return id;
}

/** Not that of a system account. @throws Problem 400 */
export function ownAccountIdOf(c: Context): string {
  const id = accountIdOf(c);
  if (isSystemAccount(id)) throw invalid("id", "must not begin with @: system accounts have no rules");
  return id;
}

export function accountNotFound(id: string): Problem {
  return new Problem("account_not_found", `There is no account ${id}.`);
}
