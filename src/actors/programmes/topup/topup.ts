/**
 * The top-up programme. A partner grants its sellers credit by deciding their requests; the sellers sell the credit
 * to phones. Credit comes from `@credit` and a sale goes to the phone's system account. System accounts have a slice
 * on every shard, so that each movement is one record on the seller's shard, next to the rest of the seller's state.
 */
import { assert } from "../../../errors/assert.ts";
import { BALANCE_MAX } from "../../ledger/account.ts";
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
  type SaleView,
  type SellerView,
  sellerOf,
  type TopupAct,
  type TopupActs,
  type TopupEffect,
  type TopupQuestions,
  type TopupSettings,
} from "./acts.ts";
import { decideIncrease, decideRequest, requestOf } from "./request-decisions.ts";
import { countSale, dailyUseOf, refusalByLimits, uncountSale } from "./sale-limits.ts";
import { isDecided, type SaleItem, Sales, saleView } from "./sales.ts";
import { requestView, type Seller, type Item as StateItem, TopupState } from "./topup-state.ts";

/** Pending requests per seller. */
export const PENDING_REQUESTS_MAX = 1_000;

const ACCEPTED = { ok: true, effect: null } as const;

type Item = StateItem | SaleItem;
type Notice = Readonly<{ settings: TopupSettings }>;

