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
import { NAME_ENTRY_BYTES } from "./member-names.ts";
import { type PendingPoints, type StoredPending, storedPending } from "./pending-points.ts";

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
  /** Points that have not begun yet, the soonest first. */
  readonly pending: PendingPoints[];
  /** Their sum. */
  pendingPoints: number;
}

export type MemberItem = readonly [
  kind: "member",
  partner: string,
  id: string,
  name: string | null,
  createdAtMs: number,
  totals: readonly [earned: number, spent: number, expired: number],
  lots: readonly LotPart[],
  /** Omitted if all of it is empty. Older versions wrote only `since`, or nothing after `undone`. */
  ...history: History | readonly [since: number] | readonly [],
];
type History = readonly [
  since: number,
  expiredOf: readonly (readonly [lot: string, points: number])[],
  undone: readonly string[],
  /** Omitted if it is empty. */
  ...pending: readonly [readonly StoredPending[]] | readonly [],
];

export function itemOf(partner: string, member: Member): MemberItem {
  const { id, name, createdAtMs, earned, spent, expired, since, expiredByLot, undoneLots } = member;
  const lots = member.lots.map((lot): LotPart => [lot.id, lot.points, lot.expiresAtMs]);
  const pending = member.pending.length > 0 ? ([member.pending.map(storedPending)] as const) : ([] as const);
  const hasHistory = since > 0 || expiredByLot.size > 0 || undoneLots.size > 0 || pending.length > 0;
  const history = hasHistory
    ? ([since, [...expiredByLot], [...undoneLots], ...pending] as const)
    : ([] as const);
  return ["member", partner, id, name, createdAtMs, [earned, spent, expired], lots, ...history];
}

const MEMBER_BYTES = 360;
const HISTORY_LOT_BYTES = 100;

/** Approximate size in memory, without the account and the current lots. */
export function memberBytes({ name, expiredByLot, undoneLots, pending }: Member): number {
  const lots = expiredByLot.size + undoneLots.size + pending.length;
  const nameBytes = name === null ? 0 : NAME_ENTRY_BYTES + 2 * textBytes(name);
  return MEMBER_BYTES + nameBytes + lots * HISTORY_LOT_BYTES;
}

/** The member of a snapshot item, without lots and pending points: the caller adds and schedules them. */
export function memberFromItem(item: MemberItem): Member {
  const [, , id, name, createdAtMs, [earned, spent, expired], , since = 0, expiredOf = [], undone = []] =
    item;
  const history = { expiredByLot: new Map(expiredOf), undoneLots: new Set(undone) };
  return {
    id,
    name,
    createdAtMs,
    since,
    earned,
    spent,
    expired,
    lots: [],
    pending: [],
    pendingPoints: 0,
    ...history,
  };
}

/** The pending points of a snapshot item. */
export function pendingInItem([, , , , , , , , , , pending = []]: MemberItem): readonly StoredPending[] {
  return pending;
}

export function addExpired({ expiredByLot }: Member, lot: string, points: number): void {
  expiredByLot.set(lot, (expiredByLot.get(lot) ?? 0) + points);
}

/** Points must not be expired when they are accrued; those that are to begin later must not have begun. */
export function* futureTimesOfLoyalty(act: LoyaltyAct): Generator<readonly [string, number]> {
  if (act.act !== "accrual") return;
  if (act.activatesAtMs !== undefined) yield ["activates_at", act.activatesAtMs];
  if (act.expiresAtMs !== undefined) yield ["expires_at", act.expiresAtMs];
}

/** The unique name of a movement with a reference. The references of a deleted member stay taken. */
export function claimOfLoyalty(act: LoyaltyAct, partner: string): string | undefined {
  if ((act.act !== "accrual" && act.act !== "redemption") || act.reference === undefined) return undefined;
  return `loyalty\0${partner}\0${act.subject}\0${act.reference}`;
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
  const since = effect && "pending" in effect ? { since: effect.since } : {};
  const fields = { of, lots, ...seqOf(of === "accrual" ? creditSeq : debitSeq), ...lot, ...since };
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

export function lotsPageOf({ lots, pending }: Member, limit: number, after: LotPlace | null): LotsPage {
  const isPending = after?.[2] === "pending";
  const from = isPending ? lots.length : after === null ? 0 : pageStart(lots, after);
  const expiring = lots.slice(from, from + limit);
  const pendingFrom = isPending ? pendingStart(pending, after) : 0;
  const beginning = pending.slice(pendingFrom, pendingFrom + limit - expiring.length);
  const isLast = from + expiring.length === lots.length && pendingFrom + beginning.length === pending.length;
  return { lots: [...expiring.map(lotView), ...beginning.map(pendingView)], isLast };
}

/** The index at which the page after these pending points begins, which may have begun since. */
function pendingStart(pending: readonly PendingPoints[], [atMs, id]: LotPlace): number {
  const at = pending.findIndex((each) => each.id === id);
  if (at >= 0) return at + 1;
  const later = pending.findIndex(({ activatesAtMs }) => activatesAtMs >= atMs);
  return later < 0 ? pending.length : later;
}

function lotView({ id, points, expiresAtMs }: Lot): LotView {
  return { id, points, expiresAtMs };
}

function pendingView({ id, points, expiresAtMs, activatesAtMs }: PendingPoints): LotView {
  return { id, points, expiresAtMs, activatesAtMs };
}
