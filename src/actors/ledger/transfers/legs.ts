/**
 * The legs of a transfer's postings: where they lie, what each account has against them one after the other, and what
 * they would do to the balances.
 */
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

/** One side of a posting: with it the balance stands so, if nothing is against it. */
export type LegReport = SideReport & Readonly<{ posted: number; held: number; seq: number }>;

export type Examined = Readonly<{
  /** One for each leg. */
  reports: readonly LegReport[];
  /** What the legs do: entries, or for `hold` what is held from then on. Meaningless where there are objections. */
  moves: readonly Move[];
  /** What must stay available until the legs move: the deepest dip of any prefix of a balance's legs. */
  holds: readonly Hold[];
}>;

/** A balance while its legs are gone through. */
interface Draft {
  readonly name: string;
  readonly account: Account | undefined;
  readonly slice: Readonly<Slice>;
  readonly asset: string | null;
  readonly vnode: number;
  /** The first posting that concerns it. */
  readonly posting: number;
  /** Posted before the first of its legs. */
  readonly before: number;
  posted: number;
  held: number;
  seq: number;
  /** Of the legs so far. */
  net: number;
  dip: number;
  debited: number;
  debits: number;
  credited: number;
  credits: number;
}

/** Both legs of each posting, debit first. A leg on a system account is where the posting's other account is. */
export function legsOf(partner: string, postings: readonly Posting[]): readonly Leg[] {
  return postings.flatMap(({ debit, credit, amount }, posting) => {
    const home = homeVnodeOf(partner, debit, credit, null);
    const away = isSystemAccount(credit) ? home : vnodeOfAccount(partner, credit);
    return [
      { posting, account: debit, counterparty: credit, vnode: home, amount: -amount },
      { posting, account: credit, counterparty: debit, vnode: away, amount },
    ];
  });
}

/** What all postings come to. */
export function totalOf(postings: readonly Posting[]): number {
  return postings.reduce((sum, { amount }) => sum + amount, 0);
}

/** So much of what a transfer asks for: of one posting any part, of several all. */
export function partOf(postings: readonly Posting[], amount: number): readonly Posting[] {
  return postings.length === 1 ? postings.map((posting) => ({ ...posting, amount })) : postings;
}

/**
 * Goes through legs in order, each on what the ones before have left.
 *
 * @param by the programme that moves them, if one does.
 * @param held what is held for these legs already, and given back before they move.
 */
export function examine(
  book: Book,
  legs: readonly Leg[],
  purpose: Purpose,
  nowMs: number,
  by: string | null,
  held: readonly Hold[] = [],
): Examined {
  const drafts = new Map<string, Draft>();
  const reports: LegReport[] = [];
  const moves: Move[] = [];
  for (const leg of legs) {
    const draft = draftOf(book, drafts, leg, held);
    const objection = take(draft, leg, purpose, nowMs, by);
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

/** What legs debit, or credit, on accounts that have rules: all of it, whatever is left in the end. */
export function usesOf(legs: readonly Leg[], direction: Direction): readonly Use[] {
  const uses = new Map<string, Use>();
  for (const { account, amount } of legs) {
    if (isSystemAccount(account) || (direction === "debit" ? amount >= 0 : amount <= 0)) continue;
    const use = uses.get(account) ?? { account, amount: 0, count: 0 };
    uses.set(account, { account, amount: use.amount + Math.abs(amount), count: use.count + 1 });
  }
  return [...uses.values()];
}

/** Room that the credits of these legs need until they come, on accounts and on slices of system accounts. */
export function risesOf(book: Book, legs: readonly Leg[]): readonly Rise[] {
  const rises = new Map<string, Rise>();
  for (const { account, counterparty, vnode, amount } of legs) {
    if (amount <= 0 || !isSystemAccount(account)) continue;
    const asset = book.accounts.get(counterparty)?.asset;
    assert(asset !== undefined, "a slice lies where the posting's other account does");
    const key = `${account}\0${asset}\0${vnode}`;
    const rise = rises.get(key) ?? { account, amount: 0, count: 0 };
    rises.set(key, { account, amount: rise.amount + amount, count: rise.count + 1, slice: { asset, vnode } });
  }
  return [...usesOf(legs, "credit"), ...rises.values()];
}

/** Puts a move that a record holds on its balance. */
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

/** What it is to give holds back and do nothing else. */
export function releaseOf(book: Book, holds: readonly Hold[]): readonly Move[] {
  return holds.map(({ account, asset, vnode, amount }) => {
    const balance = balanceOf(book, account, asset, vnode);
    assert(balance !== undefined && balance.held >= amount, "I3: what is given back was held");
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
  const { posted, held: all, seq } = account ?? slice;
  const given = held.find(
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
    held: all - (given?.amount ?? 0),
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

/** Puts the next leg on the balance, and says what is against it. */
function take(
  draft: Draft,
  { account: name, amount }: Leg,
  purpose: Purpose,
  nowMs: number,
  by: string | null,
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
  // A transfer of another shard holds this before it moves. As much as an account has may always be held: a balance of an
  // older log that is beyond the range may go back.
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
  if (isManaged(account, by)) return "managed_account";
  const limited = purpose !== "revert";
  if (amount < 0) {
    // What was held may go: its account may have been frozen since, or its rules changed.
    if (purpose === "capture") return null;
    const debits = limited ? draft.debits : 0;
    const refusal = refusalOfDebit(account, by, posted, held, draft.debited, debits, nowMs);
    return refusal ?? (holdsTooMuch ? "balance_out_of_range" : null);
  }
  // What is pending takes no room: it is asked for once it is posted.
  if (isHold) return account.status === "closed" ? "account_closed" : null;
  return refusalOfCredit(account, by, posted, draft.credited, limited ? draft.credits : 0, nowMs) ?? null;
}

function moveOf(draft: Draft, posting: number, amount: number): Move {
  const { name, asset, vnode, posted, held, seq } = draft;
  return { posting, account: name, asset: asset ?? "", vnode, amount, posted, held, seq };
}
