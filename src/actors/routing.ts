/**
 * Where a thing lives. An account belongs to its owner key, the part of its id before the first `/`;
 * `vnode = hash(partner, owner key) mod 1024`; shards own ranges of vnodes. So `alice/points` and
 * `alice/wallet` always live together, and re-sharding moves whole vnodes.
 */

export const VNODES = 1024;

/** `@name`: no floor, no freeze, no limits, one slice per vnode. */
export function isSystemAccount(accountId: string): boolean {
  return accountId.charCodeAt(0) === 64;
}

export function ownerKeyOf(accountId: string): string {
  const slash = accountId.indexOf("/");
  return slash < 0 ? accountId : accountId.slice(0, slash);
}

/** FNV-1a over both parts, joined by NUL, with MurmurHash3's finaliser: FNV alone is weak in its low bits. */
export function vnodeOf(partner: string, ownerKey: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < partner.length; i++) hash = Math.imul(hash ^ partner.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash, 0x01000193); // the NUL
  for (let i = 0; i < ownerKey.length; i++) hash = Math.imul(hash ^ ownerKey.charCodeAt(i), 0x01000193);
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
 * The owner key whose vnode decides a transfer: the debit account's, else (a system account) the credit
 * account's, else the idempotency key itself.
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

/**
 * A transfer's id: `tr_`, its vnode (2 characters), epoch (5) and counter, in base 36. It routes without a
 * look-up and stays what it is when vnodes move.
 */
export function transferId(vnode: number, epoch: number, counter: number): string {
  return `tr_${vnode.toString(36).padStart(2, "0")}${epoch.toString(36).padStart(5, "0")}${counter.toString(36)}`;
}

/** The parts of a transfer id; `undefined` for any other text. */
export function parseTransferId(id: string): { vnode: number; epoch: number; counter: number } | undefined {
  if (!/^tr_[0-9a-z]{8,18}$/.test(id)) return undefined;
  const vnode = Number.parseInt(id.slice(3, 5), 36);
  const epoch = Number.parseInt(id.slice(5, 10), 36);
  const counter = Number.parseInt(id.slice(10), 36);
  if (vnode >= VNODES || !Number.isSafeInteger(counter) || transferId(vnode, epoch, counter) !== id) {
    return undefined;
  }
  return { vnode, epoch, counter };
}
