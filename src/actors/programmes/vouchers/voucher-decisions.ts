/**
 * The decisions about offers and single vouchers. Within each function the first rule that is violated gives the
 * rejection.
 */
import { assert } from "../../../errors/assert.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type { AcceptedAct, DecisionContext } from "../programme.ts";
import {
  type Cancel,
  INVALID_REASONS,
  type Issue,
  type Issued,
  type Offer,
  type PutOffer,
  type Redeem,
  type Redeemed,
  type Rollback,
  type VoucherTerms,
} from "./acts.ts";
import { snapshotOf, statusAt, type Voucher, type VoucherStore } from "./voucher-store.ts";

export function decidePutOffer(
  store: VoucherStore,
  { name, discount, pricing }: PutOffer,
): AcceptedAct<Offer> | Rejected {
  const known = store.offers.get(name);
  if (known === undefined && store.offers.isFull) return reject("too_many_offers", name);
  const offer = store.offers.define(name, discount, pricing);
  return offer === known ? { ok: true, effect: offer } : { ok: true, effect: offer, notice: { offer } };
}

/** The customer is checked first: with an unknown customer the offer must stay unchanged. */
export function decideIssue(store: VoucherStore, act: Issue): AcceptedAct<Issued> | Rejected {
  if (store.customer(act.email) === undefined) return reject("customer_not_found", act.email);
  const known = store.offers.get(act.offer);
  if (known === undefined && act.discount === null) return reject("offer_not_found", act.offer);
  if (known === undefined && store.offers.isFull) return reject("too_many_offers", act.offer);
  const offer = act.discount === null ? known : store.offers.define(act.offer, act.discount);
  assert(offer !== undefined, "an offer is known or defined by the act");
  const { discount } = offer;
  const issued = { code: store.newCode(act.email), discount, snapshot: snapshotOf(offer) };
  if (offer === known) return { ok: true, effect: { ...issued, offer: null } };
  return { ok: true, effect: { ...issued, offer }, notice: { offer } };
}

export function decideRedeem(
  store: VoucherStore,
  act: Redeem,
  { nowMs }: DecisionContext,
): AcceptedAct<Redeemed> | Rejected {
  const voucher = voucherOfCustomer(store, act);
  if (voucher === undefined) return reject("voucher_not_found");
  const status = statusAt(voucher, nowMs);
  if (status !== "valid") return reject(INVALID_REASONS[status], act.code);
  return { ok: true, effect: { offer: voucher.offer, discount: store.discountOf(voucher) } };
}

export function decideRollbackOrCancel(
  store: VoucherStore,
  act: Rollback | Cancel,
  { nowMs }: DecisionContext,
): AcceptedAct<VoucherTerms> | Rejected {
  const voucher = voucherOfCustomer(store, act);
  if (voucher === undefined) return reject("voucher_not_found");
  const status = statusAt(voucher, nowMs);
  if (act.act === "rollback") {
    if (status !== "redeemed") return reject("not_redeemed", act.code);
  } else if (status !== "valid") return reject(INVALID_REASONS[status], act.code);
  // The terms of an unused voucher: its fixed discount, or the current one of its offer.
  return { ok: true, effect: store.termsOf({ ...voucher, used: null }) };
}

/** `undefined` also for a voucher of another customer, so that a rejection does not reveal that the code exists. */
function voucherOfCustomer(
  store: VoucherStore,
  { email, code }: Redeem | Rollback | Cancel,
): Voucher | undefined {
  const voucher = store.voucher(code);
  return voucher?.customer.email === email ? voucher : undefined;
}
