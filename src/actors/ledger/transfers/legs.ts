/** The legs of a transfer's postings: the vnode of each, which accounts refuse them, and the balances after them. */
import { assert } from "../../../errors/assert.ts";
import type { Hold, Leg, Move, Posting, Purpose, Rise, Use } from "../../records/compound-command.ts";
import {
  type Account,
  applyEntry,
  type Balance,
  DECIDED_MAX,
  EMPTY_SLICE,
  isManaged,
  refusalOfCredit,
  refusalOfDebit,
  refusalOfSliceCredit,
  refusalOfSliceDebit,
  type Slice,
} from "../account.ts";
import type { Book } from "../book.ts";
import type { Direction } from "../limits/velocity.ts";
import type { Objection, SideReport } from "../precedence.ts";
import { homeVnodeOf, isSystemAccount, vnodeOfAccount } from "../routing.ts";

/** The result for one leg: the account's objection, if any, and its balance after the leg. */
export type LegReport = SideReport & Readonly<{ posted: number; held: number; seq: number }>;

export type Examined = Readonly<{
  /** One report per leg, in the same order. */
  reports: readonly LegReport[];
  /** The entries of the legs; for `hold`, changes of `held` only. Meaningless if any report has an objection. */
  moves: readonly Move[];
  /** Per balance, the amount to keep available until the legs move: the deepest dip of any prefix of its legs. */
  holds: readonly Hold[];
}>;

/** The working state of one balance while its legs are examined. */
interface Draft {
  readonly name: string;
  readonly account: Account | undefined;
  readonly slice: Readonly<Slice>;
  readonly asset: string | null;
  readonly vnode: number;
  /** Zero-based index of the first posting that has a leg on this balance. */
  readonly posting: number;
  /** Posted balance before the first leg. */
  readonly before: number;
  posted: number;
  held: number;
  seq: number;
  /** Sum of the legs so far. */
  net: number;
  /** The largest amount by which any prefix of the legs lowers the balance. */
  dip: number;
  debited: number;
  debits: number;
  credited: number;
  credits: number;
}

/** Both legs of each posting, debit first. A leg on a system account is on the vnode of the posting's other account. */
export function legsOf(partner: string, postings: readonly Posting[]): readonly Leg[] {
  const legs: Leg[] = [];
  for (const [posting, { debit, credit, amount }] of postings.entries()) {
    const home = homeVnodeOf(partner, debit, credit, null);
    const away = isSystemAccount(credit) ? home : vnodeOfAccount(partner, credit);
    legs.push({ posting, account: debit, counterparty: credit, vnode: home, amount: -amount });
    legs.push({ posting, account: credit, counterparty: debit, vnode: away, amount });
  }
  return legs;
}

/** Sum of the amounts of all postings. */
export function totalAmount(postings: readonly Posting[]): number {
  return postings.reduce((sum, { amount }) => sum + amount, 0);
}

/** The postings for a partial amount. Only a single posting can be partial; several are returned unchanged. */
export function withAmount(postings: readonly Posting[], amount: number): readonly Posting[] {
  return postings.length === 1 ? postings.map((posting) => ({ ...posting, amount })) : postings;
}

/**
 * Examines legs in order: each sees the balances as the legs before it leave them. Changes nothing.
 *
 * @param byProgramme the programme that moves the legs, or `null`.
 * @param held holds for these same legs, which are released before they move.
 */
export function examine(
  book: Book,
  legs: readonly Leg[],
  purpose: Purpose,
  nowMs: number,
  byProgramme: string | null,
  held: readonly Hold[] = [],
): Examined {
  const drafts = new Map<string, Draft>();
  const reports: LegReport[] = [];
  const moves: Move[] = [];
  for (const leg of legs) {
    const draft = draftOf(book, drafts, leg, held);
    const objection = applyLeg(draft, leg, purpose, nowMs, byProgramme);
    reports.push({ asset: draft.asset, objection, posted: draft.posted, held: draft.held, seq: draft.seq });
    if (purpose !== "hold") moves.push(moveOf(draft, leg.posting, leg.amount));
  }
  const all = [...drafts.values()];
  const dipping = all.filter(({ dip }) => dip > 0);
  if (purpose === "hold") for (const draft of dipping) moves.push(moveOf(draft, draft.posting, 0));
  return {
    reports,
    moves,
    holds: dipping.map(({ name, asset, vnode, dip }) => ({
      account: name,
      asset: asset ?? "",
      vnode,
      amount: dip,
    })),
  };
}

/** Sum and number of the debits (or credits) on each account, without system accounts. Opposite legs do not offset. */
export function usesOf(legs: readonly Leg[], direction: Direction): readonly Use[] {
  const uses = new Map<string, Use>();
  for (const { account, amount } of legs) {
    if (isSystemAccount(account) || (direction === "debit" ? amount >= 0 : amount <= 0)) continue;
    const use = uses.get(account) ?? { account, amount: 0, count: 0 };
    uses.set(account, { account, amount: use.amount + Math.abs(amount), count: use.count + 1 });
  }
  return [...uses.values()];
}

/** The credit reservations that these legs need, on accounts and on slices of system accounts. */
export function risesOf(book: Book, legs: readonly Leg[]): readonly Rise[] {
  const rises = new Map<string, Rise>();
  for (const { account, counterparty, vnode, amount } of legs) {
    if (amount <= 0 || !isSystemAccount(account)) continue;
    const asset = book.accounts.get(counterparty)?.asset;
    assert(asset !== undefined, "the other account of a system account's posting is on this shard");
    const key = `${account}\0${asset}\0${vnode}`;
    const rise = rises.get(key) ?? { account, amount: 0, count: 0 };
    rises.set(key, { account, amount: rise.amount + amount, count: rise.count + 1, slice: { asset, vnode } });
  }
  return [...usesOf(legs, "credit"), ...rises.values()];
}

