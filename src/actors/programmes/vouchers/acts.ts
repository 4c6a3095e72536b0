/**
 * What can be asked of the voucher programme. Discounts are hundredths of a percent, 1 to 10,000; times are milliseconds
 * since 1970 UTC; e-mails are trimmed and in small letters.
 */
import type { ListAsk, ListPart } from "../paged-index.ts";
import type { Growth, Question, QuestionTo } from "../programme.ts";
import { vnodeOfCode } from "./codes.ts";

/** All of one customer's vouchers live here. A `/` of the e-mail must not end the owner key. */
export function customerSubject(email: string): string {
  return `customer:${email.replaceAll("/", "%2F")}`;
}

export function offerSubject(name: string): string {
  return `offer:${name.replaceAll("/", "%2F")}`;
}

/** One partner's batches are made here, and its offers listed. */
export const VOUCHERS_SUBJECT = "vouchers";

/** How vouchers hold on to their discount: live ones follow their offer's, the others keep that of their issue. */
export type Pricing = "live" | "snapshot";

/** `version` and `shard` are where it was defined: of two definitions the same one counts everywhere. */
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
/** With a discount it makes the offer, or changes its discount, in the same record. */
export type Issue = OfCustomer<"issue"> &
  Readonly<{ offer: string; discount: number | null; expiresAtMs: number }>;
export type Redeem = OfVoucher<"redeem">;
export type Rollback = OfVoucher<"rollback">;
export type Cancel = OfVoucher<"cancel">;
/** Ends what is over of a customer's vouchers; made by the customer's shard. */
export type Expire = OfCustomer<"expire">;
/**
 * `recipients`, by shard: so many customers, those that came first; or these, by the order in which they came there.
 * `unknown`: an e-mail that was asked for and that nobody has.
 */
export type CreateBatch = Of<"create_batch"> &
  Readonly<{
    offer: string;
    expiresAtMs: number;
    runAtMs: number | null;
    recipients: readonly Recipients[];
    unknown: string | null;
  }>;
/** Issues the next vouchers of a batch; made by each shard for its own customers. */
export type IssuePortion = Of<"issue_portion"> & Readonly<{ batch: string }>;

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
} as const satisfies Record<VoucherAct["act"], Growth>;

/** `snapshot` is the discount that the voucher keeps, `null` where it follows its offer's. */
export type Issued = Readonly<{
  code: string;
  discount: number;
  snapshot: number | null;
  offer: Offer | null;
}>;
export type Redeemed = Readonly<{ offer: string; discount: number }>;
/** A voucher as it was when something was done to it. */
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

/** By the act: a customer `null`, an offer itself as it is defined then, a rollback or cancellation what it concerned. */
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

/** A batch comes with its offer: the shard on which that was made may be heard later. */
export type VoucherNotice = Readonly<{
  offer: Offer;
  batch?: Readonly<{ id: string; order: BatchOrder; recipients: readonly Recipients[] }>;
}>;

export type VoucherStatus = "valid" | "redeemed" | "expired" | "cancelled";

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
  /** Its time has not come. */
  isScheduled: boolean;
}>;

export function askCustomer(email: string): QuestionTo<CustomerView | null> {
  return { programme: "vouchers", subject: customerSubject(email), ask: ["customer", email] };
}

export function askVoucher(email: string, code: string): QuestionTo<VoucherView | null> {
  return { programme: "vouchers", subject: customerSubject(email), ask: ["voucher", email, code] };
}

/** Whose voucher it is. @param code of the right form. */
export function askOwner(code: string): QuestionTo<string | null> {
  return { programme: "vouchers", subject: "", vnode: vnodeOfCode(code), ask: ["owner", code] };
}

/** @param status `null`: all. */
export function askVouchers(
  email: string,
  status: VoucherStatus | null,
): (page: ListAsk) => Question<ListPart<VoucherView>> {
  const subject = customerSubject(email);
  return (page) => ({ programme: "vouchers", subject, ask: ["vouchers", email, status, ...page] });
}

export function askOffer(name: string): QuestionTo<Offer | null> {
  return { programme: "vouchers", subject: offerSubject(name), ask: ["offer", name] };
}

export function askOffers(page: ListAsk): Question<ListPart<Offer>> {
  return { programme: "vouchers", subject: VOUCHERS_SUBJECT, ask: ["offers", ...page] };
}

/** How many customers each shard has. */
export function askCount(): Question<number> {
  return { programme: "vouchers", subject: null, ask: ["count"] };
}

/** As the how manyth these customers came to each shard, from 0, in their order; `null` where they live elsewhere. */
export function askPlaces(emails: readonly string[]): Question<readonly (number | null)[]> {
  return { programme: "vouchers", subject: null, ask: ["places", emails] };
}

export function askBatch(id: string): Question<BatchPart | null> {
  return { programme: "vouchers", subject: null, ask: ["batch", id] };
}
