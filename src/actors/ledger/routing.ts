/**
 * Routing. An account's owner key is the part of its id before the first `/`; its vnode is
 * `hash(partner, owner key) mod 1024`; each shard owns a range of vnodes. So `alice/points` and `alice/wallet` are
 * always on the same shard, and re-sharding moves whole vnodes.
 */
import { charCode } from "../records/char-code.ts";

export const VNODES = 1024;

const AT_SIGN = 64;
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
  let hash = 0x811c9dc5;
  for (let i = 0; i < partner.length; i++) hash = Math.imul(hash ^ charCode(partner, i), FNV_PRIME);
  hash = Math.imul(hash, FNV_PRIME); // the NUL
  for (let i = 0; i < ownerKey.length; i++) hash = Math.imul(hash ^ charCode(ownerKey, i), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
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
