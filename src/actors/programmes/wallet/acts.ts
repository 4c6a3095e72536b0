/**
 * Acts and effects of the wallet programme. Amounts are in minor units of the wallet's asset; times are
 * milliseconds since 1970 UTC. An *order* is a hold, a payment request or a withdrawal.
 */
import { vnodeOfAccount } from "../../ledger/routing.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import type { AccountStatus, Limit } from "../../records/command.ts";
import {
  type ActIn,
  actsOf,
  type MemoryGrowth,
  type MovedAccounts,
  type NoFields,
  type RevertTerms,
  type TransferWithAct,
} from "../programme.ts";

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

/** Owner of the platform tenant's idempotency keys for one wallet, separate from those of its user. */
export function supportSubject(wallet: string): string {
  return `support:${wallet}`;
}

export function resetSubject(token: string): string {
  return `reset:${token}`;
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
type OfSupport = { vnode: number; wallet: string };
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
/** Acts of the platform tenant about a user, and the reset of a password with a token that it has issued. */
export type SupportActs = {
  freeze_wallet: { fields: OfSupport; effect: SupportedUser };
  unfreeze_wallet: { fields: OfSupport; effect: SupportedUser };
  /** Replaces the limits of the wallet's account. */
  limit_wallet: { fields: OfSupport & { limits: readonly Limit[] }; effect: SupportedUser };
  /**
   * `openElsewhere`: number of pending payment requests and holds in which the wallet is to be paid, and which are kept
   * with the payers. `ended`: the payment requests that it was to pay, after they were declined.
   */
  close_wallet: {
    fields: OfSupport & { openElsewhere: number };
    effect: SupportedUser & { ended: readonly RequestView[] };
  };
  /** `token`: SHA-256 of the token, in hex. */
  issue_reset: { fields: OfSupport & { token: string }; effect: SupportedUser & { expiresAtMs: number } };
  /** `token`: as in `issue_reset`; `password`: as in `sign_up`. */
  reset_password: { fields: { vnode: number; token: string; password: string }; effect: UserView };
};
/** The time of the record; `null` in those of older versions. */
type WithdrawalDecided = Readonly<{ decidedAtMs: number }> | null;

/**
 * Acts of holds, payment requests and withdrawals, and reverts of transfers. In the acts about a hold, `wallet` is the
 * wallet that acts: the payer, or the payee that the hold names.
 */
export type OrderActs = {
  /** With a pending transfer to `@holds`, or to the wallet `to`, which alone captures it. */
  hold: {
    fields: OfWallet & { amount: number; memo: string | null; timeoutMs: number; to?: string };
    effect: null;
  };
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
  confirm_withdrawal: { fields: { withdrawal: string; bank: string }; effect: WithdrawalDecided };
  /** With a void of the pending transfer. */
  fail_withdrawal: {
    fields: { withdrawal: string; bank: string; reason?: string };
    effect: WithdrawalDecided;
  };
  /** With a revert of a deposit, or of a transfer between wallets. */
  take_back: { fields: RevertTerms; effect: null };
  /** Removes orders from memory that have been over for 30 days. Issued by each shard itself. */
  forget: { fields: NoFields; effect: { forgotten: readonly WalletOrder[] } };
};
export type WalletActs = UserActs & SupportActs & OrderActs;
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
      return {
        debit: walletAccount(act.wallet),
        credit: act.to === undefined ? HOLDS : walletAccount(act.to),
      };
    case "withdraw":
      return { debit: walletAccount(act.wallet), credit: WITHDRAWALS };
    case "confirm_withdrawal":
      return { debit: null, credit: bankAccount(act.bank) };
    default:
      return undefined;
  }
}

/**
 * Whether a transfer with this act can be reverted. A hold that names no wallet may have been captured for several
 * wallets, and the transfer names only the last of them.
 */
export function isRevertible(
  act: Act | null,
): act is WalletAct<"deposit" | "send" | "accept_request" | "hold"> {
  if (!isWalletAct(act)) return false;
  if (act.act === "hold") return act.to !== undefined;
  return act.act === "deposit" || act.act === "send" || act.act === "accept_request";
}

