/** Events of vouchers. The subject of each is the voucher's code. */
import { event } from "../../records/event.ts";
import type { EventsByAct } from "../programme.ts";
import type { VoucherActs } from "./acts.ts";
import { personOf } from "./voucher.ts";

export const VOUCHER_EVENTS: EventsByAct<VoucherActs> = {
  issue: ({ email, offer, expiresAtMs, usesMax = 1 }, { effect: { code, discount, person } }) => [
    event("voucher.issued", code, { code, ...of(email, person), offer, discount, expiresAtMs, usesMax }),
  ],
  issue_portion: (_, { effect: { offer, expiresAtMs, snapshot: discount, issued, usesMax = 1 } }) =>
    issued.map(([email, code, person]) =>
      event("voucher.issued", code, { code, ...of(email, person), offer, discount, expiresAtMs, usesMax }),
    ),
  // A voucher of an older record has one use.
  redeem: ({ code, email, by = null }, { effect }) => {
    const { offer, discount, redemption = 0, usesLeft = 0, person } = effect;
    const voucher = { code, ...of(email, person), offer, discount, expiresAtMs: null };
    return [event("voucher.redeemed", code, { ...voucher, redemption, usesLeft, by })];
  },
  rollback: ({ code, email }, { effect }) => {
    const { offer, discount, expiresAtMs, redemption = 0, usesLeft = 1, person } = effect;
    const voucher = { code, ...of(email, person), offer, discount, expiresAtMs };
    return [event("voucher.rolled_back", code, { ...voucher, redemption, usesLeft })];
  },
  cancel: ({ code, email }, { effect: { offer, discount, expiresAtMs, person } }) => [
    event("voucher.cancelled", code, { code, ...of(email, person), offer, discount, expiresAtMs }),
  ],
  expire: ({ email }, { effect: { expired, person } }) =>
    expired.map(([code, offer]) =>
      event("voucher.expired", code, {
        code,
        ...of(email, person),
        offer,
        discount: null,
        expiresAtMs: null,
      }),
    ),
};

/** The customer of an event. */
function of(email: string, person: string | undefined): Readonly<{ email: string; person?: string }> {
  return { email, ...personOf({ person }) };
}
