/**
 * The orders of wallets: holds, payment requests and withdrawals. An order starts as pending and is closed once. It is
 * stored on the shard of the wallet that pays, so that a decision about it and its transfer are one record.
 */

import { assert } from "../../../errors/assert.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { actAlone, type Command, type Rejected, reject } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import { type ListPage, type ListRequest, PagedIndex } from "../paged-index.ts";
import type {
  AcceptedAct,
  Changes,
  Decision,
  DecisionContext,
  Decisions,
  ProgrammeContext,
  ScheduledCommand,
} from "../programme.ts";
import {
  type HoldView,
  listsOf,
  type OrderActs,
  type OrderList,
  PLATFORM_TENANT,
  type RequestView,
  vnodeOfWallet,
  type WalletAct,
  type WalletEffect,
  type WalletOrder,
  type WithdrawalView,
  walletAccount,
  walletAct,
} from "./acts.ts";
import { drawRoutedId } from "./ids.ts";
import { OverOrders } from "./over-orders.ts";

/** Orders kept per wallet and kind. One more removes the oldest closed one; its entries stay in the archive. */
export const ORDERS_MAX = 500;

type Mutable<P extends WalletOrder> = { -readonly [K in keyof P]: P[K] };
type StoredOrder = Mutable<HoldView> | Mutable<RequestView> | Mutable<WithdrawalView>;

export type OrderItem = readonly ["paper", order: WalletOrder];

/** Approximate size in memory. */
const ORDER_BYTES = 640;

function orderBytes(order: StoredOrder): number {
  return ORDER_BYTES + textBytes(order.kind === "withdrawal" ? order.details : order.memo);
}

export class WalletOrders {
  readonly #context: ProgrammeContext;
  readonly #hasWallet: (wallet: string) => boolean;
  /** In creation order. */
  readonly #byId = new Map<string, StoredOrder>();
  /** The expiries of pending payment requests, by id. */
  readonly #scheduled = new Map<string, ScheduledCommand>();
  /** By list and wallet; see `keyOf`. */
  readonly #indexes = new Map<string, PagedIndex<StoredOrder>>();
  readonly #over: OverOrders;

  constructor(context: ProgrammeContext, hasWallet: (wallet: string) => boolean) {
    this.#over = new OverOrders(context.scheduler);
    this.#context = context;
    this.#hasWallet = hasWallet;
  }

