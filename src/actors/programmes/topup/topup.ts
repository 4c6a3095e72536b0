/**
 * The top-up programme. A partner grants its sellers credit by deciding their requests; the sellers sell the credit
 * to phones. Credit comes from `@credit` and a sale goes to the phone's system account. System accounts have a slice
 * on every shard, so that each movement is one record on the seller's shard, next to the rest of the seller's state.
 */
import { assert } from "../../../errors/assert.ts";
import { BALANCE_MAX } from "../../ledger/account.ts";
import type { JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import { PagedIndex } from "../paged-index.ts";
import {
  type Answers,
  type Changes,
  type Decision,
  type DecisionContext,
  type Decisions,
  type ProgrammeContext,
  TypedProgramme,
} from "../programme.ts";
import {
  creditAccount,
  type LowCredit,
  REQUEST_ID_BYTES,
  requestId,
  type SellerView,
  sellerOf,
  type TopupAct,
  type TopupActs,
  type TopupEffect,
  type TopupQuestions,
  topupAct,
} from "./acts.ts";
import { type CreditRequest, type Item, requestView, type Seller, TopupState } from "./topup-state.ts";

/** Pending requests per seller. */
export const PENDING_REQUESTS_MAX = 1_000;

const ACCEPTED = { ok: true, effect: null } as const;

export class Topup extends TypedProgramme<TopupActs, TopupQuestions, never, Item> {
  readonly #context: ProgrammeContext;
  readonly #states = new Map<string, TopupState>();

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
  }

  protected readonly decisions: Decisions<TopupActs> = {
    create_seller: ({ subject, asset }, { partner }) =>
      this.#states.get(partner)?.sellers.has(subject)
        ? reject("seller_exists", sellerOf(subject))
        : { ok: true, effect: null, opens: { id: subject, asset } },
    update_seller: this.#ofSeller<"update_seller">((_, seller, { lowCreditThreshold }, { partner }) => {
      const changed = { ...seller, lowCreditThreshold: lowCreditThreshold ?? undefined };
      return { ok: true, effect: { seller: this.#viewOf(partner, changed) } };
    }),
    suspend_seller: this.#ofSeller<"suspend_seller">((_, seller, __, { partner }) => ({
      ok: true,
      effect: { seller: this.#viewOf(partner, { ...seller, isSuspended: true }) },
    })),
    resume_seller: this.#ofSeller<"resume_seller">((_, seller, __, { partner }) => ({
      ok: true,
      effect: { seller: this.#viewOf(partner, { ...seller, isSuspended: false }) },
    })),
    request_credit: this.#ofSeller<"request_credit">((_, seller, { subject }, { partner }) => {
      if (seller.pending >= PENDING_REQUESTS_MAX) return reject("too_many_pending_requests", seller.id);
      const random = this.#context.random(REQUEST_ID_BYTES);
      return { ok: true, effect: { request: requestId(partner, subject, random) } };
    }),
    approve: this.#ofSeller<"approve">((state, seller, act, context) => {
      const decided = decideRequest(state, seller, act, context);
      if (!decided.ok || decided.effect === null || act.amount > 0) return decided;
      return { ...decided, effect: { ...decided.effect, ...this.#lowCredit(seller, context) } };
    }),
    reject: this.#ofSeller<"reject">(decideRequest),
    sale: this.#ofSeller<"sale">((state, seller, act, context) => {
      const refused = refusalOfSale(state, seller, act, context);
      return refused ?? { ok: true, effect: this.#lowCredit(seller, context) };
    }),
    take_back: this.#ofSeller<"take_back">((_, seller, { phone, wasDecrease }, context) => {
      if (phone !== undefined) return ACCEPTED;
      if (wasDecrease) return decideIncrease(seller, context.amount);
      return { ok: true, effect: this.#lowCredit(seller, context) };
    }),
  };

  protected readonly changes: Changes<TopupActs> = {
    create_seller: ({ subject, name, lowCreditThreshold }, _, { partner, timeMs }) => {
      const seller = this.#stateOf(partner).addSeller(sellerOf(subject), name, timeMs);
      seller.lowCreditThreshold = lowCreditThreshold;
    },
    update_seller: ({ subject, lowCreditThreshold }, _, { partner }) => {
      this.#sellerOf(partner, subject).lowCreditThreshold = lowCreditThreshold ?? undefined;
    },
    suspend_seller: ({ subject }, _, { partner }) => {
      this.#sellerOf(partner, subject).isSuspended = true;
    },
    resume_seller: ({ subject }, _, { partner }) => {
      this.#sellerOf(partner, subject).isSuspended = false;
    },
    request_credit: ({ subject, amount, note }, { request: id }, { partner, timeMs }) => {
      const seller = this.#sellerOf(partner, subject);
      const request = { id, seller, amount, note, createdAtMs: timeMs, decision: undefined };
      this.#stateOf(partner).addRequest(request);
    },
    approve: ({ subject, request, by, amount }, _, { partner, timeMs }) => {
      const state = this.#stateOf(partner);
      this.#sellerOf(partner, subject).credited += amount;
      state.settle(requestOf(state, request), { isApproved: true, by, atMs: timeMs, reason: null });
    },
    reject: ({ request, by, reason }, _, { partner, timeMs }) => {
      const state = this.#stateOf(partner);
      state.settle(requestOf(state, request), { isApproved: false, by, atMs: timeMs, reason });
    },
    sale: ({ subject, phone }, _, { partner, amount }) => {
      this.#sellerOf(partner, subject).sold += amount;
      this.#stateOf(partner).phones.count(phone, amount, 1);
    },
    take_back: ({ subject, phone, wasDecrease }, _, { partner, amount }) => {
      const seller = this.#sellerOf(partner, subject);
      if (phone === undefined) seller.credited += wasDecrease ? amount : -amount;
      else {
        seller.sold -= amount;
        this.#stateOf(partner).phones.count(phone, -amount, -1);
      }
    },
  };

  protected readonly answers: Answers<TopupQuestions> = {
    seller: (partner, [id]) => {
      const seller = this.#states.get(partner)?.sellers.get(creditAccount(id));
      return seller === undefined ? null : this.#viewOf(partner, seller);
    },
    sellers: (partner, page) =>
      this.#listOf(this.#states.get(partner)?.sellerList).list(page, (seller) =>
        this.#viewOf(partner, seller),
      ),
    request: (partner, [id]) => {
      const request = this.#states.get(partner)?.requests.get(id);
      return request === undefined ? null : requestView(request);
    },
    requests: (partner, [seller, status, ...page]) => {
      const state = this.#states.get(partner);
      const all = status === "pending" ? state?.pendingList : state?.requestList;
      const list = seller === null ? all : state?.sellers.get(creditAccount(seller))?.requests;
      return this.#listOf(list).list(page, (request) => {
        const view = requestView(request);
        return status === null || view.status === status ? view : undefined;
      });
    },
    phone: (partner, [phone]) => {
      const found = this.#states.get(partner)?.phones.find(phone);
      return found === undefined ? null : { ...found };
    },
    phones: (partner, [limit, after]) => this.#states.get(partner)?.phones.page(limit, after) ?? [],
  };

  *items(): Generator<Item> {
    for (const [partner, state] of this.#states) yield* state.items(partner);
  }

  protected restoreItem(item: Item): void {
    this.#stateOf(item[1]).restore(item);
  }

  /** A decision about an existing seller. */
  #ofSeller<K extends keyof TopupActs>(
    decide: (
      state: TopupState,
      seller: Seller,
      act: TopupAct<K>,
      context: DecisionContext,
    ) => Decision<TopupEffect<K>, never>,
  ): (act: TopupAct<K>, context: DecisionContext) => Decision<TopupEffect<K>, never> {
    return (act, context) => {
      const state = this.#states.get(context.partner);
      const seller = state?.sellers.get(act.subject);
      return state === undefined || seller === undefined
        ? reject("seller_not_found", sellerOf(act.subject))
        : decide(state, seller, act, context);
    };
  }

  #sellerOf(partner: string, subject: string): Seller {
    const seller = this.#stateOf(partner).sellers.get(subject);
    assert(seller !== undefined, "the seller of an act exists");
    return seller;
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

  #creditOf(partner: string, { id }: Seller): number {
    return this.#context.account(partner, creditAccount(id))?.posted ?? 0;
  }

  /** Whether a debit of the seller's credit takes it below the threshold; `null`: it does not. */
  #lowCredit(seller: Seller, { partner, amount }: DecisionContext): LowCredit | null {
    const { lowCreditThreshold: threshold } = seller;
    if (threshold === undefined) return null;
    const before = this.#creditOf(partner, seller);
    return before >= threshold && before - amount < threshold ? { lowCredit: { threshold } } : null;
  }

  #viewOf(partner: string, seller: Seller): SellerView {
    const { id, name, isSuspended, credited, sold, createdAtMs, lowCreditThreshold } = seller;
    const credit = this.#creditOf(partner, seller);
    const status = isSuspended ? "suspended" : "active";
    return {
      id,
      name,
      status,
      credit,
      totalCredited: credited,
      totalSold: sold,
      createdAtMs,
      ...(lowCreditThreshold !== undefined && { lowCreditThreshold }),
    };
  }
}

