/** The loyalty programme of one partner on one shard. */
import { ExactSum } from "../../../bounds/exact-sum.ts";
import { assert } from "../../../errors/assert.ts";
import type { PagedIndex } from "../paged-index.ts";
import type { LoyaltySettings, LoyaltySummary } from "./acts.ts";
import type { Member } from "./member.ts";
import type { MemberNames } from "./member-names.ts";
import type { PartnerTotals } from "./totals.ts";

/** The sums include deleted members. */
export interface LoyaltyState {
  /** By subject. */
  readonly members: Map<string, Member>;
  readonly memberList: PagedIndex<Member>;
  settings: LoyaltySettings;
  earned: ExactSum;
  spent: ExactSum;
  expired: ExactSum;
  /** Points that have not begun yet. */
  pending: ExactSum;
  readonly names: MemberNames<Member>;
  readonly totals: PartnerTotals;
}

export function existing({ members }: LoyaltyState, subject: string): Member {
  const member = members.get(subject);
  assert(member !== undefined, "the member of an act exists");
  return member;
}

export function count(
  state: LoyaltyState,
  member: Member,
  counter: "earned" | "spent" | "expired",
  points: number,
): void {
  member[counter] += points;
  state[counter].add(points);
}

/** The points that the members of this shard have, without those that have not begun yet. */
export function outstanding({ earned, spent, expired }: LoyaltyState): bigint {
  return earned.value - spent.value - expired.value;
}

export function noPoints(): Pick<LoyaltyState, "earned" | "spent" | "expired" | "pending"> {
  return {
    earned: new ExactSum(),
    spent: new ExactSum(),
    expired: new ExactSum(),
    pending: new ExactSum(),
  };
}

export function summaryOf(state: LoyaltyState | undefined): LoyaltySummary {
  const { earned, spent, expired, pending } = state ?? noPoints();
  const members = state?.members.size ?? 0;
  return {
    members,
    earned: `${earned.value}`,
    spent: `${spent.value}`,
    expired: `${expired.value}`,
    pending: `${pending.value}`,
  };
}
