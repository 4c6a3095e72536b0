/** A member of a loyalty programme, and what became of the points that had an end. */
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { textBytes } from "../../quotas/bytes.ts";
import type { Act } from "../../records/act.ts";
import type { Command } from "../../records/command.ts";
import type { ScheduledCommand, TransferWithAct } from "../programme.ts";
import {
  type Expiry,
  type LotView,
  type LoyaltyAct,
  type LoyaltyEffect,
  pointsAccount,
  type TakeBack,
} from "./acts.ts";
import type { Lot, LotPart } from "./lots.ts";

export interface Member {
  readonly id: string;
  name: string | null;
  readonly createdAtMs: number;
  earned: number;
  spent: number;
  expired: number;
  /** Seq of the account when he came: what it has from before is another's, who had the same id. */
  readonly since: number;
  /** Those that expire soonest first. */
  readonly lots: (Lot & { readonly expiryCommand: ScheduledCommand })[];
  /** What has expired, by lot. */
  readonly expiredByLot: Map<string, number>;
  /** Lots whose accrual was taken back after some of it was spent: the rest came out of other points. */
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
  /** Since, what has expired by lot, and which lots are undone: as far as there is any of it. */
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

/** In memory, about; beside the account, and the lots that are there. */
export function memberBytes({ name, expiredByLot, undoneLots }: Member): number {
  return MEMBER_BYTES + textBytes(name) + (expiredByLot.size + undoneLots.size) * HISTORY_LOT_BYTES;
}

/** The lots are not given to it yet. */
export function memberFromItem(item: MemberItem): Member {
  const [, , id, name, createdAtMs, [earned, spent, expired], , since = 0, expiredOf = [], undone = []] =
    item;
  const history = { expiredByLot: new Map(expiredOf), undoneLots: new Set(undone) };
  return { id, name, createdAtMs, since, earned, spent, expired, lots: [], ...history };
}

export function addExpired({ expiredByLot }: Member, lot: string, points: number): void {
  expiredByLot.set(lot, (expiredByLot.get(lot) ?? 0) + points);
}

/** Points that expire do so later. */
export function futureTimesOfLoyalty(act: Act): readonly (readonly [string, number])[] {
  const loyaltyAct = act as LoyaltyAct;
  if (loyaltyAct.act !== "accrual" || loyaltyAct.expiresAtMs === undefined) return [];
  return [["expires_at", loyaltyAct.expiresAtMs]];
}

/** What a revert has to be together with: the same lots back, or the points out of them. */
export function takeBackLoyalty(act: Act, { id, effect, seqs }: TransferWithAct): TakeBack | undefined {
  const original = act as LoyaltyAct;
  if (original.act !== "accrual" && original.act !== "redemption") return undefined;
  const { subject, act: of } = original;
  const lots = ((effect ?? null) as LoyaltyEffect)?.lots ?? [];
  const names = { programme: "loyalty", act: "take_back", subject, of, lots } as const;
  const [debitSeq, creditSeq] = seqs ?? [];
  if (original.act === "redemption") return { ...names, ...seqOf(debitSeq) };
  return { ...names, ...seqOf(creditSeq), ...(original.expiresAtMs !== undefined && { lot: id }) };
}

function seqOf(seq: number | undefined): Readonly<{ seq?: number }> {
  return seq === undefined ? {} : { seq };
}

export function expiryOf(partner: string, member: string, { id, points }: Lot): Command {
  const subject = pointsAccount(member);
  const act: Expiry = { programme: "loyalty", act: "expiry", subject, lot: id };
  return {
    op: "transfer",
    partner,
    key: null,
    fingerprint: 0,
    debit: subject,
    credit: "@expired",
    amount: points,
    memo: null,
    metadata: null,
    occurredAtMs: null,
    vnode: vnodeOfAccount(partner, subject),
    act,
  };
}

export function lotView({ id, points, expiresAtMs }: Lot): LotView {
  return { id, points, expiresAtMs };
}