/**
 * The act that must come with a revert. The reference of a reverted sale stays claimed: the sale is still in the log.
 */
export function takeBackTopup(original: TopupAct): TopupAct<"take_back"> | undefined {
  const { subject } = original;
  if (original.act === "sale")
    return topupAct("take_back", subject, { phone: original.phone, wasDecrease: false });
  return original.act === "approve"
    ? topupAct("take_back", subject, { wasDecrease: original.amount < 0 })
    : undefined;
}

/** The claimed name of a sale: a seller uses each reference once. */
export function claimOfTopup(act: TopupAct, partner: string): string | undefined {
  if (act.act !== "sale" || act.reference === null) return undefined;
  return referenceClaim(partner, act.subject, act.reference);
}

export function claimsInTopup([kind, ...values]: readonly JsonValue[]): readonly string[] | undefined {
  if (kind !== "references") return undefined;
  // No version writes this item any more, so the programme's items do not list it.
  const [partner, seller, references] = values as [string, string, readonly string[]];
  return references.map((reference) => referenceClaim(partner, creditAccount(seller), reference));
}

function decideRequest(
  state: TopupState,
  seller: Seller,
  act: TopupAct<"approve" | "reject">,
  { nowMs }: DecisionContext,
): Decision<TopupEffect<"approve">, never> {
  const request = state.requests.get(act.request);
  if (request === undefined) return reject("credit_request_not_found", act.request);
  if (request.decision !== undefined) return reject("already_decided", act.request);
  const isApproved = act.act === "approve";
  const reason = isApproved ? null : act.reason;
  const decision = { isApproved, by: act.by, atMs: nowMs, reason };
  const decided = { ok: true, effect: { decided: requestView({ ...request, decision }) } } as const;
  if (!isApproved) return decided;
  assert(request.amount === act.amount, "a request is approved with its own amount");
  const increase = act.amount > 0 ? decideIncrease(seller, act.amount) : ACCEPTED;
  return increase.ok ? decided : increase;
}

function decideIncrease({ id, credited }: Seller, amount: number): Decision<null, never> {
  return credited + amount > BALANCE_MAX ? reject("balance_out_of_range", id) : ACCEPTED;
}

function refusalOfSale(
  state: TopupState,
  seller: Seller,
  { phone, reference }: TopupAct<"sale">,
  { amount, isTaken }: DecisionContext,
): Rejected | undefined {
  if (seller.isSuspended) return reject("seller_suspended", seller.id);
  if (isTaken) return reject("duplicate_reference", reference);
  const { total = 0 } = state.phones.find(phone) ?? {};
  return total + amount > BALANCE_MAX ? reject("balance_out_of_range", phone) : undefined;
}

function requestOf(state: TopupState, id: string): CreditRequest {
  const request = state.requests.get(id);
  assert(request !== undefined, "a decided request exists");
  return request;
}

function referenceClaim(partner: string, subject: string, reference: string): string {
  return `topup\0${partner}\0${subject}\0${reference}`;
}
