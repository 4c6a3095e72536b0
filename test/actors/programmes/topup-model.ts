/** A plain model of the top-up programme of one partner. It shares no code with the programme. */
import type { RequestView, SellerView } from "../../../src/actors/programmes/topup/acts.ts";

type Seller = {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  isSuspended: boolean;
  credited: number;
  sold: number;
  readonly references: Set<string>;
};
type Request = { -readonly [K in keyof RequestView]: RequestView[K] };
/** `credit`: the change of the seller's credit. */
type Made = Readonly<{ seller: string; credit: number; phone?: string }> & { isReverted: boolean };

export type Answer = Readonly<{ code: string; subject: string | null } | { effect: unknown }>;

const refused = (code: string, subject: string | null) => ({ code, subject });

export class TopupModel {
  readonly sellers = new Map<string, Seller>();
  readonly requests: Request[] = [];
  readonly phones = new Map<string, { phone: string; total: number; topups: number }>();
  readonly #made = new Map<string, Made>();

  create(id: string, name: string, nowMs: number): Answer {
    if (this.sellers.has(id)) return refused("seller_exists", id);
    const figures = { isSuspended: false, credited: 0, sold: 0, references: new Set<string>() };
    this.sellers.set(id, { id, name, createdAtMs: nowMs, ...figures });
    return { effect: undefined };
  }

  suspend(id: string, isSuspended: boolean): Answer {
    const seller = this.sellers.get(id);
    if (seller === undefined) return refused("seller_not_found", id);
    seller.isSuspended = isSuspended;
    return { effect: { seller: this.view(seller) } };
  }

  /** @param request id of the new request. */
  request(id: string, amount: number, note: string | null, request: string, nowMs: number): Answer {
    if (!this.sellers.has(id)) return refused("seller_not_found", id);
    const open = { status: "pending", decidedBy: null, decidedAtMs: null, reason: null } as const;
    this.requests.push({ id: request, seller: id, amount, note, createdAtMs: nowMs, ...open });
    return { effect: { request } };
  }

  decide(
    seller: string,
    id: string,
    by: string,
    { isApproved, reason }: Readonly<{ isApproved: boolean; reason: string | null }>,
    nowMs: number,
    transfer: string,
  ): Answer {
    const known = this.sellers.get(seller);
    if (known === undefined) return refused("seller_not_found", seller);
    const request = this.requests.find((each) => each.id === id);
    if (request === undefined) return refused("credit_request_not_found", id);
    if (request.status !== "pending") return refused("already_decided", id);
    const { amount } = request;
    if (isApproved && known.credited - known.sold + amount < 0)
      return refused("insufficient_funds", `credit:${seller}`);
    const status = isApproved ? "approved" : "rejected";
    Object.assign(request, { status, decidedBy: by, decidedAtMs: nowMs, reason: isApproved ? null : reason });
    if (isApproved) this.#move(transfer, { seller, credit: amount });
    return { effect: { decided: { ...request } } };
  }

  sell(id: string, phone: string, amount: number, reference: string | null, transfer: string): Answer {
    const seller = this.sellers.get(id);
    if (seller === undefined) return refused("seller_not_found", id);
    if (seller.isSuspended) return refused("seller_suspended", id);
    if (reference !== null && seller.references.has(reference))
      return refused("duplicate_reference", reference);
    if (seller.credited - seller.sold < amount) return refused("insufficient_funds", `credit:${id}`);
    if (reference !== null) seller.references.add(reference);
    this.#move(transfer, { seller: id, credit: -amount, phone });
    return { effect: undefined };
  }

  revert(id: string, transfer: string): Answer {
    const made = this.#made.get(id);
    if (made === undefined) return refused("transfer_not_found", id);
    if (made.isReverted) return refused("already_reverted", id);
    const seller = this.sellers.get(made.seller) as Seller;
    // A revert cannot be reverted.
    if (this.#backs.has(id)) return refused("managed_account", `credit:${seller.id}`);
    if (seller.credited - seller.sold < made.credit)
      return refused("insufficient_funds", `credit:${seller.id}`);
    made.isReverted = true;
    this.#move(transfer, { ...made, credit: -made.credit }, true);
    this.#backs.add(transfer);
    return { effect: undefined };
  }

  readonly #backs = new Set<string>();

  view({ id, name, isSuspended, credited, sold, createdAtMs }: Seller): SellerView {
    const status = isSuspended ? "suspended" : "active";
    return {
      id,
      name,
      status,
      credit: credited - sold,
      totalCredited: credited,
      totalSold: sold,
      createdAtMs,
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
