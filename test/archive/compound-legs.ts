/** The shards of test transfers' legs, and their effect on balances. */

import { isSystemAccount } from "../../src/actors/ledger/routing.ts";
import type { Hold, Leg, Move } from "../../src/actors/records/compound-command.ts";
import type { LogWriter } from "./ledger-writer.ts";

export const ASSET = "USD/2";

/** The amount held on a balance, and its first posting. */
type Dip = Hold & Readonly<{ posting: number }>;

/** An account's shard is the number behind the dash of its owner, as in `alice-1/points`. */
function shardOfAccount(id: string): number {
  return Number(/-(\d+)/.exec(id)?.[1] ?? 0);
}

/** A leg on a system account is on the shard of the posting's other account. */
export function shardOfLeg({ account, counterparty }: Leg): number {
  return shardOfAccount(isSystemAccount(account) ? counterparty : account);
}

/** By balance: the lowest sum of any prefix of the legs, and the first posting of the balance. */
export function dipsOf(legs: readonly Leg[]): readonly Dip[] {
  const balances = new Map<string, Leg[]>();
  for (const leg of legs) {
    const key = isSystemAccount(leg.account) ? `${leg.account} ${leg.vnode}` : leg.account;
    balances.set(key, [...(balances.get(key) ?? []), leg]);
  }
  return [...balances.values()].flatMap((own) => {
    const sums = own.map((_, i) => own.slice(0, i + 1).reduce((sum, { amount }) => sum + amount, 0));
    const [first] = own;
    const amount = -Math.min(0, ...sums);
    if (first === undefined || amount === 0) return [];
    return [{ account: first.account, vnode: first.vnode, posting: first.posting, asset: ASSET, amount }];
  });
}

/** Releases holds and applies legs. A balance without a leg changes by 0. */
export function moveLegs(
  log: LogWriter,
  partner: string,
  legs: readonly Leg[],
  given: readonly Hold[],
): readonly Move[] {
  const balanceOf = ({ account, vnode }: Leg | Hold) => log.balance(partner, account, vnode);
  for (const hold of given) balanceOf(hold).held -= hold.amount;
  const moves = legs.map((leg): Move => {
    const { posting, account, vnode, amount } = leg;
    const balance = balanceOf(leg);
    balance.posted += amount;
    balance.seq += 1;
    return { posting, account, asset: ASSET, vnode, amount, ...balance };
  });
  const moved = new Set(legs.map(balanceOf));
  for (const hold of given) {
    const { account, vnode } = hold;
    const balance = balanceOf(hold);
    if (!moved.has(balance)) moves.push({ posting: 0, account, asset: ASSET, vnode, amount: 0, ...balance });
  }
  return moves;
}

export function holdDips(log: LogWriter, partner: string, dips: readonly Dip[]): readonly Move[] {
  return dips.map(({ account, vnode, posting, amount }) => {
    const balance = log.balance(partner, account, vnode);
    balance.held += amount;
    return { posting, account, asset: ASSET, vnode, amount: 0, ...balance };
  });
}
