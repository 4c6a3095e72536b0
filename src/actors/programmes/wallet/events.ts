/** Events of wallets. The subject is the wallet; of a payment request it is the payer's. */
import type { TransferView } from "../../records/compound-command.ts";
import {
  type AccountEvents,
  type CreditReceived,
  type EventType,
  event,
  type LedgerEvent,
} from "../../records/event.ts";
import type { Change } from "../../records/record-views.ts";
import type { EventContext, EventsByAct } from "../programme.ts";
import { isWalletAct, PLATFORM_TENANT, type RequestView, type WalletActs, walletAccount } from "./acts.ts";

const PREFIX = walletAccount("");

/** The types of event that a wallet's user sees. */
export const USER_EVENT_TYPES: readonly EventType[] = [
  "transfer.received",
  "payment_request.created",
  "payment_request.decided",
  "wallet.deposited",
  "wallet.sent",
  "wallet.received",
  "withdrawal.created",
  "withdrawal.decided",
];

export function eventsOfWallet(wallet: string): AccountEvents {
  const account = walletAccount(wallet);
  return { account, programme: "wallet", subjects: [wallet, account] };
}

export const WALLET_EVENTS: EventsByAct<WalletActs> = {
  deposit: (_, context) => movements("wallet.deposited", context),
  send: (_, context) => movements("wallet.sent", context),
  capture: (_, context) => movements("wallet.sent", context),
  accept_request: (_, context) => [...movements("wallet.sent", context), ...decidedRequest(context.effect)],
  decline_request: (_, { effect }) => decidedRequest(effect),
  cancel_request: (_, { effect }) => decidedRequest(effect),
  expire_request: (_, { effect }) => decidedRequest(effect),
  close_wallet: (_, { effect }) => effect.ended.flatMap(decidedRequest),
  request_payment: ({ payer, wallet: requester, amount, memo }, { effect: { id } }) => {
    const data = { id, payer, requester, amount, memo, status: "pending" } as const;
    return [event("payment_request.created", payer, data)];
  },
  withdraw: ({ wallet, amount }, { transfer }) => {
    if (transfer === null) return [];
    const data = { id: transfer.id, wallet, amount, status: "pending", bank: null, reason: null } as const;
    return [event("withdrawal.created", wallet, data)];
  },
  confirm_withdrawal: (act, { transfer }) => decidedWithdrawal(act, "confirmed", transfer),
  fail_withdrawal: (act, { transfer }) => decidedWithdrawal(act, "failed", transfer),
};

/** The event of a wallet that a revert debits. `counterparty` gets the money back. */
export function revertedInWallets(revert: TransferView, changes: readonly Change[]): readonly LedgerEvent[] {
  return changes.flatMap(({ account, amount, posted, posting }) => {
    if (amount >= 0 || !account.startsWith(PREFIX)) return [];
    const wallet = account.slice(PREFIX.length);
    const counterparty = revert.postings[posting]?.credit ?? "";
    const moved = { transfer: revert.id, wallet, amount: -amount, balance: posted, counterparty };
    return [event("wallet.sent", wallet, { ...moved, ...takenBack(revert) })];
  });
}

/** What a return or a correction says in the events of both sides. */
function takenBack(revert: TransferView | undefined): Readonly<{ reverts?: string; reason?: string }> {
  if (revert === undefined || revert.reverts === null) return {};
  const { act, reverts } = revert;
  return isWalletAct(act) && act.act === "take_back" ? { reverts, reason: act.reason } : {};
}

/**
 * The event of a wallet that was credited by another wallet; a deposit has its own event.
 *
 * @param revert the transfer, if it is a revert.
 */
export function receivedByWallet(
  partner: string,
  received: CreditReceived,
  revert?: TransferView,
): LedgerEvent | undefined {
  const { account, transfer, amount, balance, counterparty } = received;
  if (partner !== PLATFORM_TENANT || !account.startsWith(PREFIX)) return undefined;
  const wallet = account.slice(PREFIX.length);
  const moved = { transfer, wallet, amount, balance, counterparty };
  return event("wallet.received", wallet, { ...moved, ...takenBack(revert) });
}

/** The debit of a wallet, or of a deposit its credit. */
function movements(
  type: "wallet.deposited" | "wallet.sent",
  { transfer, changes }: EventContext,
): readonly LedgerEvent[] {
  const sign = type === "wallet.sent" ? -1 : 1;
  const change = changes.find(({ account, amount }) => account.startsWith(PREFIX) && amount * sign > 0);
  if (transfer === null || change === undefined) return [];
  const wallet = change.account.slice(PREFIX.length);
  const { debit = "", credit = "" } = transfer.postings[change.posting] ?? {};
  const data = {
    transfer: transfer.id,
    wallet,
    amount: change.amount * sign,
    balance: change.posted,
    counterparty: sign < 0 ? credit : debit,
  };
  return [event(type, wallet, data)];
}

/** Older records of decisions and expiries do not hold the request. */
function decidedRequest(request: RequestView | null): readonly LedgerEvent[] {
  if (request === null) return [];
  const { id, wallet: payer, requester, amount, memo, status } = request;
  return [event("payment_request.decided", payer, { id, payer, requester, amount, memo, status })];
}

function decidedWithdrawal(
  { withdrawal: id, bank, reason }: Readonly<{ withdrawal: string; bank: string; reason?: string }>,
  status: "confirmed" | "failed",
  transfer: EventContext["transfer"],
): readonly LedgerEvent[] {
  const [posting] = transfer?.postings ?? [];
  if (posting === undefined) return [];
  const wallet = posting.debit.slice(PREFIX.length);
  const { amount } = posting;
  return [event("withdrawal.decided", wallet, { id, wallet, amount, status, bank, reason: reason ?? null })];
}
