/** Acts, effects and queries of the loyalty programme. Points are integers; times are milliseconds since 1970 UTC. */

import type { Act } from "../../records/act.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import type { MemoryGrowth, MovedAccounts, Question, QuestionTo } from "../programme.ts";
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

type Of<A extends string> = Readonly<{ programme: "loyalty"; act: A; subject: string }>;

export type CreateMember = Of<"create_member"> & Readonly<{ name: string | null }>;
export type UpdateMember = Of<"update_member"> & Readonly<{ name: string | null }>;
export type DeleteMember = Of<"delete_member">;
/** With a transfer from `@issuance`. */
export type Accrual = Of<"accrual"> & Readonly<{ expiresAtMs?: number }>;
/** With a transfer to `@redemption`. */
export type Redemption = Of<"redemption">;
/** With a transfer to `@expired`. Issued by the member's shard itself. */
export type Expiry = Of<"expiry"> & Readonly<{ lot: string }>;
/**
 * With a revert of an accrual or redemption. `seq`: sequence number of the member's entry that is reverted. `lots`: the
 * points that the original took from each lot. `lot`: id of the lot of an accrual that expires, which is the id of its
 * transfer. (Older versions always wrote `lot`, and no `seq`.)
 */
export type TakeBack = Of<"take_back"> &
  Readonly<{ of: "accrual" | "redemption"; seq?: number; lots: readonly LotPart[]; lot?: string }>;
export type ChangeSettings = Of<"change_settings"> & Readonly<{ settings: LoyaltySettings }>;

export type LoyaltyAct =
  | CreateMember
  | UpdateMember
  | DeleteMember
  | Accrual
  | Redemption
  | Expiry
  | TakeBack
  | ChangeSettings;

/** Points are issued from `@issuance`, and go to `@redemption` when spent or `@expired` when they expire. */
export function movedAccountsOfLoyalty(act: Act): MovedAccounts | undefined {
  const { act: name, subject } = act as LoyaltyAct;
  switch (name) {
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
  expiry: "never",
  take_back: "key",
  change_settings: "key",
} as const satisfies Record<LoyaltyAct["act"], MemoryGrowth>;

/** Balances in points. An effect reports when a movement takes a member above `memberThreshold` (`crossed`). */
export type LoyaltySettings = Readonly<{ memberThreshold: number; totalThreshold: number }>;

/**
 * - `lots`: points taken from, or given back to, each lot.
 * - `crossed`: whether the balance rose above the threshold or fell to zero.
 * - `since`: see `MemberView`; `ended`: the lot that has expired; `undone`: the lot of an accrual whose revert had to
 *   take other points. Older versions wrote none of these three.
 * - `member`: the renamed member, after the change; missing in the oldest records.
 */
export type LoyaltyEffect = Readonly<{
  lots?: readonly LotPart[];
  crossed?: "above_threshold" | "depleted";
  since?: number;
  ended?: string;
  undone?: string;
  member?: MemberView;
}> | null;

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
}>;

export type LotView = Readonly<{ id: string; points: number; expiresAtMs: number }>;

/** Sums of one shard, as decimal text because they may exceed `Number.MAX_SAFE_INTEGER`. */
export type LoyaltySummary = Readonly<{ members: number; earned: string; spent: string; expired: string }>;

export function askMember(member: string): QuestionTo<MemberView | null> {
  return { programme: "loyalty", subject: pointsAccount(member), ask: ["member", member] };
}

/** A page of a member's lots, soonest expiry first. `isLast`: no lots follow. */
export type LotsPage = Readonly<{ lots: readonly LotView[]; isLast: boolean }>;

/** @param after the last lot of the previous page; `null`: the first page. */
export function askLots(member: string, limit: number, after: LotPlace | null): QuestionTo<LotsPage | null> {
  return { programme: "loyalty", subject: pointsAccount(member), ask: ["lots", member, limit, after] };
}

export function askMembers(page: ListRequest): Question<ListPage<MemberView>> {
  return { programme: "loyalty", subject: null, ask: ["members", ...page] };
}

export function askSummary(): Question<LoyaltySummary> {
  return { programme: "loyalty", subject: null, ask: ["summary"] };
}

export function askSettings(): QuestionTo<LoyaltySettings> {
  return { programme: "loyalty", subject: LOYALTY_SUBJECT, ask: ["settings"] };
}
