/**
 * Acts, effects and queries of the top-up programme. Amounts are minor units; times are milliseconds since 1970 UTC.
 */
import { VNODES, vnodeOfAccount } from "../../ledger/routing.ts";
import { parseTransferId } from "../../ledger/transfer-id.ts";
import type { Act, JsonValue } from "../../records/act.ts";
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

/** The subject of what holds for all sellers of a partner. */
export const TOPUP_SUBJECT = "topup";

/**
 * Subjects that only the archive has: it finds the records that forget credit requests by the id of a request, by the
 * seller, and as those of all sellers.
 */
export function forgottenRequests(seller: string | null): string {
  return seller === null ? "forgotten-requests" : `forgotten-requests:${seller}`;
}

/** The subjects whose history has the act: only of the one that forgets credit requests. */
export function subjectsOfTopup(act: Act, effect: JsonValue): readonly string[] {
  if (act.act !== "forget") return [];
  // The shard that decided the act has logged an effect of this type.
  const { forgotten } = effect as TopupEffect<"forget">;
  const sellers = new Set(forgotten.map(([, seller]) => forgottenRequests(seller)));
  return [...forgotten.map(([id]) => id), ...sellers, forgottenRequests(null)];
}

/** The system account that grants credit, and that decreases of credit return to. */
export const CREDIT_SOURCE = "@credit";

/** `seller`: the suspended or resumed seller, after the act. The effect is `null` in the oldest records. */
type SellerChanged = { seller: SellerView } | null;
/** `decided`: the request after the decision. The effect is `null` in the oldest records. */
type Decided = ({ decided: RequestView } & LowCredit) | null;

/** The credit has fallen below the seller's threshold. Absent if it has not. */
export type LowCredit = { lowCredit?: { threshold: number } };

/**
 * Bounds of a sale; `null`: none. The daily ones are on the sum and the number of sales in any 24 hours of log time. As
 * with the limits of accounts, the window has 60 buckets, and reverts do not count.
 */
export type SaleLimits = Readonly<{
  minAmount: number | null;
  maxAmount: number | null;
  dailyAmount: number | null;
  dailyCount: number | null;
}>;

/** `phoneLimits`: of the sales of one seller to one phone; `null`: none. */
export type TopupSettings = Readonly<{ phoneLimits: SaleLimits | null }>;

/** What the operator says of a sale in the end. */
export type OperatorResult = "completed" | "failed";

/** `sale`: the sale after the decision. */
type SaleDecided = Readonly<{ sale: SaleView }> & LowCredit;

export type TopupActs = {
  create_seller: {
    fields: { name: string; asset: string; lowCreditThreshold?: number };
    effect: null;
  };
  /** `null`: no threshold, or no limits. An absent field is left unchanged. */
  update_seller: {
    fields: { lowCreditThreshold?: number | null; limits?: SaleLimits | null };
    effect: SellerChanged;
  };
  change_settings: { fields: { settings: TopupSettings }; effect: null };
  suspend_seller: { fields: NoFields; effect: SellerChanged };
  resume_seller: { fields: NoFields; effect: SellerChanged };
  /**
   * `amount` is signed: a negative one requests a decrease of the credit. `request`: id of the new request. `by`: id of
   * the API key that requests; absent in older records.
   */
  request_credit: {
    fields: { amount: number; note: string | null; by?: string };
    effect: { request: string; requestedBy?: string };
  };
  /**
   * With a transfer from `@credit`, or to it if the request's `amount` is negative. `by`: id of the API key that
   * decided.
   */
  approve: { fields: { request: string; by: string; amount: number }; effect: Decided };
  reject: { fields: { request: string; by: string; reason: string | null }; effect: Decided };
  /** By the seller itself. */
  withdraw_request: { fields: { request: string; by: string }; effect: Decided };
  /** With a pending transfer of `amount` to the phone's account. The operator's answer decides the sale. */
  start_sale: { fields: { phone: string; amount: number; reference: string | null }; effect: null };
  /** With the post of the pending transfer. `by`: id of the API key that decided; `null`: the operator. */
  complete_sale: { fields: { sale: string; by: string | null }; effect: SaleDecided };
  /** With the void of the pending transfer. */
  fail_sale: { fields: { sale: string; by: string | null; reason: string | null }; effect: SaleDecided };
  /** The operator has not said what became of the sale. Its amount stays held. */
  report_unknown: { fields: { sale: string }; effect: { sale: SaleView } };
  /** The operator's answer to a sale that the partner has decided before. Moves nothing. */
  report_late: { fields: { sale: string; answer: OperatorResult }; effect: { sale: SaleView } };
  /** With a transfer to the phone's account: completed at once, without an operator. */
  sale: { fields: { phone: string; reference: string | null }; effect: LowCredit | null };
  /**
   * With a revert of a sale to `phone`, or (without `phone`) of an approved request; `wasDecrease`: its amount was
   * negative.
   */
  take_back: { fields: { phone?: string; wasDecrease: boolean }; effect: LowCredit | null };
  /** Removes credit requests from memory that were decided 30 days ago. Issued by each shard itself. */
  forget: { fields: NoFields; effect: { forgotten: readonly ForgottenRequest[] } };
};
export type TopupAct<K extends keyof TopupActs = keyof TopupActs> = ActIn<TopupActs, K>;
export type TopupEffect<K extends keyof TopupActs = keyof TopupActs> = TopupActs[K]["effect"];

