/** Acts, effects and queries of the loyalty programme. Points are integers; times are milliseconds since 1970 UTC. */

import type { ListPage, ListRequest } from "../paged-index.ts";
import {
  type ActIn,
  actsOf,
  type MemoryGrowth,
  type MovedAccounts,
  type NoFields,
  questionsOf,
} from "../programme.ts";
import type { LotPart, LotPlace } from "./lots.ts";

export const POINTS = "PTS/0";

const PREFIX = "points:";

/** The id of the account with a member's points. It is also the subject of the member's acts. */
export function pointsAccount(member: string): string {
  return `${PREFIX}${member}`;
}

export function memberIdOf(subject: string): string {
  return subject.slice(PREFIX.length);
}

/** Subject of acts that concern a partner's whole programme. */
export const LOYALTY_SUBJECT = "loyalty";

/**
 * In effects of movements:
 * - `lots`: points taken from, or given back to, each lot.
 * - `crossed`: whether the balance rose above the threshold or fell to zero.
 */
export type Movement = Readonly<{
  lots?: readonly LotPart[];
  crossed?: "above_threshold" | "depleted";
  /** As in the act: an answer to a retry by another till shows the first one. */
  till?: string;
}>;

/** What callers say of a movement. `reference`: unique per member id, for ever. `till`: the name of the key. */
export type MovementSource = Readonly<{ reference?: string; till?: string }>;

/**
 * The effect of an accrual whose points begin later. `pending`: the points. `since`: that of the member. `balance`: the
 * member's balance, which the accrual leaves as it is.
 */
export type PendingEffect = Readonly<{ pending: number; since: number; balance: number; till?: string }>;

/** A partner's outstanding points over all shards have risen above its threshold, for the `number`-th time. */
export type TotalCrossing = Readonly<{ number: number; total: string; threshold: number }>;

/** A shard's outstanding points of one partner, in decimal: the notice to the partner's home shard. */
export type TotalReport = Readonly<{ shard: number; total: string }>;

/** What the partner's home shard has decided with a report. */
export type TotalTaken = Readonly<{ crossed: TotalCrossing }>;

export type LoyaltyActs = {
  /** `since`: see `MemberView`. */
  create_member: { fields: { name: string | null }; effect: { since: number } | null };
  /** `member`: the renamed member, after the change. The effect is `null` in the oldest records. */
  update_member: { fields: { name: string | null }; effect: { member: MemberView } | null };
  delete_member: { fields: { member?: string }; effect: null };
  /**
   * With a transfer from `@issuance`: a pending one that never expires if the points begin later, at `activatesAtMs`.
   */
  accrual: {
    fields: { expiresAtMs?: number; activatesAtMs?: number } & MovementSource;
    effect: Movement | PendingEffect | null;
  };
  /** With a transfer to `@redemption`. */
  redemption: { fields: MovementSource; effect: Movement | null };
  /** With the post of the transfer of accrual `accrual`. Issued by the member's shard itself. */
  activation: { fields: { accrual: string }; effect: Movement | null };
  /** With the void of the transfer of accrual `accrual`, whose points have not begun yet. */
  cancel_accrual: { fields: { accrual: string }; effect: null };
  /**
   * With a transfer to `@expired`. Issued by the member's shard itself. `ended`: the lot that has expired; older versions
   * did not write it.
   */
  expiry: { fields: { lot: string }; effect: (Movement & { ended?: string }) | null };
  /**
   * With a revert of an accrual or redemption. `seq`: sequence number of the member's entry that is reverted. `lots`: the
   * points that the original took from each lot. `lot`: id of the lot of an accrual that expires, which is the id of its
   * transfer. (Older versions always wrote `lot`, and no `seq`.) `undone`: the lot of an accrual whose revert had to take
   * other points; older versions did not write it. `since`: of an accrual whose points began later, in place of `seq`: that
   * of its member.
   */
  take_back: {
    fields: {
      of: "accrual" | "redemption";
      seq?: number;
      since?: number;
      lots: readonly LotPart[];
      lot?: string;
    };
    effect: (Movement & { undone?: string }) | null;
  };
  change_settings: { fields: { settings: LoyaltySettings }; effect: null };
  /** Issued by each shard itself. On the partner's home shard, the record also takes the report. */
  report_total: { fields: NoFields; effect: TotalReport & Partial<TotalTaken> };
};
export type LoyaltyAct<K extends keyof LoyaltyActs = keyof LoyaltyActs> = ActIn<LoyaltyActs, K>;
export type LoyaltyEffect<K extends keyof LoyaltyActs = keyof LoyaltyActs> = LoyaltyActs[K]["effect"];

