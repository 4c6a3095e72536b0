/** Events of wallets. The subject is the wallet; of a payment request it is the payer's. */
import type { Act } from "../../records/act.ts";
import type { ExpiredTransfer, TransferView } from "../../records/compound-command.ts";
import { type CreditReceived, event, type LedgerEvent } from "../../records/event.ts";
import type { Change } from "../../records/record-views.ts";
import type { EventContext } from "../programme.ts";
import {
  PLATFORM_TENANT,
  type RequestMade,
  type RequestView,
  type WalletAct,
  type WalletEffect,
  walletAccount,
} from "./acts.ts";

const PREFIX = walletAccount("");

export function eventsOfWallet(act: Act, context: EventContext): readonly LedgerEvent[] {
  const walletAct = act as WalletAct;
  const { effect, transfer, changes } = context;
  switch (walletAct.act) {
    case "deposit":
      return movements("wallet.deposited", transfer, changes);
    case "send":
    case "capture":
      return movements("wallet.sent", transfer, changes);
    case "accept_request":
      return [...movements("wallet.sent", transfer, changes), ...decidedRequest(effect as WalletEffect)];
    case "decline_request":
    case "cancel_request":
    case "expire_request":
      return decidedRequest(effect as WalletEffect);
    case "request_payment": {
      const { payer, wallet: requester, amount, memo } = walletAct;
      const { id } = effect as RequestMade;
      const data = { id, payer, requester, amount, memo, status: "pending" } as const;
      return [event("payment_request.created", payer, data)];
    }
    case "withdraw": {
      const { wallet, amount } = walletAct;
      if (transfer === null) return [];
      const data = { id: transfer.id, wallet, amount, status: "pending", bank: null } as const;
      return [event("withdrawal.created", wallet, data)];
    }
    case "confirm_withdrawal":
      return decidedWithdrawal(walletAct, "confirmed", transfer);
    case "fail_withdrawal":
      return decidedWithdrawal(walletAct, "failed", transfer);
    default:
      return [];
  }
}

/** The event of a wallet that was credited by another wallet; a deposit has its own event. */
export function receivedByWallet(partner: string, received: CreditReceived): LedgerEvent | undefined {
  const { account, transfer, amount, balance, counterparty } = received;
  if (partner !== PLATFORM_TENANT || !account.startsWith(PREFIX)) return undefined;
  const wallet = account.slice(PREFIX.length);
  return event("wallet.received", wallet, { transfer, wallet, amount, balance, counterparty });
}

/** The debit of a wallet, or of a deposit its credit. */
function movements(
  type: "wallet.deposited" | "wallet.sent",
  transfer: TransferView | ExpiredTransfer | null,
  changes: readonly Change[],
): readonly LedgerEvent[] {
  const sign = type === "wallet.sent" ? -1 : 1;
  const change = changes.find(({ account, amount }) => account.startsWith(PREFIX) && amount * sign > 0);
  if (transfer === null || change === undefined) return [];
  const wallet = change.account.slice(PREFIX.length);
  const { debit = "", credit = "" } = transfer.postings[change.posting] ?? {};
  const counterparty = sign < 0 ? credit : debit;
  const data = {
    transfer: transfer.id,
    wallet,
    amount: change.amount * sign,
    balance: change.posted,
    counterparty,
  };
  return [event(type, wallet, data)];
}

/** The oldest records of decisions do not hold the request. */
function decidedRequest(effect: WalletEffect): readonly LedgerEvent[] {
  if (effect === null || !("kind" in effect)) return [];
  const { id, wallet: payer, requester, amount, memo, status }: RequestView = effect;
  return [event("payment_request.decided", payer, { id, payer, requester, amount, memo, status })];
}

function decidedWithdrawal(
  { withdrawal: id, bank }: Readonly<{ withdrawal: string; bank: string }>,
  status: "confirmed" | "failed",
  transfer: TransferView | ExpiredTransfer | null,
): readonly LedgerEvent[] {
  const [posting] = transfer?.postings ?? [];
  if (posting === undefined) return [];
  const wallet = posting.debit.slice(PREFIX.length);
  return [event("withdrawal.decided", wallet, { id, wallet, amount: posting.amount, status, bank })];
}
