/**
 * Where a transfer begins for an account: the list of an account's transfers shows each once, at the record that first
 * touched one of the account's balances for it. Many records may touch an account for one transfer, and looking through all
 * of them for each line of a list would be too dear. So it is said by the record itself, and the transfer's postings:
 *
 * - What moves at once touches every account of its postings, in the home's record or in a portion of another shard.
 * - What is pending touches, in the home's record or in a reservation to hold, the balances that dip below zero on the way
 *   through the postings, since that is what is held. All others are touched by the first post.
 * - A reservation for anything but a hold may have been in vain; its portion is what shows.
 *
 * A system account has many balances, its slices, and they may be touched on several shards: the one that counts is that
 * of the first posting (of those that are held, if any is). Slices of two assets are taken for one here, which matters
 * only where one transfer moves two assets of one owner to and from one system account.
 */
import type { LogRecord } from "../actors/command.ts";
import type { Leg, Move, Posting } from "../actors/compound-command.ts";
import { legsOf } from "../actors/legs.ts";
import { isSystemAccount } from "../actors/routing.ts";

/** At once; or pending, where it is held first and moved by the first post. */
type Step = "at once" | "held" | "posted";

/** What an accepted record of a compound transfer may be the beginning of. */
export function stepOf({ command, outcome }: LogRecord): Step | undefined {
  if (!outcome.ok) return undefined;
  switch (command.op) {
    case "compound_transfer":
      return command.pending ? "held" : "at once";
    case "revert_transfer":
      return "at once";
    case "reserve":
      return command.purpose === "hold" ? "held" : undefined;
    case "post_transfer":
      return "part" in outcome && outcome.part === 0 ? "posted" : undefined;
    case "portion":
      if (command.part > 0) return undefined;
      return command.purpose === "capture" ? "posted" : "at once";
    default:
      return undefined;
  }
}

/**
 * Which of a compound record's moves is the one with which its transfer begins for the account.
 *
 * @param postings of the transfer.
 */
export function beginningIn(
  record: LogRecord,
  postings: readonly Posting[],
  account: string,
): number | undefined {
  const step = stepOf(record);
  if (step === undefined) return undefined;
  const legs = legsOf(record.command.partner, postings).filter((leg) => leg.account === account);
  const held = step === "at once" ? undefined : firstThatDips(legs);
  if ((step === "held") !== (held !== undefined)) return undefined;
  const { outcome } = record;
  const moves: readonly Move[] = "moves" in outcome ? outcome.moves : [];
  const vnode = held ?? legs[0]?.vnode;
  const place = moves.findIndex(
    (move) => move.account === account && (!isSystemAccount(account) || move.vnode === vnode),
  );
  return place < 0 ? undefined : place;
}

/** The vnode of the first of these balances that dips below zero. */
function firstThatDips(legs: readonly Leg[]): number | undefined {
  const sums = new Map<number, number>();
  const dipping = new Set<number>();
  for (const { vnode, amount } of legs) {
    const sum = (sums.get(vnode) ?? 0) + amount;
    sums.set(vnode, sum);
    if (sum < 0) dipping.add(vnode);
  }
  return legs.find(({ vnode }) => dipping.has(vnode))?.vnode;
}
