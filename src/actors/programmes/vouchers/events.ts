/** Events of vouchers. The subject of each is the voucher's code. */
import type { Act } from "../../records/act.ts";
import { event, type LedgerEvent } from "../../records/event.ts";
import type { EventContext } from "../programme.ts";
import type { Expired, Issued, PortionIssued, Redeemed, VoucherAct, VoucherTerms } from "./acts.ts";

export function eventsOfVouchers(act: Act, { effect }: EventContext): readonly LedgerEvent[] {
  const voucherAct = act as VoucherAct;
  switch (voucherAct.act) {
    case "issue": {
      const { email, offer, expiresAtMs } = voucherAct;
      const { code, discount } = effect as Issued;
      return [event("voucher.issued", code, { code, email, offer, discount, expiresAtMs })];
    }
    case "issue_portion": {
      const { offer, expiresAtMs, snapshot: discount, issued } = effect as PortionIssued;
      return issued.map(([email, code]) =>
        event("voucher.issued", code, { code, email, offer, discount, expiresAtMs }),
      );
    }
    case "redeem": {
      const { code, email } = voucherAct;
      const { offer, discount } = effect as Redeemed;
      return [event("voucher.redeemed", code, { code, email, offer, discount, expiresAtMs: null })];
    }
    case "rollback":
    case "cancel": {
      const { code, email } = voucherAct;
      const { offer, discount, expiresAtMs } = effect as VoucherTerms;
      const type = voucherAct.act === "cancel" ? "voucher.cancelled" : "voucher.rolled_back";
      return [event(type, code, { code, email, offer, discount, expiresAtMs })];
    }
    case "expire":
      return (effect as Expired).expired.map(([code, offer]) => {
        const data = { code, email: voucherAct.email, offer, discount: null, expiresAtMs: null };
        return event("voucher.expired", code, data);
      });
    default:
      return [];
  }
}
