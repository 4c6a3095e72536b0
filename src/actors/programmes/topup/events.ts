/** Events of sellers: credit requests and top-ups. The subject is the seller. */
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import { type LowCredit, type SaleView, sellerOf, type TopupAct, type TopupActs } from "./acts.ts";
import { isDecided } from "./sales.ts";

export const TOPUP_EVENTS: EventsByAct<TopupActs> = {
  request_credit: ({ subject, amount, note }, { effect: { request: id } }) => {
    const seller = sellerOf(subject);
    const request = { id, seller, amount, note, status: "pending" } as const;
    return [event("credit_request.created", seller, { ...request, decidedBy: null, reason: null })];
  },
  approve: (act, context) => [...decided(act, context), ...lowCredit(act, context)],
  reject: decided,
  withdraw_request: decided,
  take_back: lowCredit,
  complete_sale: (act, context) => {
    const { id, seller, phone, amount, reference } = context.effect.sale;
    const credit = context.changes.findLast(({ account }) => account === act.subject)?.posted;
    if (credit === undefined) return [];
    const data = { id, seller, phone, amount, reference, credit };
    return [event("topup.completed", seller, data), ...lowCredit(act, context)];
  },
  fail_sale: (_, { effect: { sale } }) => [event("topup.failed", sale.seller, changed(sale))],
  report_unknown: (_, { effect: { sale } }) => [event("topup.unknown", sale.seller, changed(sale))],
  report_late: (_, { effect: { sale } }) => {
    const { id, seller, phone, amount, reference, status, decidedBy, conflict: operatorAnswer } = sale;
    if (operatorAnswer === null || decidedBy === null || !isDecided(status)) return [];
    const terms = { id, seller, phone, amount, reference };
    return [event("topup.conflict", seller, { ...terms, decision: status, decidedBy, operatorAnswer })];
  },
  sale: (act, context) => {
    const { subject, phone, reference } = act;
    const { transfer, changes } = context;
    const seller = sellerOf(subject);
    const credit = changes.find(({ account }) => account === subject)?.posted;
    if (transfer === null || credit === undefined) return [];
    const { id, postedAmount: amount } = transfer;
    const data = { id, seller, phone, amount, reference, credit };
    return [event("topup.completed", seller, data), ...lowCredit(act, context)];
  },
};

function changed({ id, seller, phone, amount, reference, reason }: SaleView) {
  return { id, seller, phone, amount, reference, reason };
}

function lowCredit(
  { subject }: TopupAct,
  { effect, transfer, changes }: EventContext<LowCredit | null>,
): readonly LedgerEvent[] {
  const threshold = effect?.lowCredit?.threshold;
  const credit = changes.findLast(({ account }) => account === subject)?.posted;
  if (threshold === undefined || transfer === null || credit === undefined) return [];
  const seller = sellerOf(subject);
  return [event("seller.low_credit", seller, { seller, credit, threshold, transfer: transfer.id })];
}

function decided(
  _: TopupAct,
  { effect }: EventContext<TopupActs["approve" | "reject" | "withdraw_request"]["effect"]>,
): readonly LedgerEvent[] {
  // The oldest records of decisions do not hold the request.
  if (effect === null) return [];
  const { id, seller, amount, note, status, decidedBy, reason } = effect.decided;
  const data = { id, seller, amount, note, status, decidedBy, reason };
  return [event("credit_request.decided", seller, data)];
}
