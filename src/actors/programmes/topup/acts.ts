/**
 * Acts, effects and queries of the top-up programme. Amounts are minor units; times are milliseconds since 1970 UTC.
 */
import { VNODES, vnodeOfAccount } from "../../ledger/routing.ts";
import type { Act } from "../../records/act.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import {
  type ActIn,
  actsOf,
  type MemoryGrowth,
  type MovedAccounts,
  type NoFields,
  questionsOf,
} from "../programme.ts";

const PREFIX = "credit:";

/** The id of the account with a seller's credit. It is also the subject of the seller's acts. */
export function creditAccount(seller: string): string {
  return `${PREFIX}${seller}`;
}

export function sellerOf(subject: string): string {
  return subject.slice(PREFIX.length);
}

/** The account that receives the sales to a phone. A system account, because sellers of all shards sell to it. */
export function phoneAccount(phone: string): string {
  return `@phone:${phone}`;
}

/** The system account that grants credit, and that decreases of credit return to. */
export const CREDIT_SOURCE = "@credit";

/** `seller`: the suspended or resumed seller, after the act. The effect is `null` in the oldest records. */
type SellerChanged = { seller: SellerView } | null;
/** `decided`: the request after the decision. The effect is `null` in the oldest records. */
type Decided = ({ decided: RequestView } & LowCredit) | null;

/** The credit has fallen below the seller's threshold. Absent if it has not. */
export type LowCredit = { lowCredit?: { threshold: number } };

export type TopupActs = {
  create_seller: {
    fields: { name: string; asset: string; lowCreditThreshold?: number };
    effect: null;
  };
  /** `null`: no threshold. */
  update_seller: { fields: { lowCreditThreshold: number | null }; effect: SellerChanged };
  suspend_seller: { fields: NoFields; effect: SellerChanged };
  resume_seller: { fields: NoFields; effect: SellerChanged };
  /** `amount` is signed: a negative one requests a decrease of the credit. `request`: id of the new request. */
  request_credit: { fields: { amount: number; note: string | null }; effect: { request: string } };
  /**
   * With a transfer from `@credit`, or to it if the request's `amount` is negative. `by`: id of the API key that
   * decided.
   */
  approve: { fields: { request: string; by: string; amount: number }; effect: Decided };
  reject: { fields: { request: string; by: string; reason: string | null }; effect: Decided };
  /** With a transfer to the phone's account. */
  sale: { fields: { phone: string; reference: string | null }; effect: LowCredit | null };
  /**
   * With a revert of a sale to `phone`, or (without `phone`) of an approved request; `wasDecrease`: its amount was
   * negative.
   */
  take_back: { fields: { phone?: string; wasDecrease: boolean }; effect: LowCredit | null };
};
export type TopupAct<K extends keyof TopupActs = keyof TopupActs> = ActIn<TopupActs, K>;
export type TopupEffect<K extends keyof TopupActs = keyof TopupActs> = TopupActs[K]["effect"];

export const topupAct = actsOf<TopupActs>("topup");

export function isTopupAct(act: Act | undefined): act is TopupAct {
  return act?.programme === "topup";
}

/** A sale pays with the seller's credit; an approved request grants credit, or takes it back if its amount is negative. */
export function movedAccountsOfTopup(act: TopupAct): MovedAccounts | undefined {
  const { subject } = act;
  if (act.act === "sale") return { debit: subject, credit: phoneAccount(act.phone) };
  if (act.act !== "approve") return undefined;
  return act.amount < 0
    ? { debit: subject, credit: CREDIT_SOURCE }
    : { debit: CREDIT_SOURCE, credit: subject };
}

export const TOPUP_GROWTH = {
  create_seller: "more",
  update_seller: "key",
  suspend_seller: "never",
  resume_seller: "key",
  request_credit: "more",
  approve: "key",
  reject: "never",
  sale: "more",
  take_back: "key",
} as const satisfies Record<keyof TopupActs, MemoryGrowth>;

export type SellerStatus = "active" | "suspended";

/**
 * `totalCredited` is net of decreases, `totalSold` net of reverts: `credit = totalCredited - totalSold`.
 * `lowCreditThreshold` is absent if the seller has none.
 */
export type SellerView = Readonly<{
  id: string;
  name: string;
  status: SellerStatus;
  credit: number;
  totalCredited: number;
  totalSold: number;
  createdAtMs: number;
  lowCreditThreshold?: number;
}>;

export const REQUEST_STATUSES = ["pending", "approved", "rejected"] as const;
export type RequestStatus = (typeof REQUEST_STATUSES)[number];

export type RequestView = Readonly<{
  id: string;
  seller: string;
  amount: number;
  note: string | null;
  status: RequestStatus;
  createdAtMs: number;
  decidedBy: string | null;
  decidedAtMs: number | null;
  reason: string | null;
}>;

/** Sales of one shard's sellers to a phone, net of reverts. `topups`: number of sales. */
export type PhoneView = Readonly<{ phone: string; total: number; topups: number }>;

export type RequestsQuery = Readonly<{ seller: string | null; status: RequestStatus | null }>;

export type TopupQuestions = {
  seller: { args: readonly [seller: string]; answer: SellerView | null };
  sellers: { args: ListRequest; answer: ListPage<SellerView> };
  request: { args: readonly [id: string]; answer: RequestView | null };
  requests: {
    args: readonly [seller: string | null, status: RequestStatus | null, ...ListRequest];
    answer: ListPage<RequestView>;
  };
  phone: { args: readonly [phone: string]; answer: PhoneView | null };
  /** Up to `limit` phones after `after`, in ascending order of the phone number as text. */
  phones: { args: readonly [limit: number, after: string | null]; answer: readonly PhoneView[] };
};

const question = questionsOf<TopupQuestions>("topup");

export function askSeller(seller: string) {
  return question("seller", creditAccount(seller), [seller]);
}

export function askSellers(page: ListRequest) {
  return question("sellers", null, page);
}

export function askRequest(id: string, vnode: number) {
  return question("request", id, [id], { vnode });
}

/**
 * Alias owner of a decision's idempotency key: a retry finds the key by the request's id, also after it is forgotten.
 */
export function requestOwner(id: string): string {
  return `#${id}`;
}

export function askRequests({ seller, status }: RequestsQuery) {
  return (page: ListRequest) => question("requests", null, [seller, status, ...page]);
}

export function askPhone(phone: string) {
  return question("phone", null, [phone]);
}

export function askPhones(limit: number, after: string | null) {
  return question("phones", null, [limit, after]);
}

const RADIX = 36;
const REQUEST_ID = /^cr_([0-9a-z]{2})[0-9a-f]{24}$/;

/** Builds the id of a credit request. It contains the vnode of the seller, so that it routes without a lookup. */
export function requestId(partner: string, subject: string, random: Uint8Array): string {
  const vnode = vnodeOfAccount(partner, subject);
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `cr_${vnode.toString(RADIX).padStart(2, "0")}${hex}`;
}

/** Random bytes in the id of a credit request. */
export const REQUEST_ID_BYTES = 12;

/** `undefined` for an id that no request can have. */
export function vnodeOfRequest(id: string): number | undefined {
  const vnode = Number.parseInt(REQUEST_ID.exec(id)?.[1] ?? "", RADIX);
  return vnode < VNODES ? vnode : undefined;
}
