/**
 * The voucher programme. A voucher is stored on the shard of its customer, which decides everything about it. Offers,
 * which set the discount of their vouchers, are stored on every shard.
 */
import { assert } from "../../../errors/assert.ts";
import { reject } from "../../records/command.ts";
import {
  type Answers,
  type Changes,
  type DecisionContext,
  type Decisions,
  type ProgrammeContext,
  type Random,
  TypedProgramme,
} from "../programme.ts";
import type {
  BatchOrder,
  CustomerView,
  Offer,
  Recipients,
  VoucherAct,
  VoucherActs,
  VoucherNotice,
  VoucherQuestions,
  VoucherStatus,
} from "./acts.ts";
import { type Batch, Batches, PORTION_MAX, partOf, sizeOf } from "./batches.ts";
import {
  decideIssue,
  decidePutOffer,
  decideRedeem,
  decideRollbackOrCancel,
  type VoucherDecision,
} from "./voucher-decisions.ts";
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

export class Vouchers extends TypedProgramme<VoucherActs, VoucherQuestions, VoucherNotice, Item> {
  readonly #context: ProgrammeContext;
  readonly #stores = new Map<string, VoucherStore>();
  readonly #batches: Batches;

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
    this.#batches = new Batches(context.scheduler);
  }

  protected readonly decisions: Decisions<VoucherActs, VoucherNotice> = {
    create_customer: ({ email }, { partner }) =>
      this.#storeForRead(partner).customer(email) === undefined
        ? { ok: true, effect: null }
        : reject("customer_exists", email),
    put_offer: (act, { partner }) => decidePutOffer(this.#storeForRead(partner), act),
    issue: (act, { partner }) => decideIssue(this.#storeForRead(partner), act),
    redeem: (act, context) => decideRedeem(this.#storeForRead(context.partner), act, context),
    rollback: (act, context) => decideRollbackOrCancel(this.#storeForRead(context.partner), act, context),
    cancel: (act, context) => decideRollbackOrCancel(this.#storeForRead(context.partner), act, context),
    expire: ({ email }, { partner, nowMs }) => {
      const expired = this.#storeForRead(partner).firstExpired(email, nowMs);
      return { ok: true, effect: { expired: expired.map(({ id, offer }) => [id, offer]) } };
    },
    create_batch: (act, context) => this.#decideBatch(act, context),
    issue_portion: ({ batch }, { partner }) => this.#decidePortion(partner, batch),
  };

  protected readonly changes: Changes<VoucherActs> = {
    create_customer: ({ email, name }, _, { partner, timeMs }) =>
      this.#storeOf(partner).addCustomer(email, name, timeMs),
    put_offer: (_, offer, { partner, timeMs }) => this.#storeOf(partner).offers.put(offer, timeMs),
    issue: (act, { code, snapshot, offer }, { partner, timeMs }) => {
      const store = this.#storeOf(partner);
      if (offer !== null) store.offers.put(offer, timeMs);
      store.addVoucher(act.email, newVoucher(code, act.offer, act.expiresAtMs, timeMs, snapshot));
    },
    redeem: ({ code }, { discount }, { partner, timeMs }) =>
      this.#storeOf(partner).setStatus(code, "redeemed", { atMs: timeMs, discount }),
    rollback: ({ code }, _, { partner }) => this.#storeOf(partner).setStatus(code, "valid"),
    cancel: ({ code }, _, { partner }) => this.#storeOf(partner).setStatus(code, "cancelled"),
    expire: (_, { expired }, { partner }) => {
      for (const [code] of expired) this.#storeOf(partner).setStatus(code, "expired");
    },
    create_batch: ({ recipients }, { id, order }, { partner }) =>
      this.#addBatch(partner, id, order, recipients),
    issue_portion: ({ batch: id }, { offer, expiresAtMs, snapshot, issued }, { partner, timeMs }) => {
      const store = this.#storeOf(partner);
      for (const [email, code] of issued)
        store.addVoucher(email, newVoucher(code, offer, expiresAtMs, timeMs, snapshot));
      this.#batches.issued(this.#batch(partner, id), issued.length, timeMs);
    },
  };

  protected readonly answers: Answers<VoucherQuestions> = {
    customer: (partner, [email]) => customerView(this.#storeForRead(partner), email),
    voucher: (partner, [email, code], nowMs) => {
      const store = this.#storeForRead(partner);
      const voucher = store.voucher(code);
      return voucher?.customer.email === email ? store.viewOf(voucher, nowMs) : null;
    },
    owner: (partner, [code]) => this.#storeForRead(partner).voucher(code)?.customer.email ?? null,
    vouchers: (partner, [email, status, ...page], nowMs) =>
      this.#storeForRead(partner).list(email, status, page, nowMs),
    offer: (partner, [name]) => this.#storeForRead(partner).offers.get(name) ?? null,
    offers: (partner, page) => this.#storeForRead(partner).offers.list(page),
    count: (partner) => this.#storeForRead(partner).customers.length,
    places: (partner, [emails]) => {
      const store = this.#storeForRead(partner);
      return emails.map((email) => store.creationIndexOf(email));
    },
    batch: (partner, [id], nowMs) => {
      const batch = this.#batches.get(partner, id);
      return batch === undefined ? null : partOf(batch, nowMs);
    },
  };

  protected override receive({ offer, batch }: VoucherNotice, partner: string, timeMs: number): void {
    this.#storeOf(partner).offers.put(offer, timeMs);
    if (batch !== undefined) this.#addBatch(partner, batch.id, batch.order, batch.recipients);
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

  protected restoreItem(item: Item): void {
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

  #batch(partner: string, id: string): Batch {
    const batch = this.#batches.get(partner, id);
    assert(batch !== undefined, "the batch of a portion is known");
    return batch;
  }

  #decideBatch(
    act: VoucherAct<"create_batch">,
    { partner, nowMs }: DecisionContext,
  ): VoucherDecision<"create_batch"> {
    const offer = this.#storeForRead(partner).offers.get(act.offer);
    if (offer === undefined) return reject("offer_not_found", act.offer);
    if (act.unknown !== null) return reject("customer_not_found", act.unknown);
    if (this.#batches.isFullFor(partner)) return reject("too_many_batches", partner);
    const id = newId(this.#context.random);
    const { expiresAtMs, runAtMs, recipients } = act;
    const order = { offer: offer.name, expiresAtMs, runAtMs: runAtMs ?? nowMs };
    const requested = recipients.reduce<number>((sum, those) => sum + sizeOf(those), 0);
    return {
      ok: true,
      effect: { id, requested, order },
      notice: { offer, batch: { id, order, recipients } },
    };
  }

  #decidePortion(partner: string, id: string): VoucherDecision<"issue_portion"> {
    const store = this.#storeForRead(partner);
    const { recipients, issued: from, order } = this.#batch(partner, id);
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
}

/** Vouchers must not be expired when they are issued. */
export function futureTimesOfVouchers(act: VoucherAct): readonly (readonly [string, number])[] {
  return act.act === "issue" || act.act === "create_batch" ? [["expires_at", act.expiresAtMs]] : [];
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
