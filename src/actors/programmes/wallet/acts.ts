/**
 * Acts, effects and queries of the wallet programme. Amounts are in minor units of the wallet's asset; times are
 * milliseconds since 1970 UTC. An *order* is a hold, a payment request or a withdrawal.
 */
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { parseTransferId } from "../../ledger/transfer-id.ts";
import type { Act } from "../../records/act.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import type { MemoryGrowth, MovedAccounts, Question, QuestionTo } from "../programme.ts";
import { vnodeOfId } from "./ids.ts";

/** The partner id of the platform tenant, which all wallet users belong to. */
export const PLATFORM_TENANT = "house";

/** Credit account of the pending transfer of a hold; a capture moves the money to its real recipient. */
export const HOLDS = "@holds";
/** Credit account of the pending transfer of a withdrawal; the bank that confirms it gets the money. */
export const WITHDRAWALS = "@withdrawals";

/** Age at which a session expires, however much it is used. */
export const SESSION_MS_MAX = 30 * 24 * 60 * 60 * 1000;

export function walletAccount(wallet: string): string {
  return `wallet:${wallet}`;
}

/**
 * The subject that selects a user's home shard, so that one shard can keep e-mails unique. Encoded because an e-mail
 * may contain a slash, which would end the owner key.
 */
export function emailSubject(email: string): string {
  return `email:${encodeURIComponent(email)}`;
}

/** The account of a bank. All API keys with the same name belong to the same bank. */
export function bankAccount(bank: string): string {
  return `@bank:${bank}`;
}

/** Subject of a bank's deposit references. */
export function bankSubject(bank: string): string {
  return `bank:${bank}`;
}

/** Owner of a bank's idempotency keys for one wallet, separate from those of the user and of other banks. */
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
/** `session`: SHA-256 of the session token, in hex. */
type OfSession<A extends string> = Of<A> & Readonly<{ vnode: number; session: string }>;
type OfRequest<A extends string> = OfWallet<A> & Readonly<{ vnode: number; request: string }>;

/** `password`: the slow hash of the password, with its salt and parameters. */
export type SignUp = Of<"sign_up"> &
  Readonly<{ email: string; name: string; password: string; session: string; asset: string }>;
/** `credential`: number of the password that was verified. */
export type OpenSession = Of<"open_session"> &
  Readonly<{ email: string; credential: number; session: string }>;
export type TouchSession = OfSession<"touch_session">;
/**
 * The old session stays valid for `graceMs`, so that a client that lost the answer can retry. Missing in older
 * records.
 */
export type RefreshSession = OfSession<"refresh_session"> & Readonly<{ next: string; graceMs?: number }>;
export type EndSession = OfSession<"end_session">;
export type ChangePassword = OfWallet<"change_password"> & Readonly<{ credential: number; password: string }>;
/** With a transfer from the bank's account. `ref`: the bank's unique reference. */
export type Deposit = OfWallet<"deposit"> & Readonly<{ bank: string; ref: string | null }>;
/** With a transfer to another wallet. */
export type Send = OfWallet<"send">;
/** With a pending transfer to `@holds`. */
export type Hold = OfWallet<"hold"> & Readonly<{ amount: number; memo: string | null; timeoutMs: number }>;
/** With a capture of that pending transfer. */
export type Capture = OfWallet<"capture"> & Readonly<{ hold: string; final: boolean }>;
/** With a void of that pending transfer. */
export type VoidHold = OfWallet<"void_hold"> & Readonly<{ hold: string }>;
/** Decided on the payer's shard. `wallet`: the requester. */
export type RequestPayment = OfWallet<"request_payment"> &
  Readonly<{ vnode: number; payer: string; amount: number; memo: string | null; timeoutMs: number }>;
