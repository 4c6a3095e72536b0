/**
 * Acts, effects and queries of the voucher programme. Discounts are hundredths of a percent, 1 to 10,000; times are
 * milliseconds since 1970 UTC; e-mail addresses are trimmed and in lower case.
 */
import type { Rejection } from "../../records/rejection.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import type { MemoryGrowth, Question, QuestionTo } from "../programme.ts";
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

type Of<A extends string> = Readonly<{ programme: "vouchers"; act: A; subject: string }>;
type OfCustomer<A extends string> = Of<A> & Readonly<{ email: string }>;
type OfVoucher<A extends string> = OfCustomer<A> & Readonly<{ code: string }>;

export type CreateCustomer = OfCustomer<"create_customer"> & Readonly<{ name: string | null }>;
export type PutOffer = Of<"put_offer"> & Readonly<{ name: string; discount: number; pricing: Pricing }>;
/** With a discount it also creates the offer, or changes its discount, in the same record. */
export type Issue = OfCustomer<"issue"> &
  Readonly<{ offer: string; discount: number | null; expiresAtMs: number }>;
export type Redeem = OfVoucher<"redeem">;
export type Rollback = OfVoucher<"rollback">;
export type Cancel = OfVoucher<"cancel">;
/** Expires vouchers of a customer. Issued by the customer's shard itself. */
export type Expire = OfCustomer<"expire">;
/**
 * `recipients` has one entry per shard. `unknown`: a requested e-mail that no customer has; the act is then rejected
 * with `customer_not_found`.
 */
export type CreateBatch = Of<"create_batch"> &
  Readonly<{
    offer: string;
    expiresAtMs: number;
    runAtMs: number | null;
    recipients: readonly Recipients[];
    unknown: string | null;
  }>;
/** Issues the next vouchers of a batch. Issued by each shard itself for its own customers. */
export type IssuePortion = Of<"issue_portion"> & Readonly<{ batch: string }>;

/** Customers of one shard: the first `n` created, or a list of zero-based creation indexes. */
export type Recipients = number | readonly number[];

export type VoucherAct =
  | CreateCustomer
  | PutOffer
  | Issue
  | Redeem
  | Rollback
  | Cancel
  | Expire
  | CreateBatch
  | IssuePortion;

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
} as const satisfies Record<VoucherAct["act"], MemoryGrowth>;

/** `snapshot`: the fixed discount of the voucher; `null` if it follows its offer. `offer`: if created or changed. */
export type Issued = Readonly<{
  code: string;
  discount: number;
  snapshot: number | null;
  offer: Offer | null;
}>;
export type Redeemed = Readonly<{ offer: string; discount: number }>;
/** The terms of a voucher after a rollback or cancellation. */
export type VoucherTerms = Readonly<{
  offer: string;
  discount: number;
  expiresAtMs: number;
  createdAtMs: number;
}>;
export type Expired = Readonly<{ expired: readonly (readonly [code: string, offer: string])[] }>;
export type BatchMade = Readonly<{ id: string; requested: number; order: BatchOrder }>;
export type PortionIssued = Readonly<{
  offer: string;
  expiresAtMs: number;
  snapshot: number | null;
  issued: readonly (readonly [email: string, code: string])[];
}>;

export type VoucherEffect =
  | null
  | Offer
  | Issued
  | Redeemed
  | VoucherTerms
  | Expired
  | BatchMade
  | PortionIssued;

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

export function askCustomer(email: string): QuestionTo<CustomerView | null> {
  return { programme: "vouchers", subject: customerSubject(email), ask: ["customer", email] };
}

export function askVoucher(email: string, code: string): QuestionTo<VoucherView | null> {
  return { programme: "vouchers", subject: customerSubject(email), ask: ["voucher", email, code] };
}

/** The e-mail of the owner of a voucher. @param code a valid code (`codeOf`). */
export function askOwner(code: string): QuestionTo<string | null> {
  return { programme: "vouchers", subject: "", vnode: vnodeOfCode(code), ask: ["owner", code] };
}

/** @param status `null`: vouchers of any status. */
export function askVouchers(
  email: string,
  status: VoucherStatus | null,
): (page: ListRequest) => Question<ListPage<VoucherView>> {
  const subject = customerSubject(email);
  return (page) => ({ programme: "vouchers", subject, ask: ["vouchers", email, status, ...page] });
}

export function askOffer(name: string): QuestionTo<Offer | null> {
  return { programme: "vouchers", subject: offerSubject(name), ask: ["offer", name] };
}

export function askOffers(page: ListRequest): Question<ListPage<Offer>> {
  return { programme: "vouchers", subject: VOUCHERS_SUBJECT, ask: ["offers", ...page] };
}

/** The number of customers of each shard. */
export function askCount(): Question<number> {
  return { programme: "vouchers", subject: null, ask: ["count"] };
}

/** For each e-mail the zero-based creation index of the customer on each shard; `null` if it is not on that shard. */
export function askPlaces(emails: readonly string[]): Question<readonly (number | null)[]> {
  return { programme: "vouchers", subject: null, ask: ["places", emails] };
}

export function askBatch(id: string): Question<BatchPart | null> {
  return { programme: "vouchers", subject: null, ask: ["batch", id] };
}
