/** Keys of partners as they are made: what the ledger stores of one, and the secret that it does not. */

import { z } from "@hono/zod-openapi";
import type { NewKey } from "../actors/command.ts";
import { hashOfKey } from "./auth.ts";
import type { Call } from "./call.ts";
import { madeId, madeSecret, type Random, secretPrefix } from "./idempotency.ts";

export const ApiKey = z
  .string()
  .nullable()
  .openapi({ description: "Shown once; null on a repeat that cannot derive it again." });

export type MadeKey = Readonly<{ newKey: NewKey; secret: string }>;

/** @param key the idempotency key, by which a retry on this route meets the same key again; `null` without one */
export function makeKey(
  call: Call,
  partner: string,
  asked: Pick<NewKey, "role" | "name" | "seller">,
  key: string | null,
  route: string,
  random: Random,
): MadeKey {
  const scope = `${route}\0${partner}`;
  const secret = madeSecret(asked.role, call.token, scope, key, random);
  const id = madeId("key", partner, route, key, random);
  return {
    newKey: { id, ...asked, prefix: secretPrefix(asked.role, secret), hash: hashOfKey(secret) },
    secret,
  };
}
