/** Events of sellers: credit requests and top-ups. The subject is the seller. */
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import { sellerOf, type TopupAct, type TopupActs } from "./acts.ts";

export const TOPUP_EVENTS: EventsByAct<TopupActs> = {
  request_credit: ({ subject, amount, note }, { effect: { request: id } }) => {
    const seller = sellerOf(subject);
    const request = { id, seller, amount, note, status: "pending" } as const;
    return [event("credit_request.created", seller, { ...request, decidedBy: null, reason: null })];
  },
  approve: decided,
  reject: decided,
  sale: ({ subject, phone, reference }, { transfer, changes }) => {
    const seller = sellerOf(subject);
    const credit = changes.find(({ account }) => account === subject)?.posted;
    if (transfer === null || credit === undefined) return [];
    const { id, postedAmount: amount } = transfer;
    return [event("topup.completed", seller, { id, seller, phone, amount, reference, credit })];
  },
};

function decided(
  _: TopupAct,
  { effect }: EventContext<TopupActs["approve" | "reject"]["effect"]>,
): readonly LedgerEvent[] {
  // The oldest records of decisions do not hold the request.
  if (effect === null) return [];
  const { id, seller, amount, note, status, decidedBy, reason } = effect.decided;
  const data = { id, seller, amount, note, status, decidedBy, reason };
  return [event("credit_request.decided", seller, data)];
}
