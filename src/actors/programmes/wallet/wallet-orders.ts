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
  type OrderActs,
  PLATFORM_TENANT,
  type RequestRole,
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

/** Orders kept per wallet and kind. One more removes the oldest closed one; its entries stay in the archive. */
export const ORDERS_MAX = 500;

/** Lists of orders: of one wallet, or of all (`all_withdrawals`). */
export type OrderList = "holds" | RequestRole | "withdrawals" | "all_withdrawals";

type Mutable<P extends WalletOrder> = { -readonly [K in keyof P]: P[K] };
type StoredOrder = Mutable<HoldView> | Mutable<RequestView> | Mutable<WithdrawalView>;

export type OrderItem = readonly ["paper", order: WalletOrder];

/** Approximate size in memory. */
const ORDER_BYTES = 600;

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

  constructor(context: ProgrammeContext, hasWallet: (wallet: string) => boolean) {
    this.#context = context;
    this.#hasWallet = hasWallet;
  }

  readonly decisions: Decisions<OrderActs> = {
    hold: ({ wallet }, { nowMs }) => this.#rejectIfFull("holds", wallet, nowMs) ?? ACCEPTED,
    withdraw: ({ wallet }, { nowMs }) => this.#rejectIfFull("withdrawals", wallet, nowMs) ?? ACCEPTED,
    request_payment: (act, context) => this.#decideRequest(act, context),
    capture: (act) => this.#decideHold(act),
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
    confirm_withdrawal: (act) => this.#decideWithdrawal(act),
    fail_withdrawal: (act) => this.#decideWithdrawal(act),
  };

  readonly changes: Changes<OrderActs> = {
    hold: ({ wallet, amount, memo, timeoutMs }, _, { timeMs, transfer }) => {
      const common = { id: transferOf(transfer), wallet, amount, captured: 0, memo } as const;
      const times = { createdAtMs: timeMs, expiresAtMs: timeMs + timeoutMs };
      this.#add({ kind: "hold", ...common, status: "pending", ...times }, timeMs);
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
      hold.captured += amount;
      if (final || hold.captured === hold.amount) hold.status = "captured";
    },
    void_hold: ({ hold }) => {
      this.#hold(hold).status = "voided";
    },
    accept_request: ({ request }, _, { transfer }) => this.#endRequest(request, "accepted", transfer),
    decline_request: ({ request }) => this.#endRequest(request, "declined"),
    cancel_request: ({ request }) => this.#endRequest(request, "cancelled"),
    expire_request: ({ request }) => this.#endRequest(request, "expired"),
    confirm_withdrawal: (act) => this.#endWithdrawal(act, "confirmed"),
    fail_withdrawal: (act) => this.#endWithdrawal(act, "failed"),
  };

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

  #decideHold({ hold: id, wallet }: WalletAct<"capture" | "void_hold">): Decision<null, never> {
    const hold = this.#byId.get(id);
    const isOwn = hold?.kind === "hold" && hold.wallet === wallet;
    return isOwn ? ACCEPTED : reject("hold_not_found", id);
  }

  #decideWithdrawal({
    withdrawal: id,
  }: WalletAct<"confirm_withdrawal" | "fail_withdrawal">): Decision<null, never> {
    const withdrawal = this.#byId.get(id);
    if (withdrawal?.kind !== "withdrawal") return reject("withdrawal_not_found", id);
    return withdrawal.status === "pending" ? ACCEPTED : reject("already_decided", id);
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
    for (const key of listsOf(order)) {
      let index = this.#indexes.get(key);
      if (index === undefined) {
        index = new PagedIndex<StoredOrder>(this.#context.shard);
        this.#indexes.set(key, index);
      }
      index.add(order, order.createdAtMs);
    }
    if (order.kind !== "request" || order.status !== "pending") return;
    const expiry = expiryCommandOf(order);
    this.#scheduled.set(order.id, expiry);
    this.#context.scheduler.add(expiry);
  }

  #remove(order: StoredOrder): void {
    this.#byId.delete(order.id);
    this.#context.countBytes?.(PLATFORM_TENANT, -orderBytes(order));
    for (const key of listsOf(order)) {
      const index = this.#indexes.get(key);
      index?.remove(order);
      if (index?.size === 0) this.#indexes.delete(key);
    }
  }

  #hold(id: string): Mutable<HoldView> {
    const hold = this.#byId.get(id);
    assert(hold?.kind === "hold", "the hold of an act exists");
    return hold;
  }

  #endWithdrawal(
    { withdrawal: id, bank }: WalletAct<"confirm_withdrawal" | "fail_withdrawal">,
    status: "confirmed" | "failed",
  ): void {
    const withdrawal = this.#byId.get(id);
    assert(withdrawal?.kind === "withdrawal", "the withdrawal of an act exists");
    withdrawal.status = status;
    withdrawal.bank = bank;
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

function listsOf(order: StoredOrder): readonly string[] {
  const own = keyOf(homeListOf(order), order.wallet);
  if (order.kind === "hold") return [own];
  return [own, order.kind === "request" ? keyOf("requester", order.requester) : keyOf("all_withdrawals", "")];
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
