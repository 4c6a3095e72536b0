/** Who is calling, and what they may do. */
import { hash, timingSafeEqual } from "node:crypto";
import { PARTNER_ROLES, type PartnerRole } from "../actors/records/command.ts";
import type { Directory, Principal } from "../gateway/ports.ts";
import type { Call } from "./call.ts";
import { Problem } from "./problem.ts";

/**
 * - `open`: anybody.
 * - `operator`: the platform alone.
 * - `partner`: a partner's key; a `read` key where the method is GET.
 * - `member`: the operator, or the partner named in the path.
 * - `books`: the operator, or a partner's key.
 * - `seller`: as `partner`; or a seller's key, for what is the seller's own.
 * - `bank`: a bank's key alone.
 * - `anybody`: whoever has a key, or a wallet user's session.
 */
export type Access = "open" | "operator" | "partner" | "member" | "books" | "seller" | "bank" | "anybody";

/** SHA-256 in hex. A key is looked up by it, so the time that takes says nothing about the key itself. */
export function hashOfKey(key: string): string {
  return hash("sha256", key, "hex");
}

const SCHEME = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

/** The token of an `Authorization: Bearer` header; empty when there is none. */
export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) return "";
  return SCHEME.exec(authorization)?.[1] ?? "";
}

/** `connection` is what the token came over, where there is one. */
export type Authenticate = (token: string, connection?: object) => Principal | undefined;

/** `operatorKeyHash`, when given, is the operator's only key: it wins over a stored one. */
export function createAuthenticate(directory: Directory, operatorKeyHash: string | undefined): Authenticate {
  const operatorHash = operatorKeyHash === undefined ? undefined : Buffer.from(operatorKeyHash, "utf8");
  const hashOf = createConnectionHash();
  return (token, connection) => {
    if (token === "") return undefined;
    const keyHash = hashOf(token, connection);
    const principal = directory.principalOf(keyHash);
    if (operatorHash === undefined) return principal;
    if (principal !== undefined && principal.role !== "operator") return principal;
    const given = Buffer.from(keyHash, "utf8");
    const isOperator = given.length === operatorHash.length && timingSafeEqual(given, operatorHash);
    return isOperator ? { role: "operator" } : undefined;
  };
}

/**
 * `hashOfKey` that remembers the last key of each connection: a kept connection sends the same one with every request.
 * Both are forgotten with the connection. Whether
 * the key is still good is asked of the directory each time.
 */
function createConnectionHash(): (token: string, connection: object | undefined) => string {
  const known = new WeakMap<object, { token: string; keyHash: string }>();
  return (token, connection) => {
    if (connection === undefined) return hashOfKey(token);
    const last = known.get(connection);
    // This compares two secrets of the same sender: how long it takes tells them nothing new.
    if (last?.token === token) return last.keyHash;
    const keyHash = hashOfKey(token);
    known.set(connection, { token, keyHash });
    return keyHash;
  };
}

/** A `read` key may do what a partner's may, as long as it only reads. */
const ROLES = {
  open: [],
  operator: [],
  partner: ["partner"],
  member: ["partner"],
  books: ["partner"],
  seller: ["partner", "seller"],
  bank: ["bank"],
  anybody: PARTNER_ROLES,
} as const satisfies Record<Access, readonly PartnerRole[]>;

const OF_OPERATOR: ReadonlySet<Access> = new Set(["operator", "member", "books", "anybody"]);

/** Whose data the call may see: the partner's id, empty for the operator. @throws Problem 403 */
export function admit(principal: Principal, access: Access, method: string): string {
  if (principal.role === "operator") {
    if (OF_OPERATOR.has(access)) return "";
    throw new Problem("forbidden", "The operator has no accounts; use a partner's key.");
  }
  const { role, partner, suspended } = principal;
  if (suspended) throw new Problem("forbidden", "The partner is suspended.");
  if (access === "operator") throw new Problem("forbidden", "Only the operator may do that.");
  const admitted: readonly PartnerRole[] = ROLES[access];
  const reads = method === "GET" || method === "HEAD";
  if (admitted.includes(role)) return partner;
  if (role === "read" && reads && admitted.includes("partner")) return partner;
  throw new Problem("forbidden", `A key of role ${role} may not do that.`);
}

/** The partner named in a path, for a `member` route: another partner is as if it did not exist. @throws Problem 404 */
export function memberPartner(call: Call, directory: Directory, named: string): string {
  const known = directory.partner(named);
  if (known === undefined || (call.partner !== "" && call.partner !== named)) {
    throw new Problem("partner_not_found", `There is no partner ${named}.`);
  }
  return known.id;
}

/** The id of the key that was used; every call that is about a partner's data has one. */
export function keyIdOf({ principal }: Call): string {
  return principal === undefined || principal.role === "operator" ? "" : principal.keyId;
}
