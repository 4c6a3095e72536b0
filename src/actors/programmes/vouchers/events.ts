/** Events of vouchers. The subject of each is the voucher's code. */
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import type { VoucherAct, VoucherActs, VoucherTerms } from "./acts.ts";

export const VOUCHER_EVENTS: EventsByAct<VoucherActs> = {
  issue: ({ email, offer, expiresAtMs }, { effect: { code, discount } }) => [
    event("voucher.issued", code, { code, email, offer, discount, expiresAtMs }),
  ],
  issue_portion: (_, { effect: { offer, expiresAtMs, snapshot: discount, issued } }) =>
    issued.map(([email, code]) =>
      event("voucher.issued", code, { code, email, offer, discount, expiresAtMs }),
    ),
  redeem: ({ code, email }, { effect: { offer, discount } }) => [
    event("voucher.redeemed", code, { code, email, offer, discount, expiresAtMs: null }),
  ],
  rollback: (act, context) => ended("voucher.rolled_back", act, context),
  cancel: (act, context) => ended("voucher.cancelled", act, context),
  expire: ({ email }, { effect: { expired } }) =>
    expired.map(([code, offer]) =>
      event("voucher.expired", code, { code, email, offer, discount: null, expiresAtMs: null }),
    ),
};

function ended(
  type: "voucher.rolled_back" | "voucher.cancelled",
  { code, email }: VoucherAct<"rollback" | "cancel">,
  { effect: { offer, discount, expiresAtMs } }: EventContext<VoucherTerms>,
): readonly LedgerEvent[] {
  return [event(type, code, { code, email, offer, discount, expiresAtMs })];
}
