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
  readonly frozen = new Set<string>();
  readonly closed = new Set<string>();
  /** Transfers between wallets that can be taken back, by id. */
  readonly sent = new Map<string, { from: string; to: string; amount: number; isBack: boolean }>();
  /** All that were ever made, oldest first. */
  readonly orders: Open<WalletOrder>[] = [];
  /** Ids of those that have left memory. */
  readonly forgotten = new Set<string>();

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
    this.#forget(nowMs);
  }

  /** What has been over for 30 days leaves memory, from the next full minute on. */
  #forget(nowMs: number): void {
    const KEPT_MS = 30 * 24 * 60 * 60_000;
    const ended = this.orders.flatMap((order) => {
      const overMs = order.kind === "withdrawal" ? order.decidedAtMs : order.expiresAtMs;
      const dueMs = (overMs ?? Number.POSITIVE_INFINITY) + KEPT_MS;
      return dueMs <= nowMs && !this.forgotten.has(order.id) ? [{ id: order.id, dueMs }] : [];
    });
    const isDue = ended.some(({ dueMs }) => Math.ceil(dueMs / 60_000) * 60_000 <= nowMs);
    if (isDue) for (const { id } of ended) this.forgotten.add(id);
  }

  hold(order: HoldView): Answer {
    return this.#keep(order);
  }

  withdraw(order: WithdrawalView): Answer {
    return this.#keep(order);
  }

  send(from: string, to: string, amount: number): Answer {
    if (this.closed.has(from)) return refused("account_closed", `wallet:${from}`);
    if (this.closed.has(to)) return refused("account_closed", `wallet:${to}`);
    if (this.frozen.has(from)) return refused("account_frozen", `wallet:${from}`);
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
    const of = this.#mayEnd(hold, by);
    if (of !== undefined) return of;
    if (hold.to !== undefined && hold.to !== to) return refused("hold_of_payee", id);
    if (to === hold.wallet) return refused("same_account", `wallet:${to}`);
    if (this.closed.has(to)) return refused("account_closed", `wallet:${to}`);
    const paying = this.#moneyOf(hold.wallet);
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
    const of = this.#mayEnd(hold, by);
    if (of !== undefined) return of;
    this.#moneyOf(hold.wallet).held -= hold.amount - hold.captured;
    hold.status = "voided";
    return {};
  }

  /** Who named a payee cannot end the hold; nobody else but the two can either. */
  #mayEnd(hold: Readonly<HoldView>, by: string): Answer | undefined {
    if (hold.to === by || (hold.to === undefined && hold.wallet === by)) return undefined;
    return refused(hold.wallet === by ? "hold_of_payee" : "hold_not_found", hold.id);
  }

  freeze(wallet: string, isFrozen: boolean): Answer | undefined {
    if (!this.money.has(wallet)) return refused("wallet_user_not_found", wallet);
    if (this.closed.has(wallet)) return refused("account_closed", `wallet:${wallet}`);
    if (isFrozen) this.frozen.add(wallet);
    else this.frozen.delete(wallet);
    return undefined;
  }

  /** @returns the requests that it declines. */
  close(wallet: string): readonly RequestView[] | Answer {
    if (!this.money.has(wallet)) return refused("wallet_user_not_found", wallet);
    const { posted, held } = this.#moneyOf(wallet);
    const pays = (order: WalletOrder) =>
      (order.kind === "request" && order.requester === wallet) ||
      (order.kind === "hold" && order.to === wallet);
    const isOpen = this.orders.some((order) => order.status === "pending" && pays(order));
    if (isOpen || posted !== 0 || held !== 0) return refused("account_not_empty", `wallet:${wallet}`);
    this.closed.add(wallet);
    this.frozen.delete(wallet);
    const ended = this.orders.filter(
      (order): order is KindOf<"request"> =>
        order.kind === "request" && order.wallet === wallet && order.status === "pending",
    );
    for (const request of ended) request.status = "declined";
    return ended.map((request) => ({ ...request }));
  }

  /** Number of pending orders that pay a wallet. */
  openFor(wallet: string): number {
    return this.orders.filter(
      (order) =>
        order.status === "pending" &&
        ((order.kind === "request" && order.requester === wallet) ||
          (order.kind === "hold" && order.to === wallet)),
    ).length;
  }

  takeBack(id: string, amount: number | null): Answer {
    const transfer = this.sent.get(id);
    if (transfer === undefined) return refused("transfer_not_found", id);
    if (transfer.isBack) return refused("already_reverted", id);
    const part = amount ?? transfer.amount;
    if (part > transfer.amount) return refused("amount_exceeds_transfer", null);
    for (const side of [transfer.to, transfer.from])
      if (this.closed.has(side)) return refused("account_closed", `wallet:${side}`);
    if (this.#available(transfer.to) < part) return refused("insufficient_funds", `wallet:${transfer.to}`);
    this.#moneyOf(transfer.to).posted -= part;
    this.#moneyOf(transfer.from).posted += part;
    transfer.isBack = true;
    return {};
  }

  end(id: string, bank: string, status: "confirmed" | "failed", nowMs: number, reason?: string): Answer {
    const withdrawal = this.find("withdrawal", id);
    if (withdrawal === undefined) return refused("transfer_not_found", id);
    if (withdrawal.status !== "pending") return refused("transfer_not_pending", id);
    const money = this.#moneyOf(withdrawal.wallet);
    money.held -= withdrawal.amount;
    if (status === "confirmed") money.posted -= withdrawal.amount;
    Object.assign(withdrawal, { status, bank, ...(reason !== undefined && { reason }), decidedAtMs: nowMs });
    return { effect: { decidedAtMs: nowMs } };
  }

  request(order: RequestView): Answer {
    const { wallet: payer, requester, id, expiresAtMs } = order;
    if (payer === requester) return refused("same_account", payer);
    if (!this.money.has(payer) || this.closed.has(payer)) return refused("wallet_not_found", payer);
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
    if (request === undefined || this.forgotten.has(id) || role !== by)
      return refused("payment_request_not_found", id);
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
    const to = order.kind === "hold" ? order.to : undefined;
    if (to === order.wallet) return refused("same_account", `wallet:${to}`);
    if (this.closed.has(order.wallet)) return refused("account_closed", `wallet:${order.wallet}`);
    if (to !== undefined && this.closed.has(to)) return refused("account_closed", `wallet:${to}`);
    if (this.frozen.has(order.wallet)) return refused("account_frozen", `wallet:${order.wallet}`);
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