export const topupAct = actsOf<TopupActs>("topup");

export function isTopupAct(act: Act | undefined): act is TopupAct {
  return act?.programme === "topup";
}

/** Whether it begins a top-up, completed at once or pending. */
export function isSaleAct(act: Act | undefined): act is TopupAct<"sale" | "start_sale"> {
  return isTopupAct(act) && (act.act === "sale" || act.act === "start_sale");
}

/** A sale pays with the seller's credit; an approved request grants credit, or takes it back if its amount is negative. */
export function movedAccountsOfTopup(act: TopupAct): MovedAccounts | undefined {
  const { subject } = act;
  if (act.act === "sale" || act.act === "start_sale")
    return { debit: subject, credit: phoneAccount(act.phone) };
  if (act.act !== "approve") return undefined;
  return act.amount < 0
    ? { debit: subject, credit: CREDIT_SOURCE }
    : { debit: CREDIT_SOURCE, credit: subject };
}

export const TOPUP_GROWTH = {
  create_seller: "more",
  update_seller: "key",
  change_settings: "key",
  suspend_seller: "never",
  resume_seller: "key",
  request_credit: "more",
  approve: "key",
  reject: "never",
  withdraw_request: "never",
  start_sale: "hold",
  complete_sale: "never",
  fail_sale: "never",
  report_unknown: "never",
  report_late: "never",
  sale: "more",
  take_back: "key",
  forget: "never",
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
  /** Absent: none. */
  limits?: SaleLimits;
  /** Credit that pending and unknown sales hold. Absent: 0. */
  held?: number;
}>;

export const REQUEST_STATUSES = ["pending", "approved", "rejected", "withdrawn"] as const;
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
  /** Id of the API key that requested. Absent in requests of older records. */
  requestedBy?: string;
}>;

/** All that answers need of a decided credit request that is no longer in memory. */
export type ForgottenRequest = readonly [
  id: string,
  seller: string,
  amount: number,
  note: string | null,
  status: Exclude<RequestStatus, "pending">,
  createdAtMs: number,
  decidedBy: string | null,
  decidedAtMs: number | null,
  reason: string | null,
  requestedBy: string | null,
];

export type SaleStatus = "pending" | "unknown" | "completed" | "failed";

/** A sale that waits for the operator's answer, or that the partner has decided before the operator. */
export type SaleView = Readonly<{
  id: string;
  seller: string;
  phone: string;
  amount: number;
  reference: string | null;
  createdAtMs: number;
  status: SaleStatus;
  /** Id of the API key that decided; `null`: undecided, or decided by the operator. */
  decidedBy: string | null;
  /** Why it failed. */
  reason: string | null;
  /** What the operator has said against the partner's decision; `null`: nothing. */
  conflict: OperatorResult | null;
}>;

/** Lists of sales that are not over. */
export const SALE_LISTS = ["pending", "unknown", "conflict"] as const;
export type SaleList = (typeof SALE_LISTS)[number];

export type SalesQuery = Readonly<{ list: SaleList; seller: string | null; phone: string | null }>;

/**
 * A sale that the operator is to be asked about. `no` counts the sales of its shard, and never changes. `status` is
 * that of `SaleView`; a decided one is asked about only to find a contradiction.
 */
export type OpenSale = Readonly<{
  no: number;
  partner: string;
  id: string;
  seller: string;
  phone: string;
  amount: number;
  createdAtMs: number;
  status: SaleStatus;
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
  /** Sales with these ids, of those that are not over. */
  sales: { args: readonly [ids: readonly string[]]; answer: readonly SaleView[] };
  sale_list: {
    args: readonly [list: SaleList, seller: string | null, phone: string | null, ...ListRequest];
    answer: ListPage<SaleView>;
  };
  /** Of all partners: up to `limit` sales with a `no` above `after`, in ascending order. */
  open_sales: { args: readonly [limit: number, after: number]; answer: readonly OpenSale[] };
  /** Number of conflicts of all partners. */
  conflicts: { args: readonly []; answer: number };
  settings: { args: readonly []; answer: TopupSettings };
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

/** The sale with this id, if it is not over. */
export function askSale(id: string) {
  return question("sales", id, [[id]], { vnode: parseTransferId(id)?.vnode ?? 0 });
}

export function askSales(ids: readonly string[]) {
  return question("sales", null, [ids]);
}

export function askSaleList({ list, seller, phone }: SalesQuery) {
  return (page: ListRequest) => question("sale_list", null, [list, seller, phone, ...page]);
}

/** On the shard of this vnode. */
export function askOpenSales(vnode: number, limit: number, after: number) {
  return question("open_sales", "", [limit, after], { vnode });
}

export function askConflicts() {
  return question("conflicts", null, []);
}

export function askTopupSettings() {
  return question("settings", TOPUP_SUBJECT, []);
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
