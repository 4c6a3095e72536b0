/**
 * The top-up programme. A partner grants its sellers credit by deciding their requests; the sellers sell the credit
 * to phones. Credit comes from `@credit` and a sale goes to the phone's system account. System accounts have a slice
 * on every shard, so that each movement is one record on the seller's shard, next to the rest of the seller's state.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import { BALANCE_MAX } from "../../ledger/account.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import { type ListRequest, PagedIndex } from "../paged-index.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  Programme,
  ProgrammeContext,
} from "../programme.ts";
import {
  type Approve,
  creditAccount,
  REQUEST_ID_BYTES,
  type Reject,
  type RequestStatus,
  type RequestView,
  requestId,
  type Sale,
  type SellerView,
  sellerOf,
  type TakeBack,
  type TopupAct,
  type TopupEffect,
} from "./acts.ts";
import { type CreditRequest, type Item, requestView, type Seller, TopupState } from "./topup-state.ts";

/** Pending requests per seller. */
export const PENDING_REQUESTS_MAX = 1_000;

const ACCEPTED = { ok: true, effect: null } as const;

export class Topup implements Programme<TopupAct, TopupEffect> {
  readonly #context: ProgrammeContext;
  readonly #states = new Map<string, TopupState>();

  constructor(context: ProgrammeContext) {
    this.#context = context;
  }

  decide(act: TopupAct, context: DecisionContext): AcceptedAct<TopupEffect> | Rejected {
    const state = this.#states.get(context.partner);
    const seller = state?.sellers.get(act.subject);
    if (act.act === "create_seller") {
      if (seller !== undefined) return reject("seller_exists", sellerOf(act.subject));
      return { ok: true, effect: null, opens: { id: act.subject, asset: act.asset } };
    }
    if (state === undefined || seller === undefined) return reject("seller_not_found", sellerOf(act.subject));
    switch (act.act) {
      case "suspend_seller":
      case "resume_seller": {
        const isSuspended = act.act === "suspend_seller";
        return { ok: true, effect: { seller: this.#viewOf(context.partner, { ...seller, isSuspended }) } };
      }
      case "request_credit": {
        if (seller.pending >= PENDING_REQUESTS_MAX) return reject("too_many_pending_requests", seller.id);
        const random = this.#context.random(REQUEST_ID_BYTES);
        return { ok: true, effect: { request: requestId(context.partner, act.subject, random) } };
      }
      case "approve":
      case "reject":
        return decideRequest(state, seller, act, context.nowMs);
      case "sale":
        return decideSale(state, seller, act, context);
      case "take_back":
        return act.phone === undefined && act.wasDecrease ? decideIncrease(seller, context.amount) : ACCEPTED;
      default:
        return unreachable(act);
    }
  }

  apply(act: TopupAct, effect: TopupEffect, { partner, timeMs, amount }: ApplyContext): void {
    const state = this.#stateOf(partner);
    if (act.act === "create_seller") {
      state.addSeller(sellerOf(act.subject), act.name, timeMs);
      return;
    }
    const seller = state.sellers.get(act.subject);
    assert(seller !== undefined, "the seller of an act exists");
    switch (act.act) {
      case "suspend_seller":
      case "resume_seller":
        seller.isSuspended = act.act === "suspend_seller";
        return;
      case "request_credit": {
        assert(effect !== null && "request" in effect, "the effect of a new request is its id");
        const { amount: requested, note } = act;
        state.addRequest({
          id: effect.request,
          seller,
          amount: requested,
          note,
          createdAtMs: timeMs,
          decision: undefined,
        });
        return;
      }
      case "approve":
        seller.credited += act.amount;
        state.settle(requestOf(state, act), { isApproved: true, by: act.by, atMs: timeMs, reason: null });
        return;
      case "reject": {
        const { by, reason } = act;
        state.settle(requestOf(state, act), { isApproved: false, by, atMs: timeMs, reason });
        return;
      }
      case "sale":
        seller.sold += amount;
        state.phones.count(act.phone, amount, 1);
        return;
      case "take_back":
        takeBack(state, seller, act, amount);
        return;
      default:
        unreachable(act);
    }
  }

  receiveBroadcast(): void {
    assert(false, "the top-up programme has no notices");
  }

  answer(partner: string, [query, ...values]: readonly JsonValue[]): JsonValue {
    const state = this.#states.get(partner);
    switch (query) {
      case "seller": {
        const seller = state?.sellers.get(creditAccount(values[0] as string));
        return seller === undefined ? null : this.#viewOf(partner, seller);
      }
      case "sellers":
        return this.#listOf(state?.sellerList).list(values as unknown as ListRequest, (seller) =>
          this.#viewOf(partner, seller),
        );
      case "request": {
        const request = state?.requests.get(values[0] as string);
        return request === undefined ? null : requestView(request);
      }
      case "requests":
        return this.#requests(state, values);
      case "phone": {
        const found = state?.phones.find(values[0] as string);
        return found === undefined ? null : { ...found };
      }
      case "phones":
        return state?.phones.page(values[0] as number, values[1] as string | null) ?? [];
      default:
        throw new TypeError(`unknown query of the top-up programme: ${JSON.stringify(query)}`);
    }
  }

  *items(): Generator<Item> {
    for (const [partner, state] of this.#states) yield* state.items(partner);
  }

  restore(stored: readonly JsonValue[]): void {
    const item = stored as unknown as Item;
    this.#stateOf(item[1]).restore(item);
  }

  #requests(state: TopupState | undefined, [seller, status, ...page]: readonly JsonValue[]): JsonValue {
    const all = status === "pending" ? state?.pendingList : state?.requestList;
    const list = seller === null ? all : state?.sellers.get(creditAccount(seller as string))?.requests;
    const show = (request: CreditRequest): RequestView | undefined => {
      const view = requestView(request);
      return status === null || view.status === (status as RequestStatus) ? view : undefined;
    };
    return this.#listOf(list).list(page as unknown as ListRequest, show);
  }

  #listOf<T>(index: PagedIndex<T> | undefined): PagedIndex<T> {
    return index ?? new PagedIndex<T>(this.#context.shard);
  }

  #stateOf(partner: string): TopupState {
    let state = this.#states.get(partner);
    if (state === undefined) {
      state = new TopupState(this.#context.shard, (bytes) => this.#context.countBytes?.(partner, bytes));
      this.#states.set(partner, state);
    }
    return state;
  }

  #viewOf(partner: string, { id, name, isSuspended, credited, sold, createdAtMs }: Seller): SellerView {
    const credit = this.#context.account(partner, creditAccount(id))?.posted ?? 0;
    const status = isSuspended ? "suspended" : "active";
    return { id, name, status, credit, totalCredited: credited, totalSold: sold, createdAtMs };
  }
}

