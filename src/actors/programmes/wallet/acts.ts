/**
 * What can be asked of the wallet programme. Amounts are in minor units of the wallet's asset; times are milliseconds
 * since 1970 UTC.
 */
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { parseTransferId } from "../../ledger/transfer-id.ts";
import type { Act } from "../../records/act.ts";
import type { ListAsk, ListPart } from "../paged-index.ts";
import type { Growth, Question, QuestionTo } from "../programme.ts";
import { vnodeOfId } from "./ids.ts";

/** The partner that all wallet users belong to. */
export const PLATFORM_TENANT = "house";

/** What is held for a hold is held for this account, until it is known who gets it. */
export const HOLDS = "@holds";
/** The same for a withdrawal: the bank that confirms it gets the money. */
export const WITHDRAWALS = "@withdrawals";

export function walletAccount(wallet: string): string {
  return `wallet:${wallet}`;
}

/** A user is at home where the e-mail is, which so is the user's alone. An e-mail may hold a slash. */
export function emailSubject(email: string): string {
  return `email:${encodeURIComponent(email)}`;
}

/** Of all keys of this name: the name is the bank. */
export function bankAccount(bank: string): string {
  return `@bank:${bank}`;
}

/** Decides which references of a bank are new. */
export function bankSubject(bank: string): string {
  return `bank:${bank}`;
}

/** Owner of the keys of one bank's requests about one wallet, apart from the user's own keys and other banks'. */
export function bankOwner(bank: string, wallet: string): string {
  return `bank:${bank}:${wallet}`;
}

export function sessionSubject(session: string): string {
  return `session:${session}`;
}

export function vnodeOfWallet(wallet: string): number {
  return vnodeOfAccount(PLATFORM_TENANT, walletAccount(wallet));
}

type Of<A extends string> = Act & Readonly<{ programme: "wallet"; act: A }>;
type OfWallet<A extends string> = Of<A> & Readonly<{ wallet: string }>;
/** `session` is the SHA-256 of a token, in hex. */
type OfSession<A extends string> = Of<A> & Readonly<{ vnode: number; session: string }>;
type OfRequest<A extends string> = OfWallet<A> & Readonly<{ vnode: number; request: string }>;

/** `password` is its slow hash, with salt and parameters. */
export type SignUp = Of<"sign_up"> &
  Readonly<{ email: string; name: string; password: string; session: string; asset: string }>;
/** `credential`: which password was shown, by its number. */
export type OpenSession = Of<"open_session"> &
  Readonly<{ email: string; credential: number; session: string }>;
export type TouchSession = OfSession<"touch_session">;
/** The session lives on for `graceMs`, so that a client that missed the answer can ask again; older records have none. */
export type RefreshSession = OfSession<"refresh_session"> & Readonly<{ next: string; graceMs?: number }>;
export type EndSession = OfSession<"end_session">;
export type ChangePassword = OfWallet<"change_password"> & Readonly<{ credential: number; password: string }>;
/** With a transfer from the bank's account. */
export type Deposit = OfWallet<"deposit"> & Readonly<{ bank: string; ref: string | null }>;
/** With a transfer to another wallet. */
export type Send = OfWallet<"send">;
/** With a pending transfer to `@holds`. */
export type Hold = OfWallet<"hold"> & Readonly<{ amount: number; memo: string | null; timeoutMs: number }>;
/** With a post of it. */
export type Capture = OfWallet<"capture"> & Readonly<{ hold: string; final: boolean }>;
/** With its end. */
export type VoidHold = OfWallet<"void_hold"> & Readonly<{ hold: string }>;
/** Decided where the payer is. */
export type RequestPayment = OfWallet<"request_payment"> &
  Readonly<{ vnode: number; payer: string; amount: number; memo: string | null; timeoutMs: number }>;
/** With a transfer to the requester. */
export type AcceptRequest = OfRequest<"accept_request">;
export type DeclineRequest = OfRequest<"decline_request">;
export type CancelRequest = OfRequest<"cancel_request">;
export type ExpireRequest = OfRequest<"expire_request">;
/** With a pending transfer to `@withdrawals`. */
export type Withdraw = OfWallet<"withdraw"> & Readonly<{ amount: number; details: string }>;
/** With a post of it to the bank's account. */
export type ConfirmWithdrawal = Of<"confirm_withdrawal"> & Readonly<{ withdrawal: string; bank: string }>;
/** With its end. */
export type FailWithdrawal = Of<"fail_withdrawal"> & Readonly<{ withdrawal: string; bank: string }>;

