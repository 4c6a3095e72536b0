/** Events of sellers: credit requests and top-ups. The subject is the seller. */
import type { Act } from "../../records/act.ts";
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext } from "../programme.ts";
import { sellerOf, type TopupAct, type TopupEffect } from "./acts.ts";

export function eventsOfTopup(act: Act, { effect, transfer, changes }: EventContext): readonly LedgerEvent[] {
  const topupAct = act as TopupAct;
  const topupEffect = effect as TopupEffect;
  const seller = sellerOf(topupAct.subject);
  switch (topupAct.act) {
    case "request_credit": {
      if (topupEffect === null || !("request" in topupEffect)) return [];
      const { amount, note } = topupAct;
      const request = { id: topupEffect.request, seller, amount, note, status: "pending" } as const;
      return [event("credit_request.created", seller, { ...request, decidedBy: null, reason: null })];
    }
    case "approve":
    case "reject": {
      // The oldest records of decisions do not hold the request.
      if (topupEffect === null || !("decided" in topupEffect)) return [];
      const { id, amount, note, status, decidedBy, reason } = topupEffect.decided;
      const data = { id, seller, amount, note, status, decidedBy, reason };
      return [event("credit_request.decided", seller, data)];
    }
    case "sale": {
      const { phone, reference } = topupAct;
      const credit = changes.find(({ account }) => account === topupAct.subject)?.posted;
      if (transfer === null || credit === undefined) return [];
      const { id, postedAmount: amount } = transfer;
      return [event("topup.completed", seller, { id, seller, phone, amount, reference, credit })];
    }
    default:
      return [];
  }
}
