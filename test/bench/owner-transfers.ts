/**
 * Transfers for subjects that stand side by side: one point each, from an owner's points to the same owner's savings,
 * in an order that jumps about. No account is hot and none runs dry, so that nobody has to wait for a row that is
 * locked; both balances are looked at and moved.
 */
import { accountId } from "./daybook.ts";

/** What the points of every owner begin with: more than any run can spend. */
export const FUNDS = 1_000_000_000;

/** A prime, so that all owners come up before one comes again. */
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

/** One behind the other they go through all owners, so that neighbours have none in common. */
export function ownerBatchBodies(size: number, owners: number): string[] {
  return Array.from({ length: BATCH_BODIES }, (_, n) => {
    const transfers = Array.from({ length: size }, (_none, i) => transferOf(n * size + i, owners));
    return JSON.stringify({ transfers });
  });
}
