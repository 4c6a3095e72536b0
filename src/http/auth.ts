/** Authentication and authorization: which principal an API key belongs to, and which routes it may use. */
import { hash, timingSafeEqual } from "node:crypto";
import type { Partner } from "../actors/records/command.ts";
import type { Directory, Principal } from "../gateway/ports.ts";
import type { Call } from "./call.ts";
import { Problem } from "./problem.ts";

/**
 * Who may use a route:
 * - `open`: everyone, without a key.
 * - `operator`: the operator only.
 * - `partner`: a partner's key; a `read` key for GET.
 * - `member`: the operator, or a key of the partner in the path.
 * - `books`: the operator, or a partner's key.
 * - `anybody`: any valid key, or the session of a programme's user.
 * - roles: keys of these roles only; `partner` admits a `read` key for GET.
 */
export type Access =
  | "open"
  | "operator"
  | "partner"
  | "member"
  | "books"
  | "anybody"
  | Readonly<{ roles: readonly string[] }>;

/** SHA-256 in hex. Keys are looked up by it, so the lookup time reveals nothing about a key. */
export function hashOfKey(key: string): string {
  return hash("sha256", key, "hex");
}

const SCHEME = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

/** The token of an `Authorization: Bearer` header; empty when there is none. */
export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) return "";
  return SCHEME.exec(authorization)?.[1] ?? "";
}

/** `connection` is the connection on which the token arrived, if there is one. */
export type Authenticate = (token: string, connection?: object) => Principal | undefined;

/** Who has the key with this SHA-256 (hex). */
export type PrincipalOf = (keyHash: string) => Principal | undefined;

/** `operatorKeyHash`, if given, replaces the stored operator key. */
export function createPrincipalOf(directory: Directory, operatorKeyHash: string | undefined): PrincipalOf {
  const operatorHash = operatorKeyHash === undefined ? undefined : Buffer.from(operatorKeyHash, "utf8");
  return (keyHash) => {
    const principal = directory.principalOf(keyHash);
    if (operatorHash === undefined) return principal;
    if (principal?.partner !== undefined) return principal;
    const sentHash = Buffer.from(keyHash, "utf8");
    const isOperator = sentHash.length === operatorHash.length && timingSafeEqual(sentHash, operatorHash);
    return isOperator ? { role: "operator" } : undefined;
  };
}

export function createAuthenticate(principalOf: PrincipalOf): Authenticate {
  const hashOf = createConnectionHash();
  return (token, connection) => (token === "" ? undefined : principalOf(hashOf(token, connection)));
}

/**
 * `hashOfKey` with a cache of the last key of each connection, as a client sends the same key with every request.
 * The entry is dropped with the connection. The directory still checks the key for each request.
 */
function createConnectionHash(): (token: string, connection: object | undefined) => string {
  const known = new WeakMap<object, { token: string; keyHash: string }>();
  return (token, connection) => {
    if (connection === undefined) return hashOfKey(token);
    const last = known.get(connection);
    // Not constant-time: both secrets come from the same sender, so the time reveals nothing new.
    if (last?.token === token) return last.keyHash;
    const keyHash = hashOfKey(token);
    known.set(connection, { token, keyHash });
    return keyHash;
  };
}

const OPERATOR_ACCESS: ReadonlySet<Access> = new Set(["operator", "member", "books", "anybody"]);

/** @returns the partner whose data the call may use; empty for the operator. @throws Problem 403 */
export function admit(principal: Principal, access: Access, method: string): string {
  if (principal.partner === undefined) {
    if (OPERATOR_ACCESS.has(access)) return "";
    throw new Problem("forbidden", "The operator has no accounts; use a partner's key.");
  }
  const { role, partner, suspended } = principal;
  if (suspended) throw new Problem("forbidden", "The partner is suspended.");
  if (access === "operator") throw new Problem("forbidden", "Only the operator may use this endpoint.");
  const admitted = typeof access === "object" ? access.roles : ["partner"];
  const reads = method === "GET" || method === "HEAD";
  if (access === "anybody" || admitted.includes(role)) return partner;
  if (role === "read" && reads && admitted.includes("partner")) return partner;
  throw new Problem("forbidden", `A key of role ${role} may not use this endpoint.`);
}

/** The partner in the path of a `member` route. Other partners appear not to exist. @throws Problem 404 */
export function memberPartner(call: Call, directory: Directory, partnerId: string): Partner {
  const known = directory.partner(partnerId);
  if (known === undefined || (call.partner !== "" && call.partner !== partnerId)) {
    throw new Problem("partner_not_found", `There is no partner ${partnerId}.`);
  }
  return known;
}

/** The id of the key that was used. Every call about a partner's data has one. */
export function keyIdOf({ principal }: Call): string {
  return principal?.partner === undefined ? "" : principal.keyId;
}

/** The name of the key that was used. It may be empty. */
export function keyNameOf({ principal }: Call): string {
  return principal?.partner === undefined ? "" : principal.name;
}
