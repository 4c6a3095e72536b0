/**
 * Transfers for comparisons with other ledgers: one point each, from an owner's points to the same owner's savings, in
 * a scattered order. No account is hot and none runs dry, so no request waits for a locked row.
 */
import { accountId } from "../daybook.ts";

/** Opening balance of the points of every owner: more than any run can spend. */
export const FUNDS = 1_000_000_000;

/** A prime, so that the order visits all owners before it repeats. */
const STRIDE = 7919;
const SINGLE_BODIES_MAX = 10_000;
const BATCH_BODIES = 50;

export type OwnerTransfer = Readonly<{ debit_account: string; credit_account: string; amount: number }>;

export function pointsOf(owner: number): string {
  return accountId(owner);
}

export function savingsOf(owner: number): string {
  return accountId(owner).replace("/points", "/savings");
}

/** Each of them has two accounts. */
export function ownersOf(accounts: number): number {
  return Math.max(1, accounts >> 1);
}

function transferOf(i: number, owners: number): OwnerTransfer {
  const owner = (i * STRIDE) % owners;
  return { debit_account: pointsOf(owner), credit_account: savingsOf(owner), amount: 1 };
}

export function ownerSingleBodies(owners: number): string[] {
  const count = Math.min(SINGLE_BODIES_MAX, owners);
  return Array.from({ length: count }, (_, i) => JSON.stringify(transferOf(i, owners)));
}

/** One after the other they visit all owners, so adjacent requests have no owner in common. */
export function ownerBatchBodies(size: number, owners: number): string[] {
  return Array.from({ length: BATCH_BODIES }, (_, n) => {
    const transfers = Array.from({ length: size }, (_none, i) => transferOf(n * size + i, owners));
    return JSON.stringify({ transfers });
  });
}
