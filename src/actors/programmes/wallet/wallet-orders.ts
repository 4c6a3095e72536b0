/**
 * The orders of wallets: holds, payment requests and withdrawals. An order starts as pending and is closed once. It is
 * stored on the shard of the wallet that pays, so that a decision about it and its transfer are one record.
 */

import { assert, unreachable } from "../../../errors/assert.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { actAlone, type Command, type Rejected, reject } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import { type ListPage, type ListRequest, PagedIndex } from "../paged-index.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  ProgrammeContext,
  ScheduledCommand,
} from "../programme.ts";
import {
  type ExpireRequest,
  type HoldView,
  type OrderAct,
  type OrderList,
  PLATFORM_TENANT,
  type RequestMade,
  type RequestPayment,
  type RequestView,
  vnodeOfWallet,
  type WalletEffect,
  type WalletOrder,
  type WithdrawalView,
  walletAccount,
} from "./acts.ts";
import { drawRoutedId } from "./ids.ts";

/** Orders kept per wallet and kind. One more removes the oldest closed one; its entries stay in the archive. */
export const ORDERS_MAX = 500;

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

  decide(act: OrderAct, context: DecisionContext): AcceptedAct<WalletEffect> | Rejected {
    switch (act.act) {
      case "hold":
        return this.#rejectIfFull("holds", act.wallet, context.nowMs) ?? ACCEPTED;
      case "withdraw":
        return this.#rejectIfFull("withdrawals", act.wallet, context.nowMs) ?? ACCEPTED;
      case "request_payment":
        return this.#decideRequest(act, context);
      case "capture":
      case "void_hold": {
        const hold = this.#byId.get(act.hold);
        const isOwn = hold?.kind === "hold" && hold.wallet === act.wallet;
        return isOwn ? ACCEPTED : reject("hold_not_found", act.hold);
      }
      case "accept_request":
      case "decline_request": {
        const request = this.#byId.get(act.request);
        const isPayer = request?.kind === "request" && request.wallet === act.wallet;
        if (!isPayer) return reject("payment_request_not_found", act.request);
        if (act.act === "accept_request") {
          assert(context.amount === request.amount, "a payment request is paid in full");
          assert(context.credit === walletAccount(request.requester), "a payment request pays its requester");
        }
        return decideRequest(request, act.act === "accept_request" ? "accepted" : "declined");
      }
      case "cancel_request": {
        const request = this.#byId.get(act.request);
        const isRequester = request?.kind === "request" && request.requester === act.wallet;
        if (!isRequester) return reject("payment_request_not_found", act.request);
        return decideRequest(request, "cancelled");
      }
      case "expire_request":
        return ACCEPTED;
      case "confirm_withdrawal":
      case "fail_withdrawal": {
        const withdrawal = this.#byId.get(act.withdrawal);
        if (withdrawal?.kind !== "withdrawal") return reject("withdrawal_not_found", act.withdrawal);
        return withdrawal.status === "pending" ? ACCEPTED : reject("already_decided", act.withdrawal);
      }
      default:
        return unreachable(act);
    }
  }

  apply(act: OrderAct, effect: WalletEffect, { timeMs, transfer, amount: moved }: ApplyContext): void {
    switch (act.act) {
      case "hold": {
        const { wallet, amount, memo, timeoutMs } = act;
        const times = { createdAtMs: timeMs, expiresAtMs: timeMs + timeoutMs };
        const id = transferOf(transfer);
        this.#add(
          { kind: "hold", id, wallet, amount, captured: 0, memo, status: "pending", ...times },
          timeMs,
        );
        return;
      }
      case "withdraw": {
        const { wallet, amount, details } = act;
        const common = { id: transferOf(transfer), wallet, amount, details, createdAtMs: timeMs };
        this.#add({ kind: "withdrawal", ...common, status: "pending", bank: null }, timeMs);
        return;
      }
      case "request_payment": {
        const { payer, wallet: requester, amount, memo } = act;
        const { id, expiresAtMs } = effect as RequestMade;
        const common = { id, wallet: payer, requester, amount, memo, createdAtMs: timeMs, expiresAtMs };
        this.#add({ kind: "request", ...common, status: "pending", transfer: null }, timeMs);
        return;
      }
      case "capture": {
        const hold = this.#hold(act.hold);
        hold.captured += moved;
        if (act.final || hold.captured === hold.amount) hold.status = "captured";
        return;
      }
      case "void_hold":
        this.#hold(act.hold).status = "voided";
        return;
      case "accept_request":
        this.#endRequest(act.request, "accepted", transfer);
        return;
      case "decline_request":
        this.#endRequest(act.request, "declined");
        return;
      case "cancel_request":
        this.#endRequest(act.request, "cancelled");
        return;
      case "expire_request":
        this.#endRequest(act.request, "expired");
        return;
      case "confirm_withdrawal":
      case "fail_withdrawal": {
        const withdrawal = this.#byId.get(act.withdrawal);
        assert(withdrawal?.kind === "withdrawal", "the withdrawal of an act exists");
        withdrawal.status = act.act === "confirm_withdrawal" ? "confirmed" : "failed";
        withdrawal.bank = act.bank;
        return;
      }
      default:
        unreachable(act);
    }
  }

  order(id: string, nowMs: number): WalletOrder | null {
    const order = this.#byId.get(id);
    return order === undefined ? null : viewOf(order, nowMs);
  }

  list(
    list: OrderList,
    wallet: string,
    page: ListRequest,
    nowMs: number,
    status?: string,
  ): ListPage<WalletOrder> {
    const index = this.#indexes.get(keyOf(list, wallet)) ?? new PagedIndex<StoredOrder>(this.#context.shard);
    return index.list(page, (order) => {
      const view = viewOf(order, nowMs);
      return status === undefined || view.status === status ? view : undefined;
    });
  }

  *items(): Generator<OrderItem> {
    for (const order of this.#byId.values()) yield ["paper", { ...order }];
  }

  restore([, order]: OrderItem): void {
    this.#put({ ...order });
  }

  #decideRequest(act: RequestPayment, { nowMs }: DecisionContext): AcceptedAct<RequestMade> | Rejected {
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

const ACCEPTED: AcceptedAct<null> = { ok: true, effect: null };

/** The effect is the request after the decision, but without its transfer, whose id is not known yet. */
function decideRequest(
  request: RequestView,
  status: RequestView["status"],
): AcceptedAct<RequestView> | Rejected {
  if (request.status !== "pending") return reject("already_decided", request.id);
  return { ok: true, effect: { ...request, status } };
}

/** A copy with the status at `nowMs`. The ledger expires the transfer of a hold without telling this programme. */
function viewOf(order: StoredOrder, nowMs: number): WalletOrder {
  const isExpired = order.kind === "hold" && order.status === "pending" && order.expiresAtMs <= nowMs;
  return isExpired ? { ...order, status: "expired" } : { ...order };
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
  const subject = walletAccount(wallet);
  const vnode = vnodeOfWallet(wallet);
  const act: ExpireRequest = {
    programme: "wallet",
    act: "expire_request",
    subject,
    vnode,
    wallet,
    request,
  };
  return actAlone(keyless(PLATFORM_TENANT), act);
}
