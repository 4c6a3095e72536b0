/**
 * The decisions about offers and single vouchers. Within each function the first rule that is violated gives the
 * rejection.
 */
import { assert } from "../../../errors/assert.ts";
import { reject } from "../../records/command.ts";
import type { Decision, DecisionContext } from "../programme.ts";
import {
  INVALID_REASONS,
  type VoucherAct,
  type VoucherActs,
  type VoucherEffect,
  type VoucherNotice,
  type VoucherTerms,
} from "./acts.ts";
import { snapshotOf, statusAt, type Voucher, type VoucherStore } from "./voucher-store.ts";

/** The outcome of the acts named `K`. */
export type VoucherDecision<K extends keyof VoucherActs> = Decision<VoucherEffect<K>, VoucherNotice>;

export function decidePutOffer(
  store: VoucherStore,
  { name, discount, pricing }: VoucherAct<"put_offer">,
): VoucherDecision<"put_offer"> {
  const known = store.offers.get(name);
  if (known === undefined && store.offers.isFull) return reject("too_many_offers", name);
  const offer = store.offers.define(name, discount, pricing);
  return offer === known ? { ok: true, effect: offer } : { ok: true, effect: offer, notice: { offer } };
}

/** The customer is checked first: with an unknown customer the offer must stay unchanged. */
export function decideIssue(store: VoucherStore, act: VoucherAct<"issue">): VoucherDecision<"issue"> {
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
  act: VoucherAct<"redeem">,
  { nowMs }: DecisionContext,
): VoucherDecision<"redeem"> {
  const voucher = voucherOfCustomer(store, act);
  if (voucher === undefined) return reject("voucher_not_found");
  const status = statusAt(voucher, nowMs);
  if (status !== "valid") return reject(INVALID_REASONS[status], act.code);
  return { ok: true, effect: { offer: voucher.offer, discount: store.discountOf(voucher) } };
}

export function decideRollbackOrCancel(
  store: VoucherStore,
  act: VoucherAct<"rollback" | "cancel">,
  { nowMs }: DecisionContext,
): Decision<VoucherTerms, never> {
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
  { email, code }: VoucherAct<"redeem" | "rollback" | "cancel">,
): Voucher | undefined {
  const voucher = store.voucher(code);
  return voucher?.customer.email === email ? voucher : undefined;
}
