/**
 * The decisions about offers and single vouchers. Within each function the first rule that is violated gives the
 * rejection.
 */
import { assert } from "../../../errors/assert.ts";
import { reject } from "../../records/command.ts";
import type { Decision, DecisionContext } from "../programme.ts";
import {
  INVALID_REASONS,
  keyOfPerson,
  type VoucherAct,
  type VoucherActs,
  type VoucherEffect,
  type VoucherNotice,
  type VoucherStatus,
} from "./acts.ts";
import { redemptionToRollBack, usesLeft, withoutRedemption } from "./uses.ts";
import { personOf, snapshotOf, statusAt, type Voucher } from "./voucher.ts";
import type { VoucherStore } from "./voucher-store.ts";

/** The outcome of the acts named `K`. */
export type VoucherDecision<K extends keyof VoucherActs> = Decision<VoucherEffect<K>, VoucherNotice>;

/** A key that was destroyed while the command was on its way must encrypt nothing new. */
export function decideCreateCustomer(
  store: VoucherStore,
  { email, person }: VoucherAct<"create_customer">,
): VoucherDecision<"create_customer"> {
  if (store.customer(email) !== undefined) return reject("customer_exists", email);
  if (person !== undefined && store.isErased(keyOfPerson(person))) return reject("customer_erased", email);
  return { ok: true, effect: null };
}

export function decideEraseCustomer(
  store: VoucherStore,
  { email }: VoucherAct<"erase_customer">,
): VoucherDecision<"erase_customer"> {
  const customer = store.customer(email);
  if (customer === undefined) return reject("customer_not_found", email);
  if (customer.person === undefined) return reject("customer_not_encrypted", email);
  return { ok: true, effect: { key: keyOfPerson(customer.person) } };
}

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
  const customer = store.customer(act.email);
  if (customer === undefined) return reject("customer_not_found", act.email);
  const known = store.offers.get(act.offer);
  if (known === undefined && act.discount === null) return reject("offer_not_found", act.offer);
  if (known === undefined && store.offers.isFull) return reject("too_many_offers", act.offer);
  const offer = act.discount === null ? known : store.offers.define(act.offer, act.discount);
  assert(offer !== undefined, "an offer is known or defined by the act");
  const { discount } = offer;
  const issued = { code: store.newCode(act.email), discount, snapshot: snapshotOf(offer) };
  if (offer === known) return { ok: true, effect: { ...issued, offer: null, ...personOf(customer) } };
  return { ok: true, effect: { ...issued, offer, ...personOf(customer) }, notice: { offer } };
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
  const { offer, uses, customer } = voucher;
  const discount = store.discountOf(voucher);
  const redeemed = { offer, discount, redemption: uses.latest + 1, usesLeft: usesLeft(uses) - 1 };
  return { ok: true, effect: { ...redeemed, ...personOf(customer) } };
}

/** Also of an expired or cancelled voucher: the redemption is undone, and the voucher stays as it is. */
export function decideRollback(
  store: VoucherStore,
  act: VoucherAct<"rollback">,
  { nowMs }: DecisionContext,
): VoucherDecision<"rollback"> {
  const voucher = voucherOfCustomer(store, act);
  if (voucher === undefined) return reject("voucher_not_found");
  const found = redemptionToRollBack(voucher.uses, act.redemption);
  if (typeof found === "string") return reject(found, act.code);
  const [redemption] = found;
  const terms = store.termsOf(voucher, withoutRedemption(voucher.uses, redemption));
  const status = statusAt({ ...voucher, status: statusAfterRollback(voucher) }, nowMs);
  return status === "expired" || status === "cancelled"
    ? { ok: true, effect: { ...terms, redemption, status } }
    : { ok: true, effect: { ...terms, redemption } };
}

export function decideCancel(
  store: VoucherStore,
  act: VoucherAct<"cancel">,
  { nowMs }: DecisionContext,
): VoucherDecision<"cancel"> {
  const voucher = voucherOfCustomer(store, act);
  if (voucher === undefined) return reject("voucher_not_found");
  const status = statusAt(voucher, nowMs);
  if (status !== "valid") return reject(INVALID_REASONS[status], act.code);
  return { ok: true, effect: { ...store.termsOf(voucher, voucher.uses), cancelledAtMs: nowMs } };
}

function statusAfterRollback({ status }: Voucher): VoucherStatus {
  return status === "redeemed" ? "valid" : status;
}

/** `undefined` also for a voucher of another customer, so that a rejection does not reveal that the code exists. */
function voucherOfCustomer(
  store: VoucherStore,
  { email, code }: VoucherAct<"redeem" | "rollback" | "cancel">,
): Voucher | undefined {
  const voucher = store.voucher(code);
  return voucher?.customer.email === email ? voucher : undefined;
}
