/**
 * Acts, effects and queries of the top-up programme. Amounts are minor units; times are milliseconds since 1970 UTC.
 */
import { VNODES, vnodeOfAccount } from "../../ledger/routing.ts";
import type { Act } from "../../records/act.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import type { MemoryGrowth, MovedAccounts, Question, QuestionTo } from "../programme.ts";

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

type Of<A extends string> = Readonly<{ programme: "topup"; act: A; subject: string }>;
type Decision<A extends string> = Of<A> & Readonly<{ request: string; by: string; aliasOwner?: string }>;

export type CreateSeller = Of<"create_seller"> & Readonly<{ name: string; asset: string }>;
export type SuspendSeller = Of<"suspend_seller">;
export type ResumeSeller = Of<"resume_seller">;
/** `amount` is signed: a negative one requests a decrease of the credit. */
export type RequestCredit = Of<"request_credit"> & Readonly<{ amount: number; note: string | null }>;
/**
 * With a transfer from `@credit`, or to it if the request's `amount` is negative. `by`: id of the API key that
 * decided.
 */
export type Approve = Decision<"approve"> & Readonly<{ amount: number }>;
export type Reject = Decision<"reject"> & Readonly<{ reason: string | null }>;
/** With a transfer to the phone's account. */
export type Sale = Of<"sale"> & Readonly<{ phone: string; reference: string | null }>;
/**
 * With a revert of a sale to `phone`, or (without `phone`) of an approved request; `wasDecrease`: its amount was
 * negative.
 */
export type TakeBack = Of<"take_back"> & Readonly<{ phone?: string; wasDecrease: boolean }>;

export type TopupAct =
  | CreateSeller
  | SuspendSeller
  | ResumeSeller
  | RequestCredit
  | Approve
  | Reject
  | Sale
  | TakeBack;

/** A sale pays with the seller's credit; an approved request grants credit, or takes it back if its amount is negative. */
export function movedAccountsOfTopup(act: Act): MovedAccounts | undefined {
  const { subject } = act;
  const command = act as TopupAct;
  if (command.act === "sale") return { debit: subject, credit: phoneAccount(command.phone) };
  if (command.act !== "approve") return undefined;
  return command.amount < 0
    ? { debit: subject, credit: CREDIT_SOURCE }
    : { debit: CREDIT_SOURCE, credit: subject };
}

export const TOPUP_GROWTH = {
  create_seller: "more",
  suspend_seller: "never",
  resume_seller: "key",
  request_credit: "more",
  approve: "key",
  reject: "never",
  sale: "more",
  take_back: "key",
} as const satisfies Record<TopupAct["act"], MemoryGrowth>;

/**
 * `request`: id of the new credit request. `seller`: the suspended or resumed seller, `decided`: the decided request,
 * both after the act; missing in the oldest records.
 */
export type TopupEffect =
  | Readonly<{ request: string }>
  | Readonly<{ seller: SellerView }>
  | Readonly<{ decided: RequestView }>
  | null;

export type SellerStatus = "active" | "suspended";

/** `totalCredited` is net of decreases, `totalSold` net of reverts: `credit = totalCredited - totalSold`. */
export type SellerView = Readonly<{
  id: string;
  name: string;
  status: SellerStatus;
  credit: number;
  totalCredited: number;
  totalSold: number;
  createdAtMs: number;
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

export function askSeller(seller: string): QuestionTo<SellerView | null> {
  return { programme: "topup", subject: creditAccount(seller), ask: ["seller", seller] };
}

export function askSellers(page: ListRequest): Question<ListPage<SellerView>> {
  return { programme: "topup", subject: null, ask: ["sellers", ...page] };
}

export function askRequest(id: string, vnode: number): QuestionTo<RequestView | null> {
  return { programme: "topup", subject: id, vnode, ask: ["request", id] };
}

/**
 * Alias owner of a decision's idempotency key: a retry finds the key by the request's id, also after it is forgotten.
 */
export function requestOwner(id: string): string {
  return `#${id}`;
}

export function askRequests({ seller, status }: RequestsQuery) {
  return (page: ListRequest): Question<ListPage<RequestView>> => {
    return { programme: "topup", subject: null, ask: ["requests", seller, status, ...page] };
  };
}

export function askPhone(phone: string): Question<PhoneView | null> {
  return { programme: "topup", subject: null, ask: ["phone", phone] };
}

/** Up to `limit` phones after `after`, in ascending order of the phone number as text. */
export function askPhones(limit: number, after: string | null): Question<readonly PhoneView[]> {
  return { programme: "topup", subject: null, ask: ["phones", limit, after] };
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
