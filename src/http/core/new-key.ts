/** Creates API keys: the record that the ledger stores, and the secret, which it does not. */
import { z } from "@hono/zod-openapi";
import type { CreateKey, NewKey } from "../../actors/records/command.ts";
import type { CommandHeader } from "../../actors/records/command-header.ts";
import type { Answer, Ledger } from "../../gateway/ports.ts";
import { hashOfKey } from "../auth.ts";
import { madeId, newSecret, type Random, secretPrefix } from "../idempotency.ts";
import { invalid } from "../problem.ts";
import type { KeyRole } from "../programme.ts";
import { firstOrNew } from "../read-change.ts";

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

export type NewKeyDeps = Readonly<{
  ledger: Ledger;
  random: Random;
  /** The roles of programmes. */
  roles: readonly KeyRole[];
}>;

/** What a key may do. `seller`: the scope of a key of role `seller`. */
type Kind = Pick<NewKey, "role" | "name" | "seller">;

/**
 * Creates another key of the header's partner.
 *
 * @param route where it is created: a retry there gets the same id.
 * @throws Problem 400: the role does not allow this name or scope, 404: there is no such seller
 */
export async function createKey(
  { ledger, random, roles }: NewKeyDeps,
  header: CommandHeader,
  {
    role,
    name = "",
    seller,
  }: Readonly<{ role: string; name?: string | undefined; seller?: string | undefined }>,
  route: string,
): Promise<Readonly<{ kind: Kind; keyPair: MadeKey; answer: Answer<CreateKey> }>> {
  const { partner } = header;
  const { checkName, checkScope } = roles.find((each) => each.name === role) ?? {};
  checkName?.(name);
  if ((checkScope === undefined) !== (seller === undefined))
    throw invalid("seller", "is required for role seller, and not allowed for other roles");
  const kind = seller === undefined ? { role, name } : { role, name, seller };
  const keyPair = makeKey(partner, kind, header.key, route, random);
  const command = await firstOrNew(ledger, header, { owner: "" }, async (): Promise<CreateKey> => {
    if (seller !== undefined) await checkScope?.(ledger, partner, seller);
    return { op: "create_key", ...header, newKey: keyPair.newKey };
  });
  return { kind, keyPair, answer: await ledger.submit(command) };
}
