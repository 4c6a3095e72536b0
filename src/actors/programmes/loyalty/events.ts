/** Events of the loyalty programme: a member's balance has crossed the threshold, or fallen to zero. */
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import { type LoyaltyAct, type LoyaltyActs, type Movement, memberIdOf } from "./acts.ts";

const CROSSINGS = {
  above_threshold: "loyalty.member.above_threshold",
  depleted: "loyalty.member.depleted",
} as const;

export const LOYALTY_EVENTS: EventsByAct<LoyaltyActs> = {
  accrual: crossingOf,
  redemption: crossingOf,
  expiry: crossingOf,
  take_back: crossingOf,
};

function crossingOf({ subject }: LoyaltyAct, context: EventContext<Movement | null>): readonly LedgerEvent[] {
  const crossed = context.effect?.crossed;
  if (crossed === undefined || context.transfer === null) return [];
  const member = memberIdOf(subject);
  const balance = context.changes.findLast(({ account }) => account === subject)?.posted ?? 0;
  return [event(CROSSINGS[crossed], member, { member, balance, transfer: context.transfer.id })];
}
