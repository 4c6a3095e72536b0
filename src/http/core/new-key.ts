/** Keys of partners as they are made: what the ledger stores of one, and the secret that it does not. */
import { z } from "@hono/zod-openapi";
import type { NewKey } from "../../actors/records/command.ts";
import { hashOfKey } from "../auth.ts";
import { madeId, newSecret, type Random, secretPrefix } from "../idempotency.ts";

/** What an answer says of a new key, which is stored as its hash alone. */
export const apiKeyFields = {
  api_key: z.string().nullable().openapi({ description: "Shown once: null in a replay." }),
  secret_shown: z.literal(true).optional().openapi({ description: "The first answer has shown the secret." }),
};

export type MadeKey = Readonly<{ newKey: NewKey; secret: string }>;

/** @param key the idempotency key, by which a retry on this route names the same id again; `null` without one */
export function makeKey(
  partner: string,
  asked: Pick<NewKey, "role" | "name" | "seller">,
  key: string | null,
  route: string,
  random: Random,
): MadeKey {
  const secret = newSecret(asked.role, random);
  const id = madeId("key", partner, route, key, random);
  return {
    newKey: { id, ...asked, prefix: secretPrefix(asked.role, secret), hash: hashOfKey(secret) },
    secret,
  };
}

/** What the answer shows of the key. */
export function apiKeyMembers({ secret }: MadeKey, { replayed }: Readonly<{ replayed: boolean }>): object {
  return replayed ? { api_key: null, secret_shown: true } : { api_key: secret };
}
