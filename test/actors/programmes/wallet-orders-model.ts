/**
 * A plain model of holds, payment requests and withdrawals. It shares no code with the programme.
 */
import type {
  HoldView,
  RequestView,
  WalletOrder,
  WithdrawalView,
} from "../../../src/actors/programmes/wallet/acts.ts";

type Open<P> = { -readonly [K in keyof P]: P[K] };
type KindOf<K extends WalletOrder["kind"]> = Open<Extract<WalletOrder, Readonly<{ kind: K }>>>;

export type Answer = Readonly<{ code: string; subject: string | null } | { effect?: unknown }>;

const refused = (code: string, subject: string | null) => ({ code, subject });
const OVER = {
  captured: "transfer_not_pending",
  voided: "transfer_not_pending",
  expired: "transfer_expired",
};

export class PapersModel {
  /** By wallet: the balance and the held amount. */
  readonly money = new Map<string, { posted: number; held: number }>();
  readonly orders: Open<WalletOrder>[] = [];

  find<K extends WalletOrder["kind"]>(kind: K, id: string): KindOf<K> | undefined {
    return this.orders.find((order) => order.kind === kind && order.id === id) as KindOf<K> | undefined;
  }

  /** Expires the pending orders whose expiry is not later than `nowMs`. */
  passTime(nowMs: number): void {
    for (const order of this.orders) {
      if (order.kind === "withdrawal" || order.status !== "pending" || order.expiresAtMs > nowMs) continue;
      order.status = "expired";
      if (order.kind === "hold") this.#moneyOf(order.wallet).held -= order.amount - order.captured;
    }
  }

  hold(order: HoldView): Answer {
    return this.#keep(order);
  }

  withdraw(order: WithdrawalView): Answer {
    return this.#keep(order);
  }

  send(from: string, to: string, amount: number): Answer {
    if (this.#available(from) < amount) return refused("insufficient_funds", `wallet:${from}`);
    this.#moneyOf(from).posted -= amount;
    this.#moneyOf(to).posted += amount;
    return {};
  }

  capture(id: string, by: string, to: string, amount: number | null, isFinal: boolean): Answer {
    const hold = this.find("hold", id);
    if (hold === undefined) return refused("transfer_not_found", id);
    if (hold.status !== "pending") return refused(OVER[hold.status], id);
    const left = hold.amount - hold.captured;
    const part = amount ?? left;
    if (part > left) return refused("amount_exceeds_pending", id);
    if (hold.wallet !== by) return refused("hold_not_found", id);
    if (to === by) return refused("same_account", `wallet:${to}`);
    const paying = this.#moneyOf(by);
    paying.posted -= part;
    paying.held -= isFinal ? left : part;
    this.#moneyOf(to).posted += part;
    hold.captured += part;
    if (isFinal || part === left) hold.status = "captured";
    return {};
  }

  void(id: string, by: string): Answer {
    const hold = this.find("hold", id);
    if (hold === undefined) return refused("transfer_not_found", id);
    if (hold.status !== "pending") return refused(OVER[hold.status], id);
    if (hold.wallet !== by) return refused("hold_not_found", id);
    this.#moneyOf(by).held -= hold.amount - hold.captured;
    hold.status = "voided";
    return {};
  }

  end(id: string, bank: string, status: "confirmed" | "failed"): Answer {
    const withdrawal = this.find("withdrawal", id);
    if (withdrawal === undefined) return refused("transfer_not_found", id);
    if (withdrawal.status !== "pending") return refused("transfer_not_pending", id);
    const money = this.#moneyOf(withdrawal.wallet);
    money.held -= withdrawal.amount;
    if (status === "confirmed") money.posted -= withdrawal.amount;
    Object.assign(withdrawal, { status, bank });
    return {};
  }

  request(order: RequestView): Answer {
    const { wallet: payer, requester, id, expiresAtMs } = order;
    if (payer === requester) return refused("same_account", payer);
    if (!this.money.has(payer)) return refused("wallet_not_found", payer);
    this.orders.push({ ...order });
    return { effect: { id, expiresAtMs } };
  }

  /** @param transfer the transfer that pays the request. */
  decide(
    id: string,
    by: string,
    status: "accepted" | "declined" | "cancelled",
    transfer: string | null,
  ): Answer {
    const request = this.find("request", id);
    const role = status === "cancelled" ? request?.requester : request?.wallet;
    if (request === undefined || role !== by) return refused("payment_request_not_found", id);
    if (request.status !== "pending") return refused("already_decided", id);
    if (status === "accepted") {
      const paid = this.send(by, request.requester, request.amount);
      if ("code" in paid) return paid;
    }
    const effect = { ...request, status };
    Object.assign(request, { status, transfer });
    return { effect };
  }

  #keep(order: HoldView | WithdrawalView): Answer {
    if (this.#available(order.wallet) < order.amount)
      return refused("insufficient_funds", `wallet:${order.wallet}`);
    this.#moneyOf(order.wallet).held += order.amount;
    this.orders.push({ ...order });
    return {};
  }

  #available(wallet: string): number {
    const { posted, held } = this.#moneyOf(wallet);
    return posted - held;
  }

  #moneyOf(wallet: string): { posted: number; held: number } {
    const money = this.money.get(wallet);
    if (money === undefined) throw new Error(`no wallet ${wallet}`);
    return money;
  }
}
