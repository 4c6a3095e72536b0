/**
 * Acts, effects and queries of the voucher programme. Times are milliseconds since 1970 UTC. A missing `usesMax` is 1:
 * versions without it had vouchers of one use.
 *
 * `email` names a customer. It is a pseudonym, and `person` is the customer's personal data, encrypted as
 * `<id of the key>:<ciphertext>`. Without `person` the customer was created by an older version, and `email` is the e-mail.
 */
import type { Act, JsonValue } from "../../records/act.ts";
import type { Rejection } from "../../records/rejection.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import {
  type ActIn,
  actsOf,
  type FactsByAct,
  type MemoryGrowth,
  type NoFields,
  questionsOf,
} from "../programme.ts";
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

/** Subject of one voucher. Only the archive has it: the record that forgets the voucher is found by it. */
export function voucherSubject(code: string): string {
  return `voucher:${code}`;
}

/** The voucher codes and customers whose history has the act: only of the one that forgets vouchers. */
export function subjectsOfVouchers(act: Act, effect: JsonValue): readonly string[] {
  if (act.act !== "forget") return [];
  // The shard that decided the act has logged an effect of this type.
  const { forgotten } = effect as VoucherEffect<"forget">;
  const customers = new Set(forgotten.map(([email]) => customerSubject(email)));
  return [...forgotten.map(([, code]) => voucherSubject(code)), ...customers];
}

/** Subject of a partner's batches and of its list of offers. */
export const VOUCHERS_SUBJECT = "vouchers";

/** `live`: vouchers follow the current discount of their offer. `snapshot`: they keep the discount of their issue. */
export type Pricing = "live" | "snapshot";

/** Hundredths of a percent, 1 to 10,000, or an amount of an asset in minor units. */
export type Discount = number | Readonly<{ amount: number; asset: string }>;

export function isSameDiscount(a: Discount, b: Discount): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.amount === b.amount && a.asset === b.asset;
}

/** `version` and `shard` order the definitions of an offer, so that all shards agree on the latest one. */
export type Offer = Readonly<{
  name: string;
  discount: Discount;
  pricing: Pricing;
  version: number;
  shard: number;
}>;

/** Customers of one shard: the first `n` created, or a list of zero-based creation indexes. */
export type Recipients = number | readonly number[];

type OfVoucher = { email: string; code: string };
type OfPerson = { person?: string };

/** The id of the key that the personal data is encrypted with. */
export function keyOfPerson(person: string): string {
  return person.slice(0, person.indexOf(":"));
}

export type VoucherActs = {
  /** `name`: in the records of older versions; else it is part of `person`. */
  create_customer: { fields: { email: string; name: string | null } & OfPerson; effect: null };
  /** Removes a customer and its vouchers. `key`: the id of the key that must be destroyed. */
  erase_customer: { fields: { email: string }; effect: { key: string } };
  put_offer: { fields: { name: string; discount: Discount; pricing: Pricing }; effect: Offer };
  /**
   * With a discount it also creates the offer, or changes its discount, in the same record. `snapshot`: the fixed discount
   * of the voucher; `null` if it follows its offer. `offer` in the effect: if created or changed.
   */
  issue: {
    fields: {
      email: string;
      offer: string;
      discount: Discount | null;
      expiresAtMs: number;
      usesMax?: number;
    };
    effect: { code: string; discount: Discount; snapshot: Discount | null; offer: Offer | null } & OfPerson;
  };
  /** Takes one use. `by`: name of the API key that redeems. `redemption` and `usesLeft` are missing in older records. */
  redeem: {
    fields: OfVoucher & { by?: string };
    effect: { offer: string; discount: Discount; redemption?: number; usesLeft?: number } & OfPerson;
  };
  /** Gives one use back: that of the redemption with this number, or of the latest one. */
  rollback: { fields: OfVoucher & { redemption?: number }; effect: RolledBack };
  /** `cancelledAtMs`: the time of the record; missing in older ones, whose vouchers stay in memory by their expiry. */
  cancel: { fields: OfVoucher; effect: VoucherTerms & { cancelledAtMs?: number } };
  /** Expires vouchers of a customer. Issued by the customer's shard itself. */
  expire: {
    fields: { email: string };
    effect: { expired: readonly (readonly [code: string, offer: string])[] } & OfPerson;
  };
  /** Removes vouchers from memory that were settled 30 days ago. Issued by each shard itself. */
  forget: { fields: NoFields; effect: { forgotten: readonly ForgottenVoucher[] } };
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
      usesMax?: number;
    };
    effect: { id: string; requested: number; order: BatchOrder };
  };
  /**
   * Issues the next vouchers of a batch. Issued by each shard itself for its own customers. `passed`: the recipients that
   * were looked at, if some of them have been erased and got no voucher.
   */
  issue_portion: {
    fields: { batch: string };
    effect: {
      offer: string;
      expiresAtMs: number;
      snapshot: Discount | null;
      issued: readonly (readonly [email: string, code: string, ...person: readonly [string] | readonly []])[];
      usesMax?: number;
      passed?: number;
    };
  };
};
export type VoucherAct<K extends keyof VoucherActs = keyof VoucherActs> = ActIn<VoucherActs, K>;
export type VoucherEffect<K extends keyof VoucherActs = keyof VoucherActs> = VoucherActs[K]["effect"];

