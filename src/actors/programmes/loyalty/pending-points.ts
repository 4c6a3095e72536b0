/**
 * Points that begin later. The transfer of their accrual is pending and never expires, so it holds the points on
 * `@issuance`. The member's shard posts it when they begin; a revert before that voids it.
 */
import { assert } from "../../../errors/assert.ts";
import { ownerKeyOf } from "../../ledger/routing.ts";
import { keyless } from "../../records/command-header.ts";
import type { PostTransfer } from "../../records/compound-command.ts";
import type { ScheduledCommand, TransferWithAct } from "../programme.ts";
import { type LoyaltyAct, type LoyaltyEffect, loyaltyAct, pointsAccount } from "./acts.ts";

/** `id` is the id of the accrual's transfer. `expiresAtMs` is later than `activatesAtMs`; `null`: never. */
export type PendingPoints = Readonly<{
  id: string;
  points: number;
  activatesAtMs: number;
  expiresAtMs: number | null;
  activation: ScheduledCommand;
}>;

export type StoredPending = readonly [
  id: string,
  points: number,
  activatesAtMs: number,
  expiresAtMs: number | null,
];

export function pendingPoints(
  partner: string,
  member: string,
  [id, points, activatesAtMs, expiresAtMs]: StoredPending,
): PendingPoints {
  const subject = pointsAccount(member);
  const activation: ScheduledCommand = {
    partner,
    endsAtMs: activatesAtMs,
    id: `${partner}\0${id}`,
    place: -1,
    subjects: [subject],
    command: () => activationOf(partner, subject, id),
  };
  return { id, points, activatesAtMs, expiresAtMs, activation };
}

export function storedPending({ id, points, activatesAtMs, expiresAtMs }: PendingPoints): StoredPending {
  return [id, points, activatesAtMs, expiresAtMs];
}

/** Inserts the points into the list, which is in the order in which points begin. */
export function insertPending(list: PendingPoints[], added: PendingPoints): void {
  const index = list.findIndex(({ activatesAtMs }) => activatesAtMs > added.activatesAtMs);
  list.splice(index < 0 ? list.length : index, 0, added);
}

export function removePending(list: PendingPoints[], id: string): PendingPoints {
  const index = list.findIndex((each) => each.id === id);
  const [removed] = index < 0 ? [] : list.splice(index, 1);
  assert(removed !== undefined, "points begin once, and only while they are pending");
  return removed;
}

/** The act that must come with the void of an accrual whose points have not begun. */
export function cancelLoyalty(
  { act, subject }: LoyaltyAct,
  { id }: TransferWithAct<LoyaltyEffect>,
): LoyaltyAct<"cancel_accrual"> | undefined {
  return act === "accrual" ? loyaltyAct("cancel_accrual", subject, { accrual: id }) : undefined;
}

function activationOf(partner: string, subject: string, accrual: string): PostTransfer {
  const act = loyaltyAct("activation", subject, { accrual });
  const post = { op: "post_transfer", id: accrual, owner: ownerKeyOf(subject) } as const;
  return { ...keyless(partner), ...post, amount: null, final: true, settled: null, act };
}
