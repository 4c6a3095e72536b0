/** A plain model of the top-up programme of one partner. It shares no code with the programme. */
import type {
  RequestView,
  SaleLimits,
  SaleView,
  SellerView,
} from "../../../src/actors/programmes/topup/acts.ts";

type Seller = {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  isSuspended: boolean;
  credited: number;
  sold: number;
  readonly references: Map<string, string>;
  limits: SaleLimits | null;
  /** Sales that count against the daily limits, since they were set. */
  counted: Counted[];
};
type Counted = Readonly<{ id: string; amount: number; atMs: number }>;
type Sale = { -readonly [K in keyof SaleView]: SaleView[K] } & { isOver: boolean };
type Request = { -readonly [K in keyof RequestView]: RequestView[K] };
/** `credit`: the change of the seller's credit. */
type Made = Readonly<{ seller: string; credit: number; phone?: string }> & { isReverted: boolean };

export type Answer = Readonly<{ code: string; subject: string | null } | { effect: unknown }>;

type Refused = Readonly<{ code: string; subject: string | null }>;
type SaleTerms = Readonly<{ seller: string; phone: string; amount: number; reference: string | null }>;

const refused = (code: string, subject: string | null): Refused => ({ code, subject });

const DAY_MS = 24 * 60 * 60 * 1000;

function hasDaily(limits: SaleLimits | null): boolean {
  return limits !== null && (limits.dailyAmount ?? limits.dailyCount) !== null;
}

/** The steps of a history are too close in time for any bucket of the window to end. */
function breach(
  limits: SaleLimits | null,
  counted: readonly Counted[],
  amount: number,
  nowMs: number,
): string | undefined {
  if (limits === null) return undefined;
  const { minAmount, maxAmount, dailyAmount, dailyCount } = limits;
  if (minAmount !== null && amount < minAmount) return "amount_below_minimum";
  if (maxAmount !== null && amount > maxAmount) return "amount_above_maximum";
  const recent = counted.filter(({ atMs }) => nowMs - atMs <= DAY_MS);
  const sum = recent.reduce((total, each) => total + each.amount, amount);
  const isExceeded =
    (dailyAmount !== null && sum > dailyAmount) || (dailyCount !== null && recent.length + 1 > dailyCount);
  return isExceeded ? "daily_limit_exceeded" : undefined;
}

export function viewOfSale(sale: Sale): SaleView {
  const { id, seller, phone, amount, reference, createdAtMs, status, decidedBy, reason, conflict } = sale;
  return { id, seller, phone, amount, reference, createdAtMs, status, decidedBy, reason, conflict };
}

export class TopupModel {
  readonly sellers = new Map<string, Seller>();
  /** All that were ever made, oldest first. */
  readonly requests: Request[] = [];
  /** Ids of those that have left memory. */
  readonly forgotten = new Set<string>();
  /** Started sales, oldest first. */
  readonly sales: Sale[] = [];
  phoneLimits: SaleLimits | null = null;
  /** By seller and phone. */
  readonly #phoneUses = new Map<string, Counted[]>();
  readonly phones = new Map<string, { phone: string; total: number; topups: number }>();
  readonly #made = new Map<string, Made>();

  create(id: string, name: string, nowMs: number): Answer {
    if (this.sellers.has(id)) return refused("seller_exists", id);
    const figures = { isSuspended: false, credited: 0, sold: 0, references: new Map<string, string>() };
    this.sellers.set(id, { id, name, createdAtMs: nowMs, ...figures, limits: null, counted: [] });
    return { effect: undefined };
  }

  suspend(id: string, isSuspended: boolean): Answer {
    const seller = this.sellers.get(id);
    if (seller === undefined) return refused("seller_not_found", id);
    seller.isSuspended = isSuspended;
    return { effect: { seller: this.view(seller) } };
  }

  limit(id: string, limits: SaleLimits | null): Answer {
    const seller = this.sellers.get(id);
    if (seller === undefined) return refused("seller_not_found", id);
    if (!hasDaily(limits)) seller.counted = [];
    seller.limits = limits;
    return { effect: { seller: this.view(seller) } };
  }

  limitPhones(limits: SaleLimits | null): Answer {
    if (!hasDaily(limits)) this.#phoneUses.clear();
    this.phoneLimits = limits;
    return { effect: undefined };
  }