/** With a transfer from the payer to the requester. */
export type AcceptRequest = OfRequest<"accept_request">;
export type DeclineRequest = OfRequest<"decline_request">;
export type CancelRequest = OfRequest<"cancel_request">;
export type ExpireRequest = OfRequest<"expire_request">;
/** With a pending transfer to `@withdrawals`. */
export type Withdraw = OfWallet<"withdraw"> & Readonly<{ amount: number; details: string }>;
/** With a capture of the pending transfer to the bank's account. */
export type ConfirmWithdrawal = Of<"confirm_withdrawal"> & Readonly<{ withdrawal: string; bank: string }>;
/** With a void of the pending transfer. */
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

/**
 * The payer of a transfer to another wallet chooses the recipient; the recipient of an accepted payment request is in
 * the state. A hold and a withdrawal reserve the money on a system account; a capture or a bank takes it from there.
 */
export function movedAccountsOfWallet(act: Act): MovedAccounts | undefined {
  const command = act as WalletAct;
  switch (command.act) {
    case "deposit":
      return { debit: bankAccount(command.bank), credit: walletAccount(command.wallet) };
    case "send":
    case "accept_request":
      return { debit: walletAccount(command.wallet), credit: null };
    case "hold":
      return { debit: walletAccount(command.wallet), credit: HOLDS };
    case "withdraw":
      return { debit: walletAccount(command.wallet), credit: WITHDRAWALS };
    case "confirm_withdrawal":
      return { debit: null, credit: bankAccount(command.bank) };
    default:
      return undefined;
  }
}

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
} as const satisfies Record<WalletAct["act"], MemoryGrowth>;

export type UserView = Readonly<{ userId: string; walletId: string; name: string; email: string }>;
export type RequestMade = Readonly<{ id: string; expiresAtMs: number }>;
/** `RequestView`: the payment request after a decision about it; missing in the oldest records. */
export type WalletEffect = UserView | RequestMade | RequestView | null;

/** The stored hash that a password is compared with. */
export type CredentialView = Readonly<{ password: string; credential: number }>;
/** `unusedMs`: time since the session was last touched. */
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
  /** The payer. */
  wallet: string;
  requester: string;
  amount: number;
  memo: string | null;
  status: "pending" | "accepted" | "declined" | "cancelled" | "expired";
  /** Id of the transfer that paid it. */
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
  /** The bank that confirmed or failed it. */
  bank: string | null;
  createdAtMs: number;
}>;
/** Starts as `pending` and reaches a final status once. */
export type WalletOrder = HoldView | RequestView | WithdrawalView;

/** Lists of orders: of one wallet, or of all (`all_withdrawals`, which every bank sees). */
export type OrderList = "holds" | "payer" | "requester" | "withdrawals" | "all_withdrawals";

export function askCredential(email: string): QuestionTo<CredentialView | null> {
  return { programme: "wallet", subject: emailSubject(email), ask: ["credential", email] };
}

export function askSession(session: string, vnode: number): QuestionTo<SessionView | null> {
  return { programme: "wallet", subject: sessionSubject(session), vnode, ask: ["session", session] };
}

/** The query for one order; `null` if no order can have this id. */
export function askOrder(id: string): QuestionTo<WalletOrder | null> | null {
  const vnode = vnodeOfOrder(id);
  if (vnode === undefined) return null;
  return { programme: "wallet", subject: "", vnode, ask: ["paper", id] };
}

/**
 * The vnode in the id of a payment request (`pr_…`) or of a transfer; holds and withdrawals use their transfer's id.
 */
export function vnodeOfOrder(id: string): number | undefined {
  return vnodeOfId("pr", id) ?? parseTransferId(id)?.vnode;
}

/** One wallet's orders, from its shard. Requests that it made are stored with their payers, so they need all shards. */
export function askOrders(
  list: Exclude<OrderList, "all_withdrawals">,
  wallet: string,
  page: ListRequest,
): Question<ListPage<WalletOrder>> {
  const subject = list === "requester" ? null : walletAccount(wallet);
  return { programme: "wallet", subject, ask: ["papers", list, wallet, ...page] };
}

export function askWithdrawals(
  status: WithdrawalView["status"] | null,
  page: ListRequest,
): Question<ListPage<WalletOrder>> {
  return { programme: "wallet", subject: null, ask: ["withdrawals", status, ...page] };
}
