/** Idempotency keys; ids, derived from keys so that a retry gets the same id; and secrets, which are random. */
import { hash } from "node:crypto";
import type { Refusal } from "../actors/records/rejection.ts";
import { invalid } from "./problem.ts";
import type { HttpRequest } from "./request.ts";

/** Refusals that concern the idempotency key. */
export const IDEMPOTENCY_PROBLEMS = [
  "idempotency_key_reused",
  "idempotency_key_expired",
] as const satisfies readonly Refusal[];

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;
/** Whether the text is a valid key. The shard checks its age. */
export function isKey(key: unknown): key is string {
  return typeof key === "string" && VISIBLE_ASCII.test(key);
}

export const KEY_RULE = "must be 1 to 255 visible ASCII characters";

/** The `Idempotency-Key` header, `null` without one. @throws Problem 400 */
export function idempotencyKey(request: HttpRequest): string | null {
  const key = request.header("idempotency-key");
  if (key === undefined) return null;
  if (!isKey(key)) throw invalid("Idempotency-Key", KEY_RULE);
  return key;
}

export type Random = (bytes: number) => Uint8Array;

const ID_HEX_DIGITS = 24;
const SECRET_BYTES = 24;

/** `<prefix>_` and 96 bits: a hash of the key if there is one, so that a retry gets the same id; else random. */
export function madeId(
  prefix: string,
  partner: string,
  route: string,
  key: string | null,
  random: Random,
): string {
  const hex =
    key === null
      ? Buffer.from(random(ID_HEX_DIGITS / 2)).toString("hex")
      : hash("sha256", `${partner}\0${route}\0${key}`, "hex").slice(0, ID_HEX_DIGITS);
  return `${prefix}_${hex}`;
}

/** An API key: `dk_<role>_` and 192 random bits. */
export function newSecret(role: string, random: Random): string {
  return `dk_${role}_${Buffer.from(random(SECRET_BYTES)).toString("base64url")}`;
}

/** The part of a key that lists show: enough to identify it, too little to use it. */
export function secretPrefix(role: string, secret: string): string {
  return secret.slice(0, `dk_${role}_`.length + 6);
}