  /** @param request id of the new request. */
  request(
    id: string,
    { amount, note, by }: Readonly<{ amount: number; note: string | null; by: string | undefined }>,
    request: string,
    nowMs: number,
  ): Answer {
    if (!this.sellers.has(id)) return refused("seller_not_found", id);
    const open = { status: "pending", decidedBy: null, decidedAtMs: null, reason: null } as const;
    const asked = by === undefined ? {} : { requestedBy: by };
    this.requests.push({ id: request, seller: id, amount, note, createdAtMs: nowMs, ...open, ...asked });
    return { effect: { request, ...asked } };
  }

  decide(
    seller: string,
    id: string,
    by: string,
    { verb, reason }: Readonly<{ verb: "approve" | "reject" | "withdraw"; reason: string | null }>,
    nowMs: number,
    transfer: string,
  ): Answer {
    const known = this.sellers.get(seller);
    if (known === undefined) return refused("seller_not_found", seller);
    const request = this.requests.find((each) => each.id === id && !this.forgotten.has(id));
    if (request === undefined) return refused("credit_request_not_found", id);
    if (request.status !== "pending") return refused("already_decided", id);
    const { amount } = request;
    const isApproved = verb === "approve";
    if (isApproved && request.requestedBy === by) return refused("approver_is_requester", id);
    if (isApproved && known.credited - known.sold - this.#heldBy(seller) + amount < 0)
      return refused("insufficient_funds", `credit:${seller}`);
    const status = ({ approve: "approved", reject: "rejected", withdraw: "withdrawn" } as const)[verb];
    Object.assign(request, { status, decidedBy: by, decidedAtMs: nowMs, reason: isApproved ? null : reason });
    if (isApproved) this.#move(transfer, { seller, credit: amount });
    return { effect: { decided: { ...request } } };
  }

  /** What was decided 30 days ago leaves memory, from the next full minute on. */
  forget(nowMs: number): void {
    const KEPT_MS = 30 * DAY_MS;
    const ended = this.requests.filter(
      ({ id, decidedAtMs }) =>
        !this.forgotten.has(id) && decidedAtMs !== null && decidedAtMs + KEPT_MS <= nowMs,
    );
    const isDue = ended.some(
      ({ decidedAtMs }) => Math.ceil(((decidedAtMs ?? 0) + KEPT_MS) / 60_000) * 60_000 <= nowMs,
    );
    if (isDue) for (const { id } of ended) this.forgotten.add(id);
  }

  sell(terms: SaleTerms, transfer: string, nowMs: number): Answer {
    const seller = this.#refusalOfSale(terms, nowMs);
    if ("code" in seller) return seller;
    this.#count(seller, terms, transfer, nowMs);
    this.#move(transfer, { seller: terms.seller, credit: -terms.amount, phone: terms.phone });
    return { effect: undefined };
  }

  start(terms: SaleTerms, id: string, nowMs: number): Answer {
    const seller = this.#refusalOfSale(terms, nowMs);
    if ("code" in seller) return seller;
    this.#count(seller, terms, id, nowMs);
    const open = { status: "pending", decidedBy: null, reason: null, conflict: null } as const;
    this.sales.push({ id, ...terms, createdAtMs: nowMs, ...open, isOver: false });
    return { effect: undefined };
  }

  /** @param by `null`: the operator. */
  end(id: string, status: "completed" | "failed", by: string | null, reason: string | null): Answer {
    const sale = this.sales.find((each) => each.id === id);
    if (sale === undefined) return refused("transfer_not_found", id);
    if (sale.status !== "pending" && sale.status !== "unknown") return refused("transfer_not_pending", id);
    Object.assign(sale, { status, decidedBy: by, reason });
    const view = viewOfSale(sale);
    sale.isOver = by === null;
    if (status === "completed")
      this.#move(id, { seller: sale.seller, credit: -sale.amount, phone: sale.phone });
    else {
      const seller = this.sellers.get(sale.seller) as Seller;
      seller.counted = seller.counted.filter((each) => each.id !== id);
      const key = `${sale.seller} ${sale.phone}`;
      this.#phoneUses.set(
        key,
        (this.#phoneUses.get(key) ?? []).filter((each) => each.id !== id),
      );
    }
    return { effect: { sale: view } };
  }

  reportUnknown(id: string): Answer {
    const sale = this.sales.find((each) => each.id === id);
    if (sale?.status !== "pending") return refused("already_decided", id);
    sale.status = "unknown";
    return { effect: { sale: viewOfSale(sale) } };
  }

  reportLate(id: string, answer: "completed" | "failed"): Answer {
    const sale = this.sales.find((each) => each.id === id);
    if (sale === undefined || sale.isOver || sale.conflict !== null || sale.decidedBy === null)
      return refused("already_decided", id);
    if (sale.status === answer) sale.isOver = true;
    else sale.conflict = answer;
    return { effect: { sale: viewOfSale(sale) } };
  }

  #refusalOfSale({ seller: id, phone, amount, reference }: SaleTerms, nowMs: number): Seller | Refused {
    const seller = this.sellers.get(id);
    if (seller === undefined) return refused("seller_not_found", id);
    if (seller.isSuspended) return refused("seller_suspended", id);
    const first = reference === null ? undefined : seller.references.get(reference);
    if (first !== undefined) return refused("duplicate_reference", first);
    const uses = this.#phoneUses.get(`${id} ${phone}`) ?? [];
    const code =
      breach(seller.limits, seller.counted, amount, nowMs) ?? breach(this.phoneLimits, uses, amount, nowMs);
    if (code !== undefined)
      return refused(code, breach(seller.limits, seller.counted, amount, nowMs) === undefined ? phone : id);
    if (seller.credited - seller.sold - this.#heldBy(id) < amount)
      return refused("insufficient_funds", `credit:${id}`);
    return seller;
  }

  #count(seller: Seller, { phone, amount, reference }: SaleTerms, id: string, atMs: number): void {
    if (reference !== null) seller.references.set(reference, id);
    if (hasDaily(seller.limits)) seller.counted.push({ id, amount, atMs });
    const key = `${seller.id} ${phone}`;
    if (hasDaily(this.phoneLimits))
      this.#phoneUses.set(key, [...(this.#phoneUses.get(key) ?? []), { id, amount, atMs }]);
  }