export type UserAct =
  | SignUp
  | OpenSession
  | TouchSession
  | RefreshSession
  | EndSession
  | ChangePassword
  | Deposit
  | Send;
export type OrderAct =
  | Hold
  | Capture
  | VoidHold
  | RequestPayment
  | AcceptRequest
  | DeclineRequest
  | CancelRequest
  | ExpireRequest
  | Withdraw
  | ConfirmWithdrawal
  | FailWithdrawal;
export type WalletAct = UserAct | OrderAct;

export const WALLET_GROWTH = {
  sign_up: "more",
  open_session: "more",
  touch_session: "key",
  refresh_session: "key",
  end_session: "never",
  change_password: "never",
  deposit: "key",
  send: "key",
  hold: "hold",
  capture: "never",
  void_hold: "never",
  request_payment: "more",
  accept_request: "key",
  decline_request: "never",
  cancel_request: "never",
  expire_request: "never",
  withdraw: "hold",
  confirm_withdrawal: "never",
  fail_withdrawal: "never",
} as const satisfies Record<WalletAct["act"], Growth>;

/** Of a sign-up, or a session that begins: whose it is. */
export type UserView = Readonly<{ userId: string; walletId: string; name: string; email: string }>;
/** Of a payment request: what it is called, and when it ends. */
export type RequestMade = Readonly<{ id: string; expiresAtMs: number }>;
/** A payment request that was decided is told as it is then; not in the oldest records. */
export type WalletEffect = UserView | RequestMade | RequestView | null;

/** What a password is compared with. */
export type CredentialView = Readonly<{ password: string; credential: number }>;
/** `unusedMs`: since it was touched. */
export type SessionView = UserView & Readonly<{ session: string; unusedMs: number; asset: string }>;

export type HoldView = Readonly<{
  kind: "hold";
  id: string;
  wallet: string;
  amount: number;
  captured: number;
  memo: string | null;
  status: "pending" | "captured" | "voided" | "expired";
  createdAtMs: number;
  expiresAtMs: number;
}>;
export type RequestView = Readonly<{
  kind: "request";
  id: string;
  /** Who pays. */
  wallet: string;
  requester: string;
  amount: number;
  memo: string | null;
  status: "pending" | "accepted" | "declined" | "cancelled" | "expired";
  /** That it was paid with. */
  transfer: string | null;
  createdAtMs: number;
  expiresAtMs: number;
}>;
export type WithdrawalView = Readonly<{
  kind: "withdrawal";
  id: string;
  wallet: string;
  amount: number;
  details: string;
  status: "pending" | "confirmed" | "failed";
  /** Who has said so. */
  bank: string | null;
  createdAtMs: number;
}>;
/** Something that begins pending and is over once. */
export type WalletOrder = HoldView | RequestView | WithdrawalView;

/** Lists of papers: of one wallet, or (withdrawals that all banks see) of all. */
export type OrderList = "holds" | "payer" | "requester" | "withdrawals" | "all_withdrawals";

export function askCredential(email: string): QuestionTo<CredentialView | null> {
  return { programme: "wallet", subject: emailSubject(email), ask: ["credential", email] };
}

export function askSession(session: string, vnode: number): QuestionTo<SessionView | null> {
  return { programme: "wallet", subject: sessionSubject(session), vnode, ask: ["session", session] };
}

/** One that began as a transfer, or has an id of ours; `null` for any other id. */
export function askPaper(id: string): QuestionTo<WalletOrder | null> | null {
  const vnode = vnodeOfPaper(id);
  if (vnode === undefined) return null;
  return { programme: "wallet", subject: "", vnode, ask: ["paper", id] };
}

export function vnodeOfPaper(id: string): number | undefined {
  return vnodeOfId("pr", id) ?? parseTransferId(id)?.vnode;
}

/** Of one wallet: on its shard. What it has asked for lies with those who are to pay, so then all shards are asked. */
export function askPapers(
  list: Exclude<OrderList, "all_withdrawals">,
  wallet: string,
  page: ListAsk,
): Question<ListPart<WalletOrder>> {
  const subject = list === "requester" ? null : walletAccount(wallet);
  return { programme: "wallet", subject, ask: ["papers", list, wallet, ...page] };
}

export function askWithdrawals(
  status: WithdrawalView["status"] | null,
  page: ListAsk,
): Question<ListPart<WalletOrder>> {
  return { programme: "wallet", subject: null, ask: ["withdrawals", status, ...page] };
}
