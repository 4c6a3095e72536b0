/** A member of a loyalty programme: its state, its snapshot item, and the acts that follow from its transfers. */
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { textBytes } from "../../quotas/bytes.ts";
import type { Command } from "../../records/command.ts";
import { newTransfer } from "../../records/plain-records.ts";
import { NO_DETAILS } from "../../records/transfer-details.ts";
import type { ScheduledCommand, TransferWithAct } from "../programme.ts";
import {
  type LotsPage,
  type LotView,
  type LoyaltyAct,
  type LoyaltyEffect,
  loyaltyAct,
  pointsAccount,
} from "./acts.ts";
import { type Lot, type LotPart, type LotPlace, pageStart } from "./lots.ts";

export interface Member {
  readonly id: string;
  name: string | null;
  readonly createdAtMs: number;
  earned: number;
  spent: number;
  expired: number;
  /** Sequence number of the account at creation. Earlier entries belong to a former member with the same id. */
  readonly since: number;
  /** By expiry, the earliest first. */
  readonly lots: (Lot & { readonly expiryCommand: ScheduledCommand })[];
  /** Expired points, by lot. */
  readonly expiredByLot: Map<string, number>;
  /**
   * Lots of accruals that were reverted after some of their points were spent; the revert took other points instead.
   */
  readonly undoneLots: Set<string>;
}

export type MemberItem = readonly [
  kind: "member",
  partner: string,
  id: string,
  name: string | null,
  createdAtMs: number,
  totals: readonly [earned: number, spent: number, expired: number],
  lots: readonly LotPart[],
  /** Omitted if all of it is empty. Older versions wrote only `since`. */
  ...history: History | readonly [since: number] | readonly [],
];
type History = readonly [
  since: number,
  expiredOf: readonly (readonly [lot: string, points: number])[],
  undone: readonly string[],
];

export function itemOf(partner: string, member: Member): MemberItem {
  const { id, name, createdAtMs, earned, spent, expired, since, expiredByLot, undoneLots } = member;
  const lots = member.lots.map((lot): LotPart => [lot.id, lot.points, lot.expiresAtMs]);
  const hasHistory = since > 0 || expiredByLot.size > 0 || undoneLots.size > 0;
  const history = hasHistory ? ([since, [...expiredByLot], [...undoneLots]] as const) : ([] as const);
  return ["member", partner, id, name, createdAtMs, [earned, spent, expired], lots, ...history];
}

const MEMBER_BYTES = 360;
const HISTORY_LOT_BYTES = 100;

/** Approximate size in memory, without the account and the current lots. */
export function memberBytes({ name, expiredByLot, undoneLots }: Member): number {
  return MEMBER_BYTES + textBytes(name) + (expiredByLot.size + undoneLots.size) * HISTORY_LOT_BYTES;
}

/** The member of a snapshot item, without its lots: the caller adds and schedules them. */
export function memberFromItem(item: MemberItem): Member {
  const [, , id, name, createdAtMs, [earned, spent, expired], , since = 0, expiredOf = [], undone = []] =
    item;
  const history = { expiredByLot: new Map(expiredOf), undoneLots: new Set(undone) };
  return { id, name, createdAtMs, since, earned, spent, expired, lots: [], ...history };
}

export function addExpired({ expiredByLot }: Member, lot: string, points: number): void {
  expiredByLot.set(lot, (expiredByLot.get(lot) ?? 0) + points);
}

/** Points must not be expired when they are accrued. */
export function futureTimesOfLoyalty(act: LoyaltyAct): readonly (readonly [string, number])[] {
  return act.act === "accrual" && act.expiresAtMs !== undefined ? [["expires_at", act.expiresAtMs]] : [];
}

/**
 * The act that must come with a revert: it gives points back to the same lots, or takes them out of the accrual's
 * lot.
 */
export function takeBackLoyalty(
  original: LoyaltyAct,
  { id, effect, seqs }: TransferWithAct<LoyaltyEffect>,
): LoyaltyAct<"take_back"> | undefined {
  const { subject, act: of } = original;
  if (of !== "accrual" && of !== "redemption") return undefined;
  const [debitSeq, creditSeq] = seqs ?? [];
  const lot = original.act === "accrual" && original.expiresAtMs !== undefined ? { lot: id } : {};
  const { lots = [] } = effect && "lots" in effect ? effect : {};
  const fields = { of, lots, ...seqOf(of === "accrual" ? creditSeq : debitSeq), ...lot };
  return loyaltyAct("take_back", subject, fields);
}

function seqOf(seq: number | undefined): Readonly<{ seq?: number }> {
  return seq === undefined ? {} : { seq };
}

export function expiryOf(partner: string, member: string, { id, points }: Lot): Command {
  const subject = pointsAccount(member);
  const act = loyaltyAct("expiry", subject, { lot: id });
  const vnode = vnodeOfAccount(partner, subject);
  return { ...newTransfer(partner, null, 0, subject, "@expired", points, NO_DETAILS, vnode), act };
}

export function lotsPageOf(lots: readonly Lot[], limit: number, after: LotPlace | null): LotsPage {
  const from = after === null ? 0 : pageStart(lots, after);
  const page = lots.slice(from, from + limit);
  return { lots: page.map(lotView), isLast: from + page.length === lots.length };
}

function lotView({ id, points, expiresAtMs }: Lot): LotView {
  return { id, points, expiresAtMs };
}
