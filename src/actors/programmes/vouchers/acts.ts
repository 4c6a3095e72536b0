/**
 * Acts, effects and queries of the voucher programme. Discounts are hundredths of a percent, 1 to 10,000; times are
 * milliseconds since 1970 UTC; e-mail addresses are trimmed and in lower case.
 */
import type { Rejection } from "../../records/rejection.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import { type ActIn, actsOf, type MemoryGrowth, questionsOf } from "../programme.ts";
import { vnodeOfCode } from "./codes.ts";

/**
 * The subject of a customer and all its vouchers. A `/` in the e-mail is escaped because it would end the owner key.
 */
export function customerSubject(email: string): string {
  return `customer:${email.replaceAll("/", "%2F")}`;
}

export function offerSubject(name: string): string {
  return `offer:${name.replaceAll("/", "%2F")}`;
}

/** Subject of a partner's batches and of its list of offers. */
export const VOUCHERS_SUBJECT = "vouchers";

/** `live`: vouchers follow the current discount of their offer. `snapshot`: they keep the discount of their issue. */
export type Pricing = "live" | "snapshot";

/** `version` and `shard` order the definitions of an offer, so that all shards agree on the latest one. */
export type Offer = Readonly<{
  name: string;
  discount: number;
  pricing: Pricing;
  version: number;
  shard: number;
}>;

/** Customers of one shard: the first `n` created, or a list of zero-based creation indexes. */
export type Recipients = number | readonly number[];

type OfVoucher = { email: string; code: string };

export type VoucherActs = {
  create_customer: { fields: { email: string; name: string | null }; effect: null };
  put_offer: { fields: { name: string; discount: number; pricing: Pricing }; effect: Offer };
  /**
   * With a discount it also creates the offer, or changes its discount, in the same record. `snapshot`: the fixed discount
   * of the voucher; `null` if it follows its offer. `offer` in the effect: if created or changed.
   */
  issue: {
    fields: { email: string; offer: string; discount: number | null; expiresAtMs: number };
    effect: { code: string; discount: number; snapshot: number | null; offer: Offer | null };
  };
  redeem: { fields: OfVoucher; effect: { offer: string; discount: number } };
  rollback: { fields: OfVoucher; effect: VoucherTerms };
  cancel: { fields: OfVoucher; effect: VoucherTerms };
  /** Expires vouchers of a customer. Issued by the customer's shard itself. */
  expire: {
    fields: { email: string };
    effect: { expired: readonly (readonly [code: string, offer: string])[] };
  };
  /**
   * `recipients` has one entry per shard. `unknown`: a requested e-mail that no customer has; the act is then rejected
   * with `customer_not_found`.
   */
  create_batch: {
    fields: {
      offer: string;
      expiresAtMs: number;
      runAtMs: number | null;
      recipients: readonly Recipients[];
      unknown: string | null;
    };
    effect: { id: string; requested: number; order: BatchOrder };
  };
  /** Issues the next vouchers of a batch. Issued by each shard itself for its own customers. */
  issue_portion: {
    fields: { batch: string };
    effect: {
      offer: string;
      expiresAtMs: number;
      snapshot: number | null;
      issued: readonly (readonly [email: string, code: string])[];
    };
  };
};
export type VoucherAct<K extends keyof VoucherActs = keyof VoucherActs> = ActIn<VoucherActs, K>;
export type VoucherEffect<K extends keyof VoucherActs = keyof VoucherActs> = VoucherActs[K]["effect"];

export const voucherAct = actsOf<VoucherActs>("vouchers");

export const VOUCHERS_GROWTH = {
  create_customer: "more",
  put_offer: "more",
  issue: "more",
  redeem: "key",
  rollback: "key",
  cancel: "never",
  expire: "never",
  create_batch: "more",
  issue_portion: "never",
} as const satisfies Record<keyof VoucherActs, MemoryGrowth>;

/** The terms of a voucher after a rollback or cancellation. */
export type VoucherTerms = Readonly<{
  offer: string;
  discount: number;
  expiresAtMs: number;
  createdAtMs: number;
}>;

export type BatchOrder = Readonly<{ offer: string; expiresAtMs: number; runAtMs: number }>;

/** A batch carries its offer, because the broadcast of the shard that defined the offer may arrive later. */
export type VoucherNotice = Readonly<{
  offer: Offer;
  batch?: Readonly<{ id: string; order: BatchOrder; recipients: readonly Recipients[] }>;
}>;

export type VoucherStatus = "valid" | "redeemed" | "expired" | "cancelled";
/** Why a voucher of another status than `valid` can neither be redeemed nor cancelled. */
export const INVALID_REASONS = {
  redeemed: "voucher_already_redeemed",
  expired: "voucher_expired",
  cancelled: "voucher_cancelled",
} as const satisfies Record<Exclude<VoucherStatus, "valid">, Rejection>;

export type CustomerView = Readonly<{ email: string; name: string | null; createdAtMs: number }>;
export type VoucherView = Readonly<{
  code: string;
  offer: string;
  discount: number;
  status: VoucherStatus;
  expiresAtMs: number;
  createdAtMs: number;
  usedAtMs: number | null;
}>;
/** One shard's part of a batch. */
export type BatchPart = Readonly<{
  requested: number;
  issued: number;
  isDone: boolean;
  /** It has not started: `runAtMs` is in the future. */
  isScheduled: boolean;
}>;

export type VoucherQuestions = {
  customer: { args: readonly [email: string]; answer: CustomerView | null };
  voucher: { args: readonly [email: string, code: string]; answer: VoucherView | null };
  /** The e-mail of the owner of a voucher. */
  owner: { args: readonly [code: string]; answer: string | null };
  /** `status`: `null` for vouchers of any status. */
  vouchers: {
    args: readonly [email: string, status: VoucherStatus | null, ...ListRequest];
    answer: ListPage<VoucherView>;
  };
  offer: { args: readonly [name: string]; answer: Offer | null };
  offers: { args: ListRequest; answer: ListPage<Offer> };
  /** The number of customers of a shard. */
  count: { args: readonly []; answer: number };
  /** For each e-mail the zero-based creation index of the customer; `null` if it is not on the shard. */
  places: { args: readonly [emails: readonly string[]]; answer: readonly (number | null)[] };
  batch: { args: readonly [id: string]; answer: BatchPart | null };
};

const question = questionsOf<VoucherQuestions>("vouchers");

export function askCustomer(email: string) {
  return question("customer", customerSubject(email), [email]);
}

export function askVoucher(email: string, code: string) {
  return question("voucher", customerSubject(email), [email, code]);
}

/** @param code a valid code (`codeOf`). */
export function askOwner(code: string) {
  return question("owner", "", [code], { vnode: vnodeOfCode(code) });
}

export function askVouchers(email: string, status: VoucherStatus | null) {
  return (page: ListRequest) => question("vouchers", customerSubject(email), [email, status, ...page]);
}

export function askOffer(name: string) {
  return question("offer", offerSubject(name), [name]);
}

export function askOffers(page: ListRequest) {
  return question("offers", VOUCHERS_SUBJECT, page);
}

export function askCount() {
  return question("count", null, []);
}

export function askPlaces(emails: readonly string[]) {
  return question("places", null, [emails]);
}

export function askBatch(id: string) {
  return question("batch", null, [id]);
}