  #heldBy(id: string): number {
    const open = this.sales.filter((sale) => sale.seller === id && /pending|unknown/.test(sale.status));
    return open.reduce((sum, { amount }) => sum + amount, 0);
  }

  revert(id: string, transfer: string): Answer {
    const sale = this.sales.find((each) => each.id === id);
    if (sale !== undefined && sale.status !== "completed") return refused("transfer_not_posted", id);
    const made = this.#made.get(id);
    if (made === undefined) return refused("transfer_not_found", id);
    if (made.isReverted) return refused("already_reverted", id);
    const seller = this.sellers.get(made.seller) as Seller;
    // A revert cannot be reverted.
    if (this.#backs.has(id)) return refused("managed_account", `credit:${seller.id}`);
    if (seller.credited - seller.sold - this.#heldBy(made.seller) < made.credit)
      return refused("insufficient_funds", `credit:${seller.id}`);
    made.isReverted = true;
    this.#move(transfer, { ...made, credit: -made.credit }, true);
    this.#backs.add(transfer);
    return { effect: undefined };
  }

  readonly #backs = new Set<string>();

  view({ id, name, isSuspended, credited, sold, createdAtMs, limits }: Seller): SellerView {
    const held = this.#heldBy(id);
    const status = isSuspended ? "suspended" : "active";
    return {
      id,
      name,
      status,
      credit: credited - sold,
      totalCredited: credited,
      totalSold: sold,
      createdAtMs,
      ...(limits !== null && { limits }),
      ...(held !== 0 && { held }),
    };
  }

  #move(transfer: string, made: Omit<Made, "isReverted">, isBack = false): void {
    this.#made.set(transfer, { ...made, isReverted: false });
    const seller = this.sellers.get(made.seller) as Seller;
    if (made.phone === undefined) {
      seller.credited += made.credit;
      return;
    }
    seller.sold -= made.credit;
    const phone = this.phones.get(made.phone) ?? { phone: made.phone, total: 0, topups: 0 };
    this.phones.set(made.phone, phone);
    phone.total -= made.credit;
    phone.topups += isBack ? -1 : 1;
  }
}