export class Topup extends TypedProgramme<TopupActs, TopupQuestions, Notice, Item> {
  readonly #context: ProgrammeContext;
  readonly #states = new Map<string, TopupState>();
  readonly #sales: Sales;

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
    this.#sales = new Sales(context.shard, (partner, bytes) => context.countBytes?.(partner, bytes));
  }

  protected readonly decisions: Decisions<TopupActs, Notice> = {
    create_seller: ({ subject, asset }, { partner }) =>
      this.#states.get(partner)?.sellers.has(subject)
        ? reject("seller_exists", sellerOf(subject))
        : { ok: true, effect: null, opens: { id: subject, asset } },
    update_seller: this.#ofSeller<"update_seller">((_, seller, act, { partner }) => {
      return { ok: true, effect: { seller: this.#viewOf(partner, { ...seller, ...rulesOf(act) }) } };
    }),
    change_settings: ({ settings }) => ({ ok: true, effect: null, notice: { settings } }),
    suspend_seller: this.#ofSeller<"suspend_seller">((_, seller, __, { partner }) => ({
      ok: true,
      effect: { seller: this.#viewOf(partner, { ...seller, isSuspended: true }) },
    })),
    resume_seller: this.#ofSeller<"resume_seller">((_, seller, __, { partner }) => ({
      ok: true,
      effect: { seller: this.#viewOf(partner, { ...seller, isSuspended: false }) },
    })),
    request_credit: this.#ofSeller<"request_credit">((_, seller, { subject, by }, { partner }) => {
      if (seller.pending >= PENDING_REQUESTS_MAX) return reject("too_many_pending_requests", seller.id);
      const random = this.#context.random(REQUEST_ID_BYTES);
      const request = requestId(partner, subject, random);
      return { ok: true, effect: { request, ...(by !== undefined && { requestedBy: by }) } };
    }),
    approve: this.#ofSeller<"approve">((state, seller, act, context) => {
      const decided = decideRequest(state, seller, act, context);
      if (!decided.ok || decided.effect === null || act.amount > 0) return decided;
      return { ...decided, effect: { ...decided.effect, ...this.#lowCredit(seller, context) } };
    }),
    reject: this.#ofSeller<"reject">(decideRequest),
    withdraw_request: this.#ofSeller<"withdraw_request">(decideRequest),
    start_sale: this.#ofSeller<"start_sale">((state, seller, act, context) => {
      assert(act.amount === context.amount, "a sale says what its transfer holds");
      return this.#refusalOfSale(state, seller, act, context) ?? ACCEPTED;
    }),
    complete_sale: this.#ofSeller<"complete_sale">((_, seller, { sale, by }, context) => {
      const decided = this.#decideSale(sale, { status: "completed", decidedBy: by, reason: null }, context);
      return decided.ok
        ? { ok: true, effect: { ...decided.effect, ...this.#lowCredit(seller, context) } }
        : decided;
    }),
    fail_sale: this.#ofSeller<"fail_sale">((_, __, { sale, by, reason }, context) =>
      this.#decideSale(sale, { status: "failed", decidedBy: by, reason }, context),
    ),
    report_unknown: this.#ofSeller<"report_unknown">((_, __, { sale: id }, { partner }) => {
      const sale = this.#sales.find(partner, id);
      if (sale?.status !== "pending") return reject("already_decided", id);
      return { ok: true, effect: { sale: { ...saleView(sale), status: "unknown" } } };
    }),
    report_late: this.#ofSeller<"report_late">((_, __, { sale: id, answer }, { partner }) => {
      const sale = this.#sales.find(partner, id);
      if (sale === undefined || !isDecided(sale.status) || sale.conflict !== null)
        return reject("already_decided", id);
      const conflict = answer === sale.status ? null : answer;
      return { ok: true, effect: { sale: { ...saleView(sale), conflict } } };
    }),
    sale: this.#ofSeller<"sale">((state, seller, act, context) => {
      const refused = this.#refusalOfSale(state, seller, act, context);
      return refused ?? { ok: true, effect: this.#lowCredit(seller, context) };
    }),
    forget: (_, { partner, nowMs }) => ({
      ok: true,
      effect: { forgotten: this.#stateOf(partner).nextForgotten(nowMs) },
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
    update_seller: (act, _, { partner, timeMs }) => {
      const seller = Object.assign(this.#sellerOf(partner, act.subject), rulesOf(act));
      if (act.limits !== undefined) seller.daily = dailyUseOf(seller.limits, seller.daily, timeMs);
    },
    change_settings: ({ settings }, _, { partner, timeMs }) => this.receive({ settings }, partner, timeMs),
    suspend_seller: ({ subject }, _, { partner }) => {
      this.#sellerOf(partner, subject).isSuspended = true;
    },
    resume_seller: ({ subject }, _, { partner }) => {
      this.#sellerOf(partner, subject).isSuspended = false;
    },
    request_credit: ({ subject, amount, note, by }, { request: id }, { partner, timeMs }) => {
      const seller = this.#sellerOf(partner, subject);
      const terms = { id, seller, amount, note, createdAtMs: timeMs, requestedBy: by };
      this.#stateOf(partner).addRequest({ ...terms, decision: undefined });
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
    withdraw_request: ({ request, by }, _, { partner, timeMs }) => {
      const state = this.#stateOf(partner);
      const decision = { isApproved: false, by, atMs: timeMs, reason: null, isWithdrawn: true };
      state.settle(requestOf(state, request), decision);
    },
    start_sale: ({ subject, phone, amount, reference }, _, { partner, timeMs, transfer: id }) => {
      assert(id !== null, "a sale comes with a transfer");
      const seller = this.#countUse(partner, subject, phone, amount, timeMs);
      this.#sales.start(partner, { id, seller: seller.id, phone, amount, reference, createdAtMs: timeMs });
    },
    complete_sale: ({ subject, sale: id, by }, { sale }, { partner }) => {
      this.#sales.decide(id, { status: "completed", by, reason: null });
      this.#sell(partner, subject, sale.phone, sale.amount);
    },
    fail_sale: ({ subject, sale: id, by, reason }, { sale }, { partner }) => {
      this.#sales.decide(id, { status: "failed", by, reason });
      const { seller, phone, amount, createdAtMs } = sale;
      uncountSale(this.#sellerOf(partner, subject).daily, amount, createdAtMs);
      this.#stateOf(partner).phoneUses.uncount(seller, phone, amount, createdAtMs);
    },
    report_unknown: ({ sale }) => this.#sales.reportUnknown(sale),
    report_late: ({ sale, answer }, _, { timeMs }) => this.#sales.answerLate(sale, answer, timeMs),
    sale: ({ subject, phone }, _, { partner, amount, timeMs }) => {
      this.#countUse(partner, subject, phone, amount, timeMs);
      this.#sell(partner, subject, phone, amount);
    },
    take_back: ({ subject, phone, wasDecrease }, _, { partner, amount }) => {
      const seller = this.#sellerOf(partner, subject);
      if (phone === undefined) seller.credited += wasDecrease ? amount : -amount;
      else {
        seller.sold -= amount;
        this.#stateOf(partner).phones.count(phone, -amount, -1);
      }
    },
    forget: (_, { forgotten }, { partner, timeMs }) => {
      const ids = forgotten.map(([id]) => id);
      this.#stateOf(partner).forget(ids, timeMs);
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
    sales: (partner, [ids]) => {
      const found = ids.map((id) => this.#sales.find(partner, id));
      return found.flatMap((sale) => (sale === undefined ? [] : [saleView(sale)]));
    },
    sale_list: (partner, [list, seller, phone, ...page]) =>
      this.#sales.list(partner, { list, seller, phone }, page),
    open_sales: (_, [limit, after]) => this.#sales.open(limit, after),
    conflicts: () => this.#sales.conflicts,
    settings: (partner) => ({ phoneLimits: this.#states.get(partner)?.phoneUses.limits ?? null }),
    phone: (partner, [phone]) => {
      const found = this.#states.get(partner)?.phones.find(phone);
      return found === undefined ? null : { ...found };
    },
    phones: (partner, [limit, after]) => this.#states.get(partner)?.phones.page(limit, after) ?? [],
  };

  protected override receive({ settings }: Notice, partner: string, timeMs: number): void {
    this.#stateOf(partner).phoneUses.change(settings.phoneLimits, timeMs);
  }

  *items(): Generator<Item> {
    for (const [partner, state] of this.#states) yield* state.items(partner);
    yield* this.#sales.items();
  }

  protected restoreItem(item: Item): void {
    if (item[0] === "sale" || item[0] === "sales_started") this.#sales.restore(item);
    else this.#stateOf(item[1]).restore(item);
  }

  #refusalOfSale(
    state: TopupState,
    seller: Seller,
    { phone, reference }: TopupAct<"sale" | "start_sale">,
    { partner, amount, isTaken, takenBy, nowMs }: DecisionContext,
  ): Rejected | undefined {
    if (seller.isSuspended) return reject("seller_suspended", seller.id);
    if (isTaken) return reject("duplicate_reference", takenBy || reference);
    const refused =
      refusalByLimits(seller.limits, seller.daily, amount, nowMs, seller.id) ??
      state.phoneUses.refusal(seller.id, phone, amount, nowMs);
    if (refused !== undefined) return refused;
    // What is held for the phone is charged to it once the operator has answered, which must not be refused then.
    const { total = 0 } = state.phones.find(phone) ?? {};
    const sum = total + this.#sales.heldFor(partner, phone) + amount;
    return sum > BALANCE_MAX ? reject("balance_out_of_range", phone) : undefined;
  }

  #decideSale(
    id: string,
    decision: Pick<SaleView, "status" | "decidedBy" | "reason">,
    { partner, amount }: DecisionContext,
  ): Decision<{ sale: SaleView }, never> {
    const sale = this.#sales.find(partner, id);
    if (sale === undefined || isDecided(sale.status)) return reject("already_decided", id);
    assert(sale.amount === amount, "a sale is decided as a whole");
    return { ok: true, effect: { sale: { ...saleView(sale), ...decision } } };
  }

  /** Counts a new sale against the daily limits. */
  #countUse(partner: string, subject: string, phone: string, amount: number, atMs: number): Seller {
    const seller = this.#sellerOf(partner, subject);
    countSale(seller.daily, amount, atMs);
    this.#stateOf(partner).phoneUses.count(seller.id, phone, amount, atMs);
    return seller;
  }

  #sell(partner: string, subject: string, phone: string, amount: number): void {
    this.#sellerOf(partner, subject).sold += amount;
    this.#stateOf(partner).phones.count(phone, amount, 1);
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
      state = new TopupState(partner, this.#context);
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
    const { id, name, isSuspended, credited, sold, createdAtMs, lowCreditThreshold, limits } = seller;
    const { posted: credit = 0, held = 0 } = this.#context.account(partner, creditAccount(id)) ?? {};
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
      ...(limits !== null && { limits }),
      ...(held !== 0 && { held }),
    };
  }
}

/** The rules of a seller that the act changes. */
function rulesOf({
  lowCreditThreshold,
  limits,
}: TopupAct<"update_seller">): Partial<Pick<Seller, "lowCreditThreshold" | "limits">> {
  return {
    ...(lowCreditThreshold !== undefined && { lowCreditThreshold: lowCreditThreshold ?? undefined }),
    ...(limits !== undefined && { limits }),
  };
}
