/** What gateways ask the wallet programme. */
import { parseTransferId } from "../../ledger/transfer-id.ts";
import type { ListPage, ListRequest } from "../paged-index.ts";
import { questionsOf } from "../programme.ts";
import {
  type CredentialView,
  emailSubject,
  type HoldView,
  type RequestView,
  resetSubject,
  type SessionView,
  sessionSubject,
  type UserProfile,
  type WalletOrder,
  type WithdrawalView,
  walletAccount,
} from "./acts.ts";
import { vnodeOfId } from "./ids.ts";

export type WalletQuestions = {
  credential: { args: readonly [email: string]; answer: CredentialView | null };
  session: { args: readonly [session: string]; answer: SessionView | null };
  /** The open wallet of an e-mail. */
  wallet_of: { args: readonly [email: string]; answer: string | null };
  profile: { args: readonly [user: string]; answer: UserProfile | null };
  profile_of: { args: readonly [email: string]; answer: UserProfile | null };
  /** Whether a token can reset a password now. */
  reset: { args: readonly [token: string]; answer: boolean };
  order: { args: readonly [id: string]; answer: WalletOrder | null };
  holds: { args: readonly [wallet: string, ...ListRequest]; answer: ListPage<HoldView> };
  payee_holds: { args: readonly [wallet: string, ...ListRequest]; answer: ListPage<HoldView> };
  /** Number of pending payment requests and holds on this shard in which the wallet is to be paid. */
  open_for: { args: readonly [wallet: string]; answer: number };
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

export function askWalletOf(email: string) {
  return question("wallet_of", emailSubject(email), [email]);
}

/** A user's id names no shard. */
export function askProfile(user: string) {
  return question("profile", null, [user]);
}

export function askProfileOf(email: string) {
  return question("profile_of", emailSubject(email), [email]);
}

export function askReset(token: string, vnode: number) {
  return question("reset", resetSubject(token), [token], { vnode });
}

export function askOpenFor(wallet: string) {
  return question("open_for", null, [wallet]);
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

/** Holds that name the wallet are stored with their payers, so they need all shards. */
export function askPayeeHolds(wallet: string) {
  return (page: ListRequest) => question("payee_holds", null, [wallet, ...page]);
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
