/**
 * Acts, effects and queries of the wallet programme. Amounts are in minor units of the wallet's asset; times are
 * milliseconds since 1970 UTC. An *order* is a hold, a payment request or a withdrawal.
 */
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { parseTransferId } from "../../ledger/transfer-id.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import { type ActIn, actsOf, type MemoryGrowth, type MovedAccounts, questionsOf } from "../programme.ts";
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

/** `session`: SHA-256 of the session token, in hex. */
type OfSession = { vnode: number; session: string };
type OfWallet = { wallet: string };
type OfRequest = { vnode: number; wallet: string; request: string };
/** The payment request after the decision; `null` in the oldest records. */
type Decided = RequestView | null;

/** Acts of users and their sessions. */
export type UserActs = {
  /** `password`: the slow hash of the password, with its salt and parameters. */
  sign_up: {
    fields: { email: string; name: string; password: string; session: string; asset: string };
    effect: UserView;
  };
  /** `credential`: number of the password that was verified. */
  open_session: { fields: { email: string; credential: number; session: string }; effect: UserView };
  touch_session: { fields: OfSession; effect: UserView };
  /**
   * The old session stays valid for `graceMs`, so that a client that lost the answer can retry. Missing in older
   * records.
   */
  refresh_session: { fields: OfSession & { next: string; graceMs?: number }; effect: UserView };
  end_session: { fields: OfSession; effect: UserView };
  change_password: { fields: OfWallet & { credential: number; password: string }; effect: UserView };
  /** With a transfer from the bank's account. `ref`: the bank's unique reference. */
  deposit: { fields: OfWallet & { bank: string; ref: string | null }; effect: null };
  /** With a transfer to another wallet. */
  send: { fields: OfWallet; effect: null };
};
/** Acts of holds, payment requests and withdrawals. */
export type OrderActs = {
  /** With a pending transfer to `@holds`. */
  hold: { fields: OfWallet & { amount: number; memo: string | null; timeoutMs: number }; effect: null };
  /** With a capture of that pending transfer. */
  capture: { fields: OfWallet & { hold: string; final: boolean }; effect: null };
  /** With a void of that pending transfer. */
  void_hold: { fields: OfWallet & { hold: string }; effect: null };
  /** Decided on the payer's shard. `wallet`: the requester. */
  request_payment: {
    fields: {
      vnode: number;
      wallet: string;
      payer: string;
      amount: number;
      memo: string | null;
      timeoutMs: number;
    };
    effect: { id: string; expiresAtMs: number };
  };
  /** With a transfer from the payer to the requester. */
  accept_request: { fields: OfRequest; effect: Decided };
  decline_request: { fields: OfRequest; effect: Decided };
  cancel_request: { fields: OfRequest; effect: Decided };
  expire_request: { fields: OfRequest; effect: Decided };
  /** With a pending transfer to `@withdrawals`. */
  withdraw: { fields: OfWallet & { amount: number; details: string }; effect: null };
  /** With a capture of the pending transfer to the bank's account. */
  confirm_withdrawal: { fields: { withdrawal: string; bank: string }; effect: null };
  /** With a void of the pending transfer. */
  fail_withdrawal: { fields: { withdrawal: string; bank: string }; effect: null };
};
export type WalletActs = UserActs & OrderActs;
export type WalletAct<K extends keyof WalletActs = keyof WalletActs> = ActIn<WalletActs, K>;
export type WalletEffect<K extends keyof WalletActs = keyof WalletActs> = WalletActs[K]["effect"];

export const walletAct = actsOf<WalletActs>("wallet");

export function isWalletAct(act: Act | null | undefined): act is WalletAct {
  return act?.programme === "wallet";
}

/**
 * The payer of a transfer to another wallet chooses the recipient; the recipient of an accepted payment request is in
 * the state. A hold and a withdrawal reserve the money on a system account; a capture or a bank takes it from there.
 */
export function movedAccountsOfWallet(act: WalletAct): MovedAccounts | undefined {
  switch (act.act) {
    case "deposit":
      return { debit: bankAccount(act.bank), credit: walletAccount(act.wallet) };
    case "send":
    case "accept_request":
      return { debit: walletAccount(act.wallet), credit: null };
    case "hold":
      return { debit: walletAccount(act.wallet), credit: HOLDS };
    case "withdraw":
      return { debit: walletAccount(act.wallet), credit: WITHDRAWALS };
    case "confirm_withdrawal":
      return { debit: null, credit: bankAccount(act.bank) };
    default:
      return undefined;
  }
}

/** The accounts of both wallets of a payment request. The oldest records of decisions name only one of them. */
export function accountsOfRequest(act: Act, effect: JsonValue): readonly string[] {
  if (!isWalletAct(act)) return [];
  if (act.act === "request_payment") return [act.payer, act.wallet].map(walletAccount);
  if (!("request" in act)) return [];
  // The log holds each act with the effect that its decision returned.
  const decided = effect as Decided;
  return decided === null
    ? [walletAccount(act.wallet)]
    : [decided.wallet, decided.requester].map(walletAccount);
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
} as const satisfies Record<keyof WalletActs, MemoryGrowth>;

export type UserView = Readonly<{ userId: string; walletId: string; name: string; email: string }>;

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

export type WalletQuestions = {
  credential: { args: readonly [email: string]; answer: CredentialView | null };
  session: { args: readonly [session: string]; answer: SessionView | null };
  order: { args: readonly [id: string]; answer: WalletOrder | null };
  holds: { args: readonly [wallet: string, ...ListRequest]; answer: ListPage<HoldView> };
  requests: {
    args: readonly [role: RequestRole, wallet: string, ...ListRequest];
    answer: ListPage<RequestView>;
  };
  withdrawals: { args: readonly [wallet: string, ...ListRequest]; answer: ListPage<WithdrawalView> };
  /** Of all wallets, which every bank sees. `status`: `null` for any. */
  all_withdrawals: {
    args: readonly [status: WithdrawalView["status"] | null, ...ListRequest];
    answer: ListPage<WithdrawalView>;
  };
};

/** What a wallet is in its payment requests. */
export type RequestRole = "payer" | "requester";

const question = questionsOf<WalletQuestions>("wallet");

export function askCredential(email: string) {
  return question("credential", emailSubject(email), [email]);
}

export function askSession(session: string, vnode: number) {
  return question("session", sessionSubject(session), [session], { vnode });
}

/** The query for one order; `null` if no order can have this id. */
export function askOrder(id: string) {
  const vnode = vnodeOfOrder(id);
  return vnode === undefined ? null : question("order", "", [id], { vnode });
}

/**
 * The vnode in the id of a payment request (`pr_…`) or of a transfer; holds and withdrawals use their transfer's id.
 */
export function vnodeOfOrder(id: string): number | undefined {
  return vnodeOfId("pr", id) ?? parseTransferId(id)?.vnode;
}

export function askHolds(wallet: string) {
  return (page: ListRequest) => question("holds", walletAccount(wallet), [wallet, ...page]);
}

/** Requests that a wallet made are stored with their payers, so they need all shards. */
export function askPaymentRequests(role: RequestRole, wallet: string) {
  const subject = role === "requester" ? null : walletAccount(wallet);
  return (page: ListRequest) => question("requests", subject, [role, wallet, ...page]);
}

export function askWithdrawals(wallet: string) {
  return (page: ListRequest) => question("withdrawals", walletAccount(wallet), [wallet, ...page]);
}

export function askAllWithdrawals(status: WithdrawalView["status"] | null) {
  return (page: ListRequest) => question("all_withdrawals", null, [status, ...page]);
}
