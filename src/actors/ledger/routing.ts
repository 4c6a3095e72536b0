/**
 * Routing. An account's owner key is the part of its id before the first `/`; its vnode is
 * `hash(partner, owner key) mod 1024`; each shard owns a range of vnodes. So `alice/points` and `alice/wallet` are
 * always on the same shard, and re-sharding moves whole vnodes.
 */
import { charCode } from "../records/char-code.ts";

export const VNODES = 1024;

const AT_SIGN = 64;
const SLASH = 47;
const FNV_PRIME = 0x01000193;

/** A system account is named `@name`. It has no floor, no freeze and no limits, and one slice per vnode and asset. */
export function isSystemAccount(accountId: string): boolean {
  return charCode(accountId, 0) === AT_SIGN;
}

export function ownerKeyOf(accountId: string): string {
  const slash = accountId.indexOf("/");
  return slash < 0 ? accountId : accountId.slice(0, slash);
}

/** FNV-1a over both parts, joined by NUL, then MurmurHash3's finaliser, because the low bits of FNV are weak. */
export function vnodeOf(partner: string, ownerKey: string): number {
  let hash = hashOfPartner(partner);
  for (let i = 0; i < ownerKey.length; i++) hash = Math.imul(hash ^ charCode(ownerKey, i), FNV_PRIME);
  return vnodeOfHash(hash);
}

/** Of the partner and NUL. */
function hashOfPartner(partner: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < partner.length; i++) hash = Math.imul(hash ^ charCode(partner, i), FNV_PRIME);
  return Math.imul(hash, FNV_PRIME);
}

/** Finds the vnodes of one partner's transfers that are bytes, as `homeVnodeOf` does without a key. */
export class HomeFinder {
  readonly #partnerHash: number;

  constructor(partner: string) {
    this.#partnerHash = hashOfPartner(partner);
  }

  /** The accounts are bytes `debit` to `debitEnd` and `credit` to `creditEnd` (exclusive) of `source`. */
  homeOf(source: Uint8Array, debit: number, debitEnd: number, credit: number, creditEnd: number): number {
    if (source[debit] !== AT_SIGN) return this.#vnodeOf(source, debit, ownerEnd(source, debit, debitEnd));
    if (source[credit] !== AT_SIGN) return this.#vnodeOf(source, credit, ownerEnd(source, credit, creditEnd));
    return this.#vnodeOf(source, debit, debitEnd);
  }

  #vnodeOf(source: Uint8Array, start: number, end: number): number {
    let hash = this.#partnerHash;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (source[i] as number), FNV_PRIME);
    return vnodeOfHash(hash);
  }
}

/** The end of the owner key of the account id from `start` to `end`. */
function ownerEnd(source: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (source[i] === SLASH) return i;
  return end;
}

function vnodeOfHash(fnv: number): number {
  let hash = Math.imul(fnv ^ (fnv >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % VNODES;
}

/** The vnode of an account that is not a system account. */
export function vnodeOfAccount(partner: string, accountId: string): number {
  return vnodeOf(partner, ownerKeyOf(accountId));
}

export function shardOfVnode(vnode: number, shards: number): number {
  return Math.floor((vnode * shards) / VNODES);
}

/**
 * The owner key whose vnode decides a transfer: the debit account's; if that is a system account, the credit account's;
 * if both are, the idempotency key, or without one the debit account's name.
 */
export function homeOwnerOfTransfer(debitAccount: string, creditAccount: string, key: string | null): string {
  if (!isSystemAccount(debitAccount)) return ownerKeyOf(debitAccount);
  if (!isSystemAccount(creditAccount)) return ownerKeyOf(creditAccount);
  return key ?? debitAccount;
}

/** The vnode that decides a transfer. */
export function homeVnodeOf(
  partner: string,
  debitAccount: string,
  creditAccount: string,
  key: string | null,
): number {
  return vnodeOf(partner, homeOwnerOfTransfer(debitAccount, creditAccount, key));
}
