/** What can be asked of the top-up programme. Amounts are minor units; times are milliseconds since 1970 UTC. */
import { VNODES, vnodeOfAccount } from "../../ledger/routing.ts";
import type { ListAsk, ListPart } from "../paged-index.ts";
import type { Growth, Question, QuestionTo } from "../programme.ts";

const PREFIX = "credit:";

/** A seller's credit is an account of this id, which is also the subject of what concerns the seller. */
export function creditAccount(seller: string): string {
  return `${PREFIX}${seller}`;
}

export function sellerOf(subject: string): string {
  return subject.slice(PREFIX.length);
}

/** What was sold to a phone: a system account, since sellers of all shards sell to it. */
export function phoneAccount(phone: string): string {
  return `@phone:${phone}`;
}

/** Where credit comes from, and goes back to. */
export const CREDIT_SOURCE = "@credit";

type Of<A extends string> = Readonly<{ programme: "topup"; act: A; subject: string }>;
type Decision<A extends string> = Of<A> & Readonly<{ request: string; by: string; aliasOwner?: string }>;

export type CreateSeller = Of<"create_seller"> & Readonly<{ name: string; asset: string }>;
export type SuspendSeller = Of<"suspend_seller">;
export type ResumeSeller = Of<"resume_seller">;
/** `amount` is signed: a negative one asks for less credit. */
export type RequestCredit = Of<"request_credit"> & Readonly<{ amount: number; note: string | null }>;
/** With a transfer from `@credit`, or back to it where the request's `amount` is negative. `by` is a key's id. */
export type Approve = Decision<"approve"> & Readonly<{ amount: number }>;
export type Reject = Decision<"reject"> & Readonly<{ reason: string | null }>;
/** With a transfer to the phone's account. */
export type Sale = Of<"sale"> & Readonly<{ phone: string; reference: string | null }>;
/** With a revert: of a sale to `phone`, or (without one) of a change of credit, which went up or `wasDecrease`. */
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

export const TOPUP_GROWTH = {
  create_seller: "more",
  suspend_seller: "never",
  resume_seller: "key",
  request_credit: "more",
  approve: "key",
  reject: "never",
  sale: "more",
  take_back: "key",
} as const satisfies Record<TopupAct["act"], Growth>;

/**
 * `request`: the id of a new one. `seller`, `decided`: what one who was suspended, resumed, or decided is then; not in the
 * oldest records.
 */
export type TopupEffect =
  | Readonly<{ request: string }>
  | Readonly<{ seller: SellerView }>
  | Readonly<{ decided: RequestView }>
  | null;

export type SellerStatus = "active" | "suspended";

/** `totalCredited` is net of decreases and `totalSold` of reverts, so that `credit` is always their difference. */
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

/** What one shard's sellers sold to a phone, without what was taken back. */
export type PhoneView = Readonly<{ phone: string; total: number; topups: number }>;

export type RequestsQuery = Readonly<{ seller: string | null; status: RequestStatus | null }>;

export function askSeller(seller: string): QuestionTo<SellerView | null> {
  return { programme: "topup", subject: creditAccount(seller), ask: ["seller", seller] };
}

export function askSellers(page: ListAsk): Question<ListPart<SellerView>> {
  return { programme: "topup", subject: null, ask: ["sellers", ...page] };
}

export function askRequest(id: string, vnode: number): QuestionTo<RequestView | null> {
  return { programme: "topup", subject: id, vnode, ask: ["request", id] };
}

/** Alias owner of a decision's key: a repeat finds it by the request's id after the request is forgotten. */
export function requestOwner(id: string): string {
  return `#${id}`;
}

export function askRequests({ seller, status }: RequestsQuery) {
  return (page: ListAsk): Question<ListPart<RequestView>> => {
    return { programme: "topup", subject: null, ask: ["requests", seller, status, ...page] };
  };
}

export function askPhone(phone: string): Question<PhoneView | null> {
  return { programme: "topup", subject: null, ask: ["phone", phone] };
}

/** In order of their digits, those after `after`. */
export function askPhones(limit: number, after: string | null): Question<readonly PhoneView[]> {
  return { programme: "topup", subject: null, ask: ["phones", limit, after] };
}

const RADIX = 36;
const REQUEST_ID = /^cr_([0-9a-z]{2})[0-9a-f]{24}$/;

/** A request's id tells where its seller lives, so that it routes without a look-up. */
export function requestId(partner: string, subject: string, random: Uint8Array): string {
  const vnode = vnodeOfAccount(partner, subject);
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `cr_${vnode.toString(RADIX).padStart(2, "0")}${hex}`;
}

/** Random bytes of a request's id. */
export const REQUEST_ID_BYTES = 12;

/** `undefined` for an id that no request can have. */
export function vnodeOfRequest(id: string): number | undefined {
  const vnode = Number.parseInt(REQUEST_ID.exec(id)?.[1] ?? "", RADIX);
  return vnode < VNODES ? vnode : undefined;
}