  readonly decisions: Decisions<OrderActs> = {
    hold: ({ wallet }, { nowMs }) => this.#rejectIfFull("holds", wallet, nowMs) ?? ACCEPTED,
    withdraw: ({ wallet }, { nowMs }) => this.#rejectIfFull("withdrawals", wallet, nowMs) ?? ACCEPTED,
    request_payment: (act, context) => this.#decideRequest(act, context),
    capture: (act, { credit }) => this.#decideHold(act, credit),
    void_hold: (act) => this.#decideHold(act),
    accept_request: (act, { amount, credit }) => {
      const request = this.#requestFor(act, "wallet");
      if (request === undefined) return reject("payment_request_not_found", act.request);
      assert(amount === request.amount, "a payment request is paid in full");
      assert(credit === walletAccount(request.requester), "a payment request pays its requester");
      return decideRequest(request, "accepted");
    },
    decline_request: (act) => {
      const request = this.#requestFor(act, "wallet");
      if (request === undefined) return reject("payment_request_not_found", act.request);
      return decideRequest(request, "declined");
    },
    cancel_request: (act) => {
      const request = this.#requestFor(act, "requester");
      if (request === undefined) return reject("payment_request_not_found", act.request);
      return decideRequest(request, "cancelled");
    },
    expire_request: ({ request: id }) => {
      const request = this.#byId.get(id);
      assert(request?.kind === "request", "a request that expires exists");
      return decideRequest(request, "expired");
    },
    confirm_withdrawal: (act, { nowMs }) => this.#decideWithdrawal(act, nowMs),
    fail_withdrawal: (act, { nowMs }) => this.#decideWithdrawal(act, nowMs),
    take_back: ({ amount: asked }, { amount }) =>
      asked !== null && asked > amount ? reject("amount_exceeds_transfer") : ACCEPTED,
    forget: (_, { nowMs }) => {
      const ids = this.#over.nextIds(nowMs);
      return { ok: true, effect: { forgotten: ids.map((id) => viewOf(this.#known(id), nowMs)) } };
    },
  };

  readonly changes: Changes<OrderActs> = {
    hold: ({ wallet, amount, memo, timeoutMs, to }, _, { timeMs, transfer }) => {
      const common = { id: transferOf(transfer), wallet, amount, captured: 0, memo } as const;
      const times = { createdAtMs: timeMs, expiresAtMs: timeMs + timeoutMs };
      const payee = to === undefined ? {} : { to };
      this.#add({ kind: "hold", ...common, status: "pending", ...times, ...payee }, timeMs);
    },
    withdraw: ({ wallet, amount, details }, _, { timeMs, transfer }) => {
      const common = { id: transferOf(transfer), wallet, amount, details, createdAtMs: timeMs };
      this.#add({ kind: "withdrawal", ...common, status: "pending", bank: null }, timeMs);
    },
    request_payment: ({ payer, wallet, amount, memo }, { id, expiresAtMs }, { timeMs }) => {
      const common = { id, wallet: payer, requester: wallet, amount, memo, createdAtMs: timeMs, expiresAtMs };
      this.#add({ kind: "request", ...common, status: "pending", transfer: null }, timeMs);
    },
    capture: ({ hold: id, final }, _, { amount }) => {
      const hold = this.#hold(id);
      if (hold === undefined) return;
      hold.captured += amount;
      if (final || hold.captured === hold.amount) hold.status = "captured";
    },
    void_hold: ({ hold: id }) => {
      const hold = this.#hold(id);
      if (hold !== undefined) hold.status = "voided";
    },
    accept_request: ({ request }, _, { transfer }) => this.#endRequest(request, "accepted", transfer),
    decline_request: ({ request }) => this.#endRequest(request, "declined"),
    cancel_request: ({ request }) => this.#endRequest(request, "cancelled"),
    expire_request: ({ request }) => this.#endRequest(request, "expired"),
    confirm_withdrawal: (act, effect) => this.#endWithdrawal(act, effect, "confirmed"),
    fail_withdrawal: (act, effect) => this.#endWithdrawal(act, effect, "failed", act.reason),
    take_back: () => {},
    forget: (_, { forgotten }, { timeMs }) => {
      for (const { id } of forgotten) this.#remove(this.#known(id));
      this.#over.forgotten(
        forgotten.map(({ id }) => id),
        timeMs,
      );
    },
  };

  /** The pending payment requests that a wallet is to pay. */
  pendingOf(wallet: string): readonly RequestView[] {
    const orders = [...(this.#indexes.get(keyOf("payer", wallet))?.all() ?? [])];
    return orders.filter(isRequest).filter(({ status }) => status === "pending");
  }

  /** Declines a pending payment request because its payer has gone. */
  decline(id: string): void {
    this.#endRequest(id, "declined");
  }

  /** Number of pending orders on this shard in which the wallet is to be paid. */
  openFor(wallet: string, nowMs: number): number {
    const lists = [keyOf("requester", wallet), keyOf("payee_holds", wallet)];
    const orders = lists.flatMap((key) => [...(this.#indexes.get(key)?.all() ?? [])]);
    return orders.filter((order) => viewOf(order, nowMs).status === "pending").length;
  }

  order(id: string, nowMs: number): WalletOrder | null {
    const order = this.#byId.get(id);
    return order === undefined ? null : viewOf(order, nowMs);
  }

  /** @param status `null`: any. */
  list<O extends WalletOrder>(
    list: OrderList,
    wallet: string,
    page: ListRequest,
    nowMs: number,
    isOfList: (order: WalletOrder) => order is O,
    status: string | null = null,
  ): ListPage<O> {
    const index = this.#indexes.get(keyOf(list, wallet)) ?? new PagedIndex<StoredOrder>(this.#context.shard);
    return index.list(page, (order) => {
      const view = viewOf(order, nowMs);
      return isOfList(view) && (status === null || view.status === status) ? view : undefined;
    });
  }

  *items(): Generator<OrderItem> {
    for (const order of this.#byId.values()) yield ["paper", { ...order }];
  }

  restore([, order]: OrderItem): void {
    this.#put({ ...order });
  }

  /**
   * The payee that a hold names captures and voids it; the payer, who has promised it the money, does neither. A hold
   * that names no payee is its payer's alone.
   *
   * @param credit the account that a capture credits; `undefined` for the one that the hold names.
   */
  #decideHold(
    { hold: id, wallet }: WalletAct<"capture" | "void_hold">,
    credit?: string,
  ): Decision<null, never> {
    const hold = this.#byId.get(id);
    if (hold?.kind !== "hold" || (hold.wallet !== wallet && hold.to !== wallet))
      return reject("hold_not_found", id);
    if (hold.to === undefined) return ACCEPTED;
    const isForPayee = credit === undefined || credit === walletAccount(hold.to);
    return hold.to === wallet && isForPayee ? ACCEPTED : reject("hold_of_payee", id);
  }

  #decideWithdrawal(
    { withdrawal: id }: WalletAct<"confirm_withdrawal" | "fail_withdrawal">,
    nowMs: number,
  ): Decision<WalletEffect<"confirm_withdrawal">, never> {
    const withdrawal = this.#byId.get(id);
    if (withdrawal?.kind !== "withdrawal") return reject("withdrawal_not_found", id);
    if (withdrawal.status !== "pending") return reject("already_decided", id);
    return { ok: true, effect: { decidedAtMs: nowMs } };
  }

  /** The payment request of an act, if the act's wallet has this role in it. */
  #requestFor(
    { request: id, wallet }: WalletAct<"accept_request" | "decline_request" | "cancel_request">,
    role: "wallet" | "requester",
  ): RequestView | undefined {
    const request = this.#byId.get(id);
    return request?.kind === "request" && request[role] === wallet ? request : undefined;
  }

  #decideRequest(
    act: WalletAct<"request_payment">,
    { nowMs }: DecisionContext,
  ): Decision<WalletEffect<"request_payment">, never> {
    const { payer, wallet, vnode, timeoutMs } = act;
    if (payer === wallet) return reject("same_account", wallet);
    if (!this.#hasWallet(payer)) return reject("wallet_not_found", payer);
    const rejection = this.#rejectIfFull("payer", payer, nowMs);
    if (rejection !== undefined) return rejection;
    const id = drawRoutedId("pr", vnode, this.#context.random);
    return { ok: true, effect: { id, expiresAtMs: nowMs + timeoutMs } };
  }

  /** The rejection `too_many_pending`, or `undefined` if the list has room or contains a closed order to remove. */
  #rejectIfFull(list: OrderList, wallet: string, nowMs: number): Rejected | undefined {
    const index = this.#indexes.get(keyOf(list, wallet));
    if (index === undefined || index.size < ORDERS_MAX) return undefined;
    for (const order of index.all()) if (viewOf(order, nowMs).status !== "pending") return undefined;
    return reject("too_many_pending", wallet);
  }

  #add(order: StoredOrder, nowMs: number): void {
    const index = this.#indexes.get(keyOf(homeListOf(order), order.wallet));
    if (index !== undefined && index.size >= ORDERS_MAX) {
      for (const old of index.all()) {
        if (viewOf(old, nowMs).status === "pending") continue;
        this.#over.remove(old.id);
        this.#remove(old);
        break;
      }
    }
    this.#put(order);
  }

  #put(order: StoredOrder): void {
    assert(!this.#byId.has(order.id), "the id of an order is new");
    this.#byId.set(order.id, order);
    this.#context.countBytes?.(PLATFORM_TENANT, orderBytes(order));
    for (const list of listsOf(order)) {
      const key = keyOf(...list);
      let index = this.#indexes.get(key);
      if (index === undefined) {
        index = new PagedIndex<StoredOrder>(this.#context.shard);
        this.#indexes.set(key, index);
      }
      index.add(order, order.createdAtMs);
    }
    this.#over.add(order);
    if (order.kind !== "request" || order.status !== "pending") return;
    const expiry = expiryCommandOf(order);
    this.#scheduled.set(order.id, expiry);
    this.#context.scheduler.add(expiry);
  }

  #remove(order: StoredOrder): void {
    this.#byId.delete(order.id);
    this.#context.countBytes?.(PLATFORM_TENANT, -orderBytes(order));
    for (const list of listsOf(order)) {
      const key = keyOf(...list);
      const index = this.#indexes.get(key);
      index?.remove(order);
      if (index?.size === 0) this.#indexes.delete(key);
    }
  }

  #known(id: string): StoredOrder {
    const order = this.#byId.get(id);
    assert(order !== undefined, "an order that is over exists");
    return order;
  }

  /** `undefined` if it left memory while another shard was asked about its capture: the clock has jumped by 30 days. */
  #hold(id: string): Mutable<HoldView> | undefined {
    const hold = this.#byId.get(id);
    if (hold === undefined) return undefined;
    assert(hold.kind === "hold", "the hold of an act is a hold");
    return hold;
  }

  #endWithdrawal(
    { withdrawal: id, bank }: WalletAct<"confirm_withdrawal" | "fail_withdrawal">,
    effect: WalletEffect<"confirm_withdrawal">,
    status: "confirmed" | "failed",
    reason?: string,
  ): void {
    const withdrawal = this.#byId.get(id);
    assert(withdrawal?.kind === "withdrawal", "the withdrawal of an act exists");
    withdrawal.status = status;
    withdrawal.bank = bank;
    if (reason !== undefined) withdrawal.reason = reason;
    if (effect !== null) withdrawal.decidedAtMs = effect.decidedAtMs;
    this.#over.add(withdrawal);
  }

  #endRequest(id: string, status: RequestView["status"], transfer: string | null = null): void {
    const request = this.#byId.get(id);
    const expiry = this.#scheduled.get(id);
    assert(request?.kind === "request" && expiry !== undefined, "a request is decided once");
    request.status = status;
    request.transfer = transfer;
    this.#context.scheduler.remove(expiry);
    this.#scheduled.delete(id);
  }
}

const ACCEPTED: AcceptedAct<null, never> = { ok: true, effect: null };

/** The effect is the request after the decision, but without its transfer, whose id is not known yet. */
function decideRequest(request: RequestView, status: RequestView["status"]): Decision<RequestView, never> {
  if (request.status !== "pending") return reject("already_decided", request.id);
  return { ok: true, effect: { ...request, status } };
}

/** A copy with the status at `nowMs`. The ledger expires the transfer of a hold without telling this programme. */
function viewOf(order: StoredOrder, nowMs: number): WalletOrder {
  const isExpired = order.kind === "hold" && order.status === "pending" && order.expiresAtMs <= nowMs;
  return isExpired ? { ...order, status: "expired" } : { ...order };
}

export function isHold(order: WalletOrder): order is HoldView {
  return order.kind === "hold";
}

export function isRequest(order: WalletOrder): order is RequestView {
  return order.kind === "request";
}

export function isWithdrawal(order: WalletOrder): order is WithdrawalView {
  return order.kind === "withdrawal";
}

function homeListOf({ kind }: StoredOrder): OrderList {
  return kind === "hold" ? "holds" : kind === "request" ? "payer" : "withdrawals";
}

function keyOf(list: OrderList, wallet: string): string {
  return `${list}\0${wallet}`;
}

function transferOf(transfer: string | null): string {
  assert(transfer !== null, "the act came with a transfer");
  return transfer;
}

/** Both wallets are subjects, so that the payer and the requester never see an expired request as pending. */
function expiryCommandOf({ id, wallet, requester, expiresAtMs }: RequestView): ScheduledCommand {
  const subjects = [walletAccount(wallet), walletAccount(requester)];
  return {
    partner: PLATFORM_TENANT,
    endsAtMs: expiresAtMs,
    id,
    place: -1,
    subjects,
    command: () => expiryOf(id, wallet),
  };
}

function expiryOf(request: string, wallet: string): Command {
  const fields = { vnode: vnodeOfWallet(wallet), wallet, request };
  const act = walletAct("expire_request", walletAccount(wallet), fields);
  return actAlone(keyless(PLATFORM_TENANT), act);
}