export const loyaltyAct = actsOf<LoyaltyActs>("loyalty");

/** Points are issued from `@issuance`, and go to `@redemption` when spent or `@expired` when they expire. */
export function movedAccountsOfLoyalty({ act, subject }: LoyaltyAct): MovedAccounts | undefined {
  switch (act) {
    case "accrual":
      return { debit: "@issuance", credit: subject };
    case "redemption":
      return { debit: subject, credit: "@redemption" };
    case "expiry":
      return { debit: subject, credit: "@expired" };
    default:
      return undefined;
  }
}

export const LOYALTY_GROWTH = {
  create_member: "more",
  update_member: "more",
  delete_member: "never",
  accrual: "more",
  redemption: "key",
  activation: "never",
  cancel_accrual: "never",
  expiry: "never",
  take_back: "key",
  change_settings: "key",
  report_total: "never",
} as const satisfies Record<keyof LoyaltyActs, MemoryGrowth>;

/**
 * In points. An effect reports when a movement takes a member above `memberThreshold`, or a report takes the total above
 * `totalThreshold` (`crossed`).
 */
export type LoyaltySettings = Readonly<{ memberThreshold: number; totalThreshold: number }>;

/** `since`: entries of the account with a sequence number up to this belong to former members with the same id. */
export type MemberView = Readonly<{
  id: string;
  name: string | null;
  balance: number;
  held: number;
  earned: number;
  spent: number;
  expired: number;
  createdAtMs: number;
  since: number;
  /** Points that have not begun yet; absent: 0. They are not part of the balance. */
  pending?: number;
}>;

/** Points that expire, or that have not begun yet (`activatesAtMs`); only the latter may have no expiry (`null`). */
export type LotView = Readonly<{
  id: string;
  points: number;
  expiresAtMs: number | null;
  activatesAtMs?: number;
}>;

/** Sums of one shard, as decimal text because they may exceed `Number.MAX_SAFE_INTEGER`. */
export type LoyaltySummary = Readonly<{
  members: number;
  earned: string;
  spent: string;
  expired: string;
  /** Points that have not begun yet; not part of `earned`. */
  pending: string;
}>;

/** A member found by name. `place`: that in the list by name. */
export type NamedMember = Readonly<{ place: string; member: MemberView }>;

export type LoyaltyQuestions = {
  member: { args: readonly [member: string]; answer: MemberView | null };
  lots: {
    args: readonly [member: string, limit: number, after: LotPlace | null];
    answer: LotsPage | null;
  };
  members: { args: ListRequest; answer: ListPage<MemberView> };
  named: {
    args: readonly [prefix: string, limit: number, after: string | null];
    answer: readonly NamedMember[];
  };
  summary: { args: readonly []; answer: LoyaltySummary };
  settings: { args: readonly []; answer: LoyaltySettings };
};

const question = questionsOf<LoyaltyQuestions>("loyalty");

export function askMember(member: string) {
  return question("member", pointsAccount(member), [member]);
}

/**
 * A page of a member's lots: those that expire, soonest expiry first; then those that begin later, soonest first.
 * `isLast`: no lots follow.
 */
export type LotsPage = Readonly<{ lots: readonly LotView[]; isLast: boolean }>;

/** @param after the last lot of the previous page; `null`: the first page. */
export function askLots(member: string, limit: number, after: LotPlace | null) {
  return question("lots", pointsAccount(member), [member, limit, after]);
}

export function askMembers(page: ListRequest) {
  return question("members", null, page);
}

/**
 * The members whose name begins with `prefix`, in the order of their names. Letter case does not count.
 *
 * @param after the place of the last member of the previous page; `null`: the first page.
 */
export function askNamed(prefix: string, limit: number, after: string | null) {
  return question("named", null, [prefix, limit, after]);
}

export function askSummary() {
  return question("summary", null, []);
}

export function askSettings() {
  return question("settings", LOYALTY_SUBJECT, []);
}
