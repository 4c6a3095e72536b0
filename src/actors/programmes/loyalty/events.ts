/** Events of the loyalty programme: a member's balance has crossed the threshold, or fallen to zero. */
import type { Act } from "../../records/act.ts";
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext } from "../programme.ts";
import { type LoyaltyEffect, memberIdOf } from "./acts.ts";

const CROSSINGS = {
  above_threshold: "loyalty.member.above_threshold",
  depleted: "loyalty.member.depleted",
} as const;

export function eventsOfLoyalty({ subject }: Act, context: EventContext): readonly LedgerEvent[] {
  const crossed = (context.effect as LoyaltyEffect)?.crossed;
  if (crossed === undefined || context.transfer === null) return [];
  const member = memberIdOf(subject);
  const balance = context.changes.findLast(({ account }) => account === subject)?.posted ?? 0;
  return [event(CROSSINGS[crossed], member, { member, balance, transfer: context.transfer.id })];
}