/** Applies a move of a record to its balance. */
export function applyMove(book: Book, move: Move, batch: number): void {
  const { account: name, asset, vnode, amount, posted, held, seq } = move;
  const balance = isSystemAccount(name) ? book.openSlice(name, asset, vnode) : book.accounts.get(name);
  assert(balance !== undefined, "money moves between accounts that exist");
  if (amount !== 0) {
    applyEntry(balance, amount, posted, held, seq, batch);
    return;
  }
  assert(posted === balance.posted && seq === balance.seq, "a hold moves nothing");
  assert(Number.isSafeInteger(held) && held >= 0, "I3: what is held is a safe integer");
  balance.held = held;
  balance.batch = batch;
}

/** The moves that release these holds. */
export function releaseOf(book: Book, holds: readonly Hold[]): readonly Move[] {
  return holds.map(({ account, asset, vnode, amount }) => {
    const balance = balanceOf(book, account, asset, vnode);
    assert(balance !== undefined && balance.held >= amount, "I3: a released amount was held");
    const { posted, held, seq } = balance;
    return { posting: 0, account, asset, vnode, amount: 0, posted, held: held - amount, seq };
  });
}

function balanceOf(book: Book, name: string, asset: string, vnode: number): Balance | undefined {
  return isSystemAccount(name) ? book.sliceOf(name, asset, vnode) : book.accounts.get(name);
}

function draftOf(book: Book, drafts: Map<string, Draft>, leg: Leg, held: readonly Hold[]): Draft {
  const { account: name, counterparty, vnode, posting } = leg;
  const isSystem = isSystemAccount(name);
  const account = isSystem ? undefined : book.accounts.get(name);
  const asset = (isSystem ? book.accounts.get(counterparty) : account)?.asset ?? null;
  const key = isSystem ? `${name}\0${asset}\0${vnode}` : name;
  const known = drafts.get(key);
  if (known !== undefined) return known;
  const slice = (isSystem && asset !== null ? book.sliceOf(name, asset, vnode) : undefined) ?? EMPTY_SLICE;
  const { posted, held: heldBefore, seq } = account ?? slice;
  const released = held.find(
    (each) => each.account === name && (!isSystem || (each.asset === asset && each.vnode === vnode)),
  );
  const draft: Draft = {
    name,
    account,
    slice,
    asset,
    vnode,
    posting,
    before: posted,
    posted,
    held: heldBefore - (released?.amount ?? 0),
    seq,
    net: 0,
    dip: 0,
    debited: 0,
    debits: 0,
    credited: 0,
    credits: 0,
  };
  drafts.set(key, draft);
  return draft;
}

/** Applies the next leg to the draft and returns the account's objection. */
function applyLeg(
  draft: Draft,
  { account: name, amount }: Leg,
  purpose: Purpose,
  nowMs: number,
  byProgramme: string | null,
): Objection | null {
  const isHold = purpose === "hold";
  const dipBefore = draft.dip;
  draft.net += amount;
  draft.dip = Math.max(draft.dip, -draft.net);
  if (isHold) draft.held += draft.dip - dipBefore;
  else {
    draft.posted += amount;
    draft.seq += 1;
  }
  if (amount < 0) {
    draft.debited -= amount;
    draft.debits += 1;
  } else {
    draft.credited += amount;
    draft.credits += 1;
  }
  const { account, slice, asset, posted, held } = draft;
  // A transfer that another shard decides holds this amount before it moves. An account may always hold what it has, so
  // that a balance of an older log beyond the range can move back.
  const heldMost = purpose === "post" || purpose === "revert" ? held + draft.dip : held;
  const holdsTooMuch = heldMost > Math.max(DECIDED_MAX, draft.before);
  if (account === undefined) {
    if (!isSystemAccount(name) || asset === null) return isSystemAccount(name) ? null : "account_not_found";
    if (amount < 0) {
      if (purpose === "capture") return null;
      const refusal = refusalOfSliceDebit(slice, posted, held, draft.dip);
      return refusal ?? (holdsTooMuch ? "balance_out_of_range" : null);
    }
    return isHold ? null : (refusalOfSliceCredit(slice, posted, draft.credited) ?? null);
  }
  if (isManaged(account, byProgramme)) return "managed_account";
  const limited = purpose !== "revert";
  if (amount < 0) {
    // A held amount may always be captured, even if the account was frozen or its rules changed since.
    if (purpose === "capture") return null;
    const debits = limited ? draft.debits : 0;
    const refusal = refusalOfDebit(account, byProgramme, posted, held, draft.debited, debits, nowMs);
    return refusal ?? (holdsTooMuch ? "balance_out_of_range" : null);
  }
  // A pending credit reserves no headroom: the ceiling is checked when it is posted.
  if (isHold) return account.status === "closed" ? "account_closed" : null;
  return (
    refusalOfCredit(account, byProgramme, posted, draft.credited, limited ? draft.credits : 0, nowMs) ?? null
  );
}

function moveOf(draft: Draft, posting: number, amount: number): Move {
  const { name, asset, vnode, posted, held, seq } = draft;
  return { posting, account: name, asset: asset ?? "", vnode, amount, posted, held, seq };
}
