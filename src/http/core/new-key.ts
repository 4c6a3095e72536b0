/** Creates API keys: the record that the ledger stores, and the secret, which it does not. */
import { z } from "@hono/zod-openapi";
import type { NewKey } from "../../actors/records/command.ts";
import { hashOfKey } from "../auth.ts";
import { madeId, newSecret, type Random, secretPrefix } from "../idempotency.ts";

/** The members that show a new key. Only its hash is stored. */
export const apiKeyFields = {
  api_key: z
    .string()
    .nullable()
    .openapi({ description: "The secret. Shown once; null in a repeated answer." }),
  secret_shown: z
    .literal(true)
    .optional()
    .openapi({ description: "Only in a repeated answer: the first one has shown the secret." }),
};

export type MadeKey = Readonly<{ newKey: NewKey; secret: string }>;

/** @param key the idempotency key: a retry on this route gets the same id; `null` without one */
export function makeKey(
  partner: string,
  attributes: Pick<NewKey, "role" | "name" | "seller">,
  key: string | null,
  route: string,
  random: Random,
): MadeKey {
  const secret = newSecret(attributes.role, random);
  const id = madeId("key", partner, route, key, random);
  return {
    newKey: { id, ...attributes, prefix: secretPrefix(attributes.role, secret), hash: hashOfKey(secret) },
    secret,
  };
}

/** The members that show the key: `api_key` in the first answer only. */
export function apiKeyMembers({ secret }: MadeKey, { replayed }: Readonly<{ replayed: boolean }>): object {
  return replayed ? { api_key: null, secret_shown: true } : { api_key: secret };
}