/** The act that must come with the revert of a transfer. It says why, so there is none without terms. */
export function takeBackWallet(
  original: WalletAct,
  _: TransferWithAct<WalletEffect>,
  terms?: RevertTerms,
): WalletAct<"take_back"> | undefined {
  if (terms === undefined || !isRevertible(original)) return undefined;
  const { kind, reason, by, amount } = terms;
  return walletAct("take_back", original.subject, { kind, reason, by, amount });
}

/** Lists of orders: of one wallet, or of all (`all_withdrawals`). */
export type OrderList = "holds" | "payee_holds" | "payer" | "requester" | "withdrawals" | "all_withdrawals";

/** The lists that show the order, each with its wallet; the first one is that of the wallet that pays. */
export function listsOf(order: WalletOrder): readonly (readonly [OrderList, wallet: string])[] {
  const { kind, wallet } = order;
  if (kind === "request")
    return [
      ["payer", wallet],
      ["requester", order.requester],
    ];
  if (kind === "withdrawal")
    return [
      ["withdrawals", wallet],
      ["all_withdrawals", ""],
    ];
  return order.to === undefined
    ? [["holds", wallet]]
    : [
        ["holds", wallet],
        ["payee_holds", order.to],
      ];
}

/** The subject of all orders together. */
export const ORDERS_SUBJECT = "orders";

/** A subject that only the archive has: it finds the records that forget orders by the lists that showed them. */
export function forgottenOrders(list: OrderList, wallet: string): string {
  return `forgotten-${list}:${wallet}`;
}

function subjectsOfForgotten(forgotten: readonly WalletOrder[]): readonly string[] {
  const lists = forgotten.flatMap((order) => listsOf(order).map((list) => forgottenOrders(...list)));
  return [...forgotten.map(({ id }) => id), ...new Set(lists)];
}

/** The accounts of both wallets of payment requests, and the orders that an act forgets. The oldest records of decisions name only one of them. */
export function subjectsOfWallet(act: Act, effect: JsonValue): readonly string[] {
  if (!isWalletAct(act)) return [];
  // The shard that decided the act has logged an effect of this type.
  if (act.act === "forget") return subjectsOfForgotten((effect as WalletEffect<"forget">).forgotten);
  if (act.act === "request_payment") return [act.payer, act.wallet].map(walletAccount);
  if (act.act === "close_wallet") {
    const { ended } = effect as WalletEffect<"close_wallet">;
    return [act.wallet, ...ended.map(({ requester }) => requester)].map(walletAccount);
  }
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
  freeze_wallet: "never",
  unfreeze_wallet: "key",
  limit_wallet: "key",
  close_wallet: "never",
  issue_reset: "key",
  reset_password: "never",
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
  take_back: "key",
  forget: "never",
} as const satisfies Record<keyof WalletActs, MemoryGrowth>;

export type UserView = Readonly<{ userId: string; walletId: string; name: string; email: string }>;

export type SupportedUser = UserView & Readonly<{ createdAtMs: number }>;

/** A user with the state of the wallet's account. */
export type UserProfile = SupportedUser &
  Readonly<{
    asset: string;
    status: AccountStatus;
    posted: number;
    held: number;
    limits: readonly Limit[];
  }>;

/** The stored hash that a password is compared with. */
export type CredentialView = Readonly<{ password: string; credential: number }>;
/** `unusedMs`: time since the session was last touched. */
export type SessionView = UserView & Readonly<{ session: string; unusedMs: number; asset: string }>;

export type HoldView = Readonly<{
  kind: "hold";
  id: string;
  /** The payer. */
  wallet: string;
  amount: number;
  captured: number;
  memo: string | null;
  status: "pending" | "captured" | "voided" | "expired";
  createdAtMs: number;
  expiresAtMs: number;
  /** The payee, if the hold names one: the wallet that alone captures it. */
  to?: string;
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
  /** Why it failed, if the bank has said so. */
  reason?: string;
  /** Missing while it is pending, and if an older version has logged the decision. */
  decidedAtMs?: number;
}>;
/** Starts as `pending` and reaches a final status once. */
export type WalletOrder = HoldView | RequestView | WithdrawalView;