/**
 * The act that must come with a revert. The reference of a reverted sale stays claimed: the sale is still in the log.
 */
export function takeBackTopup(act: Act): TakeBack | undefined {
  const original = act as TopupAct;
  const names = { programme: "topup", act: "take_back", subject: original.subject } as const;
  if (original.act === "sale") return { ...names, phone: original.phone, wasDecrease: false };
  return original.act === "approve" ? { ...names, wasDecrease: original.amount < 0 } : undefined;
}

/** The claimed name of a sale: a seller uses each reference once. */
export function claimOfTopup(act: Act, partner: string): string | undefined {
  if (act.act !== "sale") return undefined;
  const { subject, reference } = act as Sale;
  return reference === null ? undefined : referenceClaim(partner, subject, reference);
}

export function claimsInTopup([kind, ...values]: readonly JsonValue[]): readonly string[] | undefined {
  if (kind !== "references") return undefined;
  const [partner, seller, references] = values as [string, string, readonly string[]];
  return references.map((reference) => referenceClaim(partner, creditAccount(seller), reference));
}

function decideRequest(
  state: TopupState,
  seller: Seller,
  act: Approve | Reject,
  nowMs: number,
): AcceptedAct<TopupEffect> | Rejected {
  const request = state.requests.get(act.request);
  if (request === undefined) return reject("credit_request_not_found", act.request);
  if (request.decision !== undefined) return reject("already_decided", act.request);
  const isApproved = act.act === "approve";
  const reason = isApproved ? null : act.reason;
  const decision = { isApproved, by: act.by, atMs: nowMs, reason };
  const decided: AcceptedAct<TopupEffect> = {
    ok: true,
    effect: { decided: requestView({ ...request, decision }) },
  };
  if (!isApproved) return decided;
  assert(request.amount === act.amount, "a request is approved with its own amount");
  const increase = act.amount > 0 ? decideIncrease(seller, act.amount) : ACCEPTED;
  return increase.ok ? decided : increase;
}

function decideIncrease({ id, credited }: Seller, amount: number): AcceptedAct<null> | Rejected {
  return credited + amount > BALANCE_MAX ? reject("balance_out_of_range", id) : ACCEPTED;
}

function decideSale(
  state: TopupState,
  seller: Seller,
  act: Sale,
  { amount, isTaken }: DecisionContext,
): AcceptedAct<null> | Rejected {
  if (seller.isSuspended) return reject("seller_suspended", seller.id);
  if (isTaken) return reject("duplicate_reference", act.reference);
  const { total = 0 } = state.phones.find(act.phone) ?? {};
  return total + amount > BALANCE_MAX ? reject("balance_out_of_range", act.phone) : ACCEPTED;
}

function requestOf(state: TopupState, { request: id }: Approve | Reject): CreditRequest {
  const request = state.requests.get(id);
  assert(request !== undefined, "a decided request exists");
  return request;
}

function takeBack(state: TopupState, seller: Seller, { phone, wasDecrease }: TakeBack, amount: number): void {
  if (phone === undefined) seller.credited += wasDecrease ? amount : -amount;
  else {
    seller.sold -= amount;
    state.phones.count(phone, -amount, -1);
  }
}

function referenceClaim(partner: string, subject: string, reference: string): string {
  return `topup\0${partner}\0${subject}\0${reference}`;
}
