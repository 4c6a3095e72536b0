/**
 * Events of the loyalty programme: a member's balance has crossed the threshold, or fallen to zero; the total of all
 * members has crossed its threshold.
 */

import type { JsonValue } from "../../records/act.ts";
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import {
  LOYALTY_SUBJECT,
  type LoyaltyAct,
  type LoyaltyActs,
  type Movement,
  memberIdOf,
  type PendingEffect,
  type TotalTaken,
} from "./acts.ts";

const CROSSINGS = {
  above_threshold: "loyalty.member.above_threshold",
  depleted: "loyalty.member.depleted",
} as const;

export const LOYALTY_EVENTS: EventsByAct<LoyaltyActs> = {
  accrual: crossingOf,
  redemption: crossingOf,
  activation: crossingOf,
  expiry: crossingOf,
  take_back: crossingOf,
  report_total: (_, { effect }) => totalCrossingOf(effect),
};

/** The event of a report that the partner's home shard has taken. */
export function eventsOfTotal(effect: JsonValue): readonly LedgerEvent[] {
  // Written by `effectOfNotice` of the programme.
  return totalCrossingOf(effect as TotalTaken | null);
}

function totalCrossingOf(taken: Partial<TotalTaken> | null): readonly LedgerEvent[] {
  const crossed = taken?.crossed;
  return crossed === undefined ? [] : [event("loyalty.total.above_threshold", LOYALTY_SUBJECT, crossed)];
}

function crossingOf(
  { subject }: LoyaltyAct,
  context: EventContext<Movement | PendingEffect | null>,
): readonly LedgerEvent[] {
  const { effect } = context;
  const crossed = effect !== null && "crossed" in effect ? effect.crossed : undefined;
  if (crossed === undefined || context.transfer === null) return [];
  const member = memberIdOf(subject);
  const balance = context.changes.findLast(({ account }) => account === subject)?.posted ?? 0;
  return [event(CROSSINGS[crossed], member, { member, balance, transfer: context.transfer.id })];
}