export const voucherAct = actsOf<VoucherActs>("vouchers");

export const VOUCHERS_GROWTH = {
  create_customer: "more",
  erase_customer: "never",
  put_offer: "more",
  issue: "more",
  redeem: "key",
  rollback: "key",
  cancel: "never",
  expire: "never",
  forget: "never",
  create_batch: "more",
  issue_portion: "never",
} as const satisfies Record<keyof VoucherActs, MemoryGrowth>;

/**
 * The terms of a voucher after a rollback or cancellation. Older records have no members about uses: their vouchers had
 * one use, and it was not taken.
 */
export type VoucherTerms = Readonly<{
  offer: string;
  discount: Discount;
  expiresAtMs: number;
  createdAtMs: number;
  usesMax?: number;
  usesLeft?: number;
  /** Time of the last redemption that counts. */
  usedAtMs?: number | null;
}> &
  Readonly<OfPerson>;

/** `redemption`: which one; 0 for one that an older version logged without a number. `status`: missing if `valid`. */
export type RolledBack = VoucherTerms & Readonly<{ redemption?: number; status?: "expired" | "cancelled" }>;

export type BatchOrder = Readonly<{ offer: string; expiresAtMs: number; runAtMs: number; usesMax?: number }>;

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

/** All that answers need of a voucher that is no longer in memory. `email`: as its other records name the customer. */
export type ForgottenVoucher = readonly [
  email: string,
  code: string,
  offer: string,
  /** As `VoucherView` showed it last. */
  discount: Discount,
  status: Exclude<VoucherStatus, "valid">,
  expiresAtMs: number,
  createdAtMs: number,
  usedAtMs: number | null,
  usesMax: number,
  usesLeft: number,
];

export type CustomerView = Readonly<{ email: string; name: string | null; createdAtMs: number } & OfPerson>;
export type VoucherView = Readonly<{
  code: string;
  offer: string;
  /** Of a redeemed voucher: the discount that its last redemption granted. */
  discount: Discount;
  status: VoucherStatus;
  expiresAtMs: number;
  createdAtMs: number;
  /** Time of the last redemption that counts. */
  usedAtMs: number | null;
  usesMax: number;
  usesLeft: number;
}>;
/** A voucher as one of many customers' vouchers. */
export type OwnedVoucherView = VoucherView & Readonly<{ email: string } & OfPerson>;
/** One shard's part of a batch. */
export type BatchPart = Readonly<{
  requested: number;
  issued: number;
  isDone: boolean;
  /** It has not started: `runAtMs` is in the future. */
  isScheduled: boolean;
  runAtMs: number;
}>;

export type VoucherQuestions = {
  customer: { args: readonly [email: string]; answer: CustomerView | null };
  voucher: { args: readonly [email: string, code: string]; answer: VoucherView | null };
  /** The customer who owns a voucher. */
  owner: { args: readonly [code: string]; answer: CustomerView | null };
  /** `status`: `null` for vouchers of any status. */
  vouchers: {
    args: readonly [email: string, status: VoucherStatus | null, ...ListRequest];
    answer: ListPage<VoucherView>;
  };
  /** Those of these vouchers that the shard has. */
  codes: { args: readonly [codes: readonly string[]]; answer: readonly OwnedVoucherView[] };
  customers: { args: ListRequest; answer: ListPage<CustomerView> };
  offer: { args: readonly [name: string]; answer: Offer | null };
  offers: { args: ListRequest; answer: ListPage<Offer> };
  /** The number of customers that a shard has ever had. */
  count: { args: readonly []; answer: number };
  /** For each e-mail the zero-based creation index of the customer; `null` if it is not on the shard. */
  places: { args: readonly [emails: readonly string[]]; answer: readonly (number | null)[] };
  batch: { args: readonly [id: string]; answer: BatchPart | null };
};

/** What gateways must know: which key they must destroy. */
export const VOUCHERS_FACTS: FactsByAct<VoucherActs> = {
  erase_customer: (_, { key }) => [{ fact: "person_erased", key }],
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

/** @param codes at most some hundreds */
export function askCodes(codes: readonly string[]) {
  return question("codes", null, [codes]);
}

export function askCustomers(page: ListRequest) {
  return question("customers", null, page);
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
