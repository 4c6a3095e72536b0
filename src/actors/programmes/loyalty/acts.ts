/** What can be asked of the loyalty programme. Points are whole; times are milliseconds since 1970 UTC. */
import type { ListAsk, ListPart } from "../paged-index.ts";
import type { Growth, Question, QuestionTo } from "../programme.ts";
import type { LotPart } from "./lots.ts";

export const POINTS = "PTS/0";

const PREFIX = "points:";

/** A member's points are an account of this id, which is also the subject of what concerns him. */
export function pointsAccount(member: string): string {
  return `${PREFIX}${member}`;
}

export function memberIdOf(subject: string): string {
  return subject.slice(PREFIX.length);
}

/** What concerns a partner's programme as a whole is decided here. */
export const LOYALTY_SUBJECT = "loyalty";

type Of<A extends string> = Readonly<{ programme: "loyalty"; act: A; subject: string }>;

export type CreateMember = Of<"create_member"> & Readonly<{ name: string | null }>;
export type UpdateMember = Of<"update_member"> & Readonly<{ name: string | null }>;
export type DeleteMember = Of<"delete_member">;
/** With a transfer from `@issuance`. */
export type Accrual = Of<"accrual"> & Readonly<{ expiresAtMs?: number }>;
/** With a transfer to `@redemption`. */
export type Redemption = Of<"redemption">;
/** With a transfer to `@expired`, made by the member's shard. */
export type Expiry = Of<"expiry"> & Readonly<{ lot: string }>;
/**
 * With a revert. `seq` is that of the member's entry that is taken back; `lots`: what the redemption took of them; `lot`:
 * the accrual's own, if it has an end, by the id of its transfer. (Older versions wrote it in any case, and no `seq`.)
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

export const LOYALTY_GROWTH = {
  create_member: "more",
  update_member: "more",
  delete_member: "never",
  accrual: "more",
  redemption: "key",
  expiry: "never",
  take_back: "key",
  change_settings: "key",
} as const satisfies Record<LoyaltyAct["act"], Growth>;

/** Balances above which somebody is told. */
export type LoyaltySettings = Readonly<{ memberThreshold: number; totalThreshold: number }>;

/**
 * `crossed`: what the balance has just done. `since`: seq that the account of a new member has from former ones; `ended`: the
 * lot that has expired; `undone`: the lot whose accrual was taken back in part out of other points. (Older versions wrote
 * none of these three.) `member`: what one who was renamed is then; not in the oldest records.
 */
export type LoyaltyEffect = Readonly<{
  lots?: readonly LotPart[];
  crossed?: "above_threshold" | "depleted";
  since?: number;
  ended?: string;
  undone?: string;
  member?: MemberView;
}> | null;

/** Entries of the account up to `since` are those of former members of this id. */
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

/** Of one shard. Decimal text, since sums may leave the range of exact numbers. */
export type LoyaltySummary = Readonly<{ members: number; earned: string; spent: string; expired: string }>;

export function askMember(member: string): QuestionTo<MemberView | null> {
  return { programme: "loyalty", subject: pointsAccount(member), ask: ["member", member] };
}

export function askLots(member: string): QuestionTo<readonly LotView[] | null> {
  return { programme: "loyalty", subject: pointsAccount(member), ask: ["lots", member] };
}

export function askMembers(page: ListAsk): Question<ListPart<MemberView>> {
  return { programme: "loyalty", subject: null, ask: ["members", ...page] };
}

export function askSummary(): Question<LoyaltySummary> {
  return { programme: "loyalty", subject: null, ask: ["summary"] };
}

export function askSettings(): QuestionTo<LoyaltySettings> {
  return { programme: "loyalty", subject: LOYALTY_SUBJECT, ask: ["settings"] };
}
