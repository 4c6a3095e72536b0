/**
 * The voucher programme. A voucher is stored on the shard of its customer, which decides everything about it. Offers,
 * which set the discount of their vouchers, are stored on every shard.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type { ListRequest } from "../paged-index.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  Programme,
  ProgrammeContext,
  Random,
} from "../programme.ts";
import type {
  BatchMade,
  BatchOrder,
  BatchPart,
  CreateBatch,
  CustomerView,
  Expired,
  Issued,
  Offer,
  PortionIssued,
  Recipients,
  Redeemed,
  VoucherAct,
  VoucherEffect,
  VoucherNotice,
  VoucherStatus,
} from "./acts.ts";
import { Batches, PORTION_MAX, partOf, sizeOf } from "./batches.ts";
import { decideIssue, decidePutOffer, decideRedeem, decideRollbackOrCancel } from "./voucher-decisions.ts";
import { type NewVoucher, snapshotOf, type Voucher, VoucherStore } from "./voucher-store.ts";

const ID_BYTES = 12;

type Item =
  | readonly ["offer", partner: string, offer: Offer, addedAtMs: number]
  | readonly ["customer", partner: string, email: string, name: string | null, createdAtMs: number]
  | readonly [
      "voucher",
      partner: string,
      email: string,
      code: string,
      offer: string,
      expiresAtMs: number,
      createdAtMs: number,
      snapshot: number | null,
      status: VoucherStatus,
      used: Voucher["used"],
    ]
  | readonly [
      "batch",
      partner: string,
      id: string,
      order: BatchOrder,
      recipients: Recipients,
      issued: number,
      isDone: boolean,
      nextAtMs: number,
    ];

export class Vouchers implements Programme<VoucherAct, VoucherEffect> {
  readonly #context: ProgrammeContext;
  readonly #stores = new Map<string, VoucherStore>();
  readonly #batches: Batches;

  constructor(context: ProgrammeContext) {
    this.#context = context;
    this.#batches = new Batches(context.scheduler);
  }

  decide(act: VoucherAct, context: DecisionContext): AcceptedAct<VoucherEffect> | Rejected {
    const store = this.#storeForRead(context.partner);
    switch (act.act) {
      case "create_customer":
        if (store.customer(act.email) !== undefined) return reject("customer_exists", act.email);
        return { ok: true, effect: null };
      case "put_offer":
        return decidePutOffer(store, act);
      case "issue":
        return decideIssue(store, act);
      case "redeem":
        return decideRedeem(store, act, context);
      case "rollback":
      case "cancel":
        return decideRollbackOrCancel(store, act, context);
      case "expire": {
        const expired = store.firstExpired(act.email, context.nowMs);
        return { ok: true, effect: { expired: expired.map(({ id, offer }) => [id, offer]) } };
      }
      case "create_batch":
        return this.#decideBatch(store, act, context);
      case "issue_portion":
        return this.#decidePortion(store, act.batch, context);
      default:
        return unreachable(act);
    }
  }

  apply(act: VoucherAct, effect: VoucherEffect, { partner, timeMs }: ApplyContext): void {
    const store = this.#storeOf(partner);
    switch (act.act) {
      case "create_customer":
        store.addCustomer(act.email, act.name, timeMs);
        return;
      case "put_offer":
        store.offers.put(effect as Offer, timeMs);
        return;
      case "issue": {
        const { code, snapshot, offer } = effect as Issued;
        if (offer !== null) store.offers.put(offer, timeMs);
        store.addVoucher(act.email, newVoucher(code, act.offer, act.expiresAtMs, timeMs, snapshot));
        return;
      }
      case "redeem": {
        const { discount } = effect as Redeemed;
        store.setStatus(act.code, "redeemed", { atMs: timeMs, discount });
        return;
      }
      case "rollback":
        store.setStatus(act.code, "valid");
        return;
      case "cancel":
        store.setStatus(act.code, "cancelled");
        return;
      case "expire":
        for (const [code] of (effect as Expired).expired) store.setStatus(code, "expired");
        return;
      case "create_batch": {
        const { id, order } = effect as BatchMade;
        this.#addBatch(partner, id, order, act.recipients);
        return;
      }
      case "issue_portion":
        this.#issue(partner, store, act.batch, effect as PortionIssued, timeMs);
        return;
      default:
        unreachable(act);
    }
  }

  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number): void {
    const { offer, batch } = notice as VoucherNotice;
    this.#storeOf(partner).offers.put(offer, timeMs);
    if (batch !== undefined) this.#addBatch(partner, batch.id, batch.order, batch.recipients);
  }

  answer(partner: string, [query, ...values]: readonly JsonValue[], nowMs: number): JsonValue {
    const store = this.#storeForRead(partner);
    const name = values[0] as string;
    switch (query) {
      case "customer":
        return customerView(store, name);
      case "voucher": {
        const voucher = store.voucher(values[1] as string);
        return voucher?.customer.email === name ? store.viewOf(voucher, nowMs) : null;
      }
      case "owner":
        return store.voucher(name)?.customer.email ?? null;
      case "vouchers": {
        const [email, status, ...page] = values;
        return store.list(
          email as string,
          status as VoucherStatus | null,
          page as unknown as ListRequest,
          nowMs,
        );
      }
      case "offer":
        return store.offers.get(name) ?? null;
      case "offers":
        return store.offers.list(values as unknown as ListRequest);
      case "count":
        return store.customers.length;
      case "places":
        return (values[0] as readonly string[]).map((email) => store.creationIndexOf(email));
      case "batch":
        return this.#partOf(partner, name, nowMs);
      default:
        throw new TypeError(`unknown query of the voucher programme: ${JSON.stringify(query)}`);
    }
  }

  *items(): Generator<Item> {
    for (const [partner, store] of this.#stores) {
      for (const { offer, addedAtMs } of store.offers.all()) yield ["offer", partner, offer, addedAtMs];
      for (const { email, name, createdAtMs, vouchers } of store.customers) {
        yield ["customer", partner, email, name, createdAtMs];
        for (const { id, offer, endsAtMs, createdAtMs: at, snapshot, status, used } of vouchers)
          yield ["voucher", partner, email, id, offer, endsAtMs, at, snapshot, status, used];
      }
    }
    for (const { partner, id, order, recipients, issued, isDone, endsAtMs } of this.#batches.all())
      yield ["batch", partner, id, order, recipients, issued, isDone, endsAtMs];
  }

  restore(stored: readonly JsonValue[]): void {
    const item = stored as unknown as Item;
    const store = this.#storeOf(item[1]);
    switch (item[0]) {
      case "offer":
        store.offers.put(item[2], item[3]);
        return;
      case "customer":
        store.addCustomer(item[2], item[3], item[4]);
        return;
      case "voucher": {
        const [, , email, code, offer, expiresAtMs, createdAtMs, snapshot, status, used] = item;
        const issued = newVoucher(code, offer, expiresAtMs, createdAtMs, snapshot);
        store.addVoucher(email, { ...issued, status, used });
        return;
      }
      case "batch": {
        const [, partner, id, order, recipients, issued, isDone, endsAtMs] = item;
        this.#batches.add({ partner, id, order, recipients, issued, isDone, endsAtMs });
        return;
      }
    }
  }

  /** Reads must not create state: for an unknown partner this is an empty store that is not kept. */
  #storeForRead(partner: string): VoucherStore {
    return this.#stores.get(partner) ?? new VoucherStore(partner, this.#context);
  }

  #storeOf(partner: string): VoucherStore {
    let store = this.#stores.get(partner);
    if (store === undefined) this.#stores.set(partner, (store = new VoucherStore(partner, this.#context)));
    return store;
  }

  #decideBatch(
    store: VoucherStore,
    act: CreateBatch,
    { partner, nowMs }: DecisionContext,
  ): AcceptedAct<BatchMade> | Rejected {
    const offer = store.offers.get(act.offer);
    if (offer === undefined) return reject("offer_not_found", act.offer);
    if (act.unknown !== null) return reject("customer_not_found", act.unknown);
    if (this.#batches.isFullFor(partner)) return reject("too_many_batches", partner);
    const id = newId(this.#context.random);
    const { expiresAtMs, runAtMs, recipients } = act;
    const order = { offer: offer.name, expiresAtMs, runAtMs: runAtMs ?? nowMs };
    const requested = recipients.reduce<number>((sum, those) => sum + sizeOf(those), 0);
    const notice: VoucherNotice = { offer, batch: { id, order, recipients } };
    return { ok: true, effect: { id, requested, order }, notice };
  }

  #decidePortion(store: VoucherStore, id: string, { partner }: DecisionContext): AcceptedAct<PortionIssued> {
    const batch = this.#batches.get(partner, id);
    assert(batch !== undefined, "the batch of a portion is known");
    const { recipients, issued: from, order } = batch;
    const offer = store.offers.get(order.offer);
    assert(offer !== undefined, "the offer of a batch exists");
    const taken = new Set<string>();
    const issued = store.recipients(recipients, from, PORTION_MAX).map(({ email }) => {
      let code = store.newCode(email);
      while (taken.has(code)) code = store.newCode(email);
      taken.add(code);
      return [email, code] as const;
    });
    const { offer: name, expiresAtMs } = order;
    return { ok: true, effect: { offer: name, expiresAtMs, snapshot: snapshotOf(offer), issued } };
  }

  #addBatch(partner: string, id: string, order: BatchOrder, recipients: readonly Recipients[]): void {
    const ownRecipients = recipients[this.#context.shard] ?? 0;
    this.#batches.add({
      partner,
      id,
      order,
      recipients: ownRecipients,
      issued: 0,
      isDone: false,
      endsAtMs: order.runAtMs,
    });
  }

  #issue(
    partner: string,
    store: VoucherStore,
    id: string,
    { offer, expiresAtMs, snapshot, issued }: PortionIssued,
    timeMs: number,
  ): void {
    const batch = this.#batches.get(partner, id);
    assert(batch !== undefined, "the batch of a portion is known");
    for (const [email, code] of issued)
      store.addVoucher(email, newVoucher(code, offer, expiresAtMs, timeMs, snapshot));
    this.#batches.issued(batch, issued.length, timeMs);
  }

  #partOf(partner: string, id: string, nowMs: number): BatchPart | null {
    const batch = this.#batches.get(partner, id);
    return batch === undefined ? null : partOf(batch, nowMs);
  }
}

/** Vouchers must not be expired when they are issued. */
export function futureTimesOfVouchers(act: Act): readonly (readonly [string, number])[] {
  const voucherAct = act as VoucherAct;
  return voucherAct.act === "issue" || voucherAct.act === "create_batch"
    ? [["expires_at", voucherAct.expiresAtMs]]
    : [];
}

function customerView(store: VoucherStore, email: string): CustomerView | null {
  const customer = store.customer(email);
  if (customer === undefined) return null;
  const { name, createdAtMs } = customer;
  return { email, name, createdAtMs };
}

function newId(random: Random): string {
  const digits = Array.from(random(ID_BYTES), (byte) => byte.toString(16).padStart(2, "0"));
  return `vb_${digits.join("")}`;
}

function newVoucher(
  code: string,
  offer: string,
  expiresAtMs: number,
  createdAtMs: number,
  snapshot: number | null,
): NewVoucher {
  return { id: code, offer, endsAtMs: expiresAtMs, createdAtMs, snapshot, status: "valid", used: null };
}
