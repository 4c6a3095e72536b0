/**
 * The voucher programme. A voucher is stored on the shard of its customer, which decides everything about it. Offers,
 * which set the discount of their vouchers, are stored on every shard.
 */
import { assert } from "../../../errors/assert.ts";
import { type Fact, reject } from "../../records/command.ts";
import {
  type Answers,
  type Changes,
  type DecisionContext,
  type Decisions,
  type PersonKeysUsed,
  type ProgrammeContext,
  type Random,
  TypedProgramme,
} from "../programme.ts";
import {
  type BatchOrder,
  type Discount,
  type Offer,
  type Recipients,
  type VoucherAct,
  type VoucherActs,
  type VoucherNotice,
  type VoucherQuestions,
  type VoucherStatus,
} from "./acts.ts";
import { type Batch, Batches, PORTION_MAX, partOf, sizeOf } from "./batches.ts";
import { itemOfUses, lastRedemption, type UsesItem, unusedOf, usesOfItem, withRedemption } from "./uses.ts";
import {
  type NewVoucher,
  nextSerial,
  personOf,
  snapshotOf,
  type Voucher,
  viewOfCustomer,
} from "./voucher.ts";
import {
  decideCancel,
  decideCreateCustomer,
  decideEraseCustomer,
  decideIssue,
  decidePutOffer,
  decideRedeem,
  decideRollback,
  type VoucherDecision,
} from "./voucher-decisions.ts";
import { VoucherStore } from "./voucher-store.ts";

const ID_BYTES = 12;

type VoucherItem = readonly [
  "voucher",
  partner: string,
  email: string,
  code: string,
  offer: string,
  expiresAtMs: number,
  createdAtMs: number,
  snapshot: Discount | null,
  status: VoucherStatus,
  /** While redeemed. */
  used: Readonly<{ atMs: number; discount: Discount }> | null,
];

type Item =
  | readonly ["offer", partner: string, offer: Offer, addedAtMs: number]
  /** Without `person`: as older versions wrote it. */
  | readonly [
      "customer",
      partner: string,
      email: string,
      name: string | null,
      createdAtMs: number,
      ...person: readonly [string] | readonly [],
    ]
  | readonly ["erased", partner: string, key: string, createdAtMs: number]
  /** As older versions wrote it: a voucher of one use. */
  | VoucherItem
  | readonly [...VoucherItem, uses: UsesItem]
  /** `serial`: `null` if it follows that of the customer's voucher before. */
  | readonly [...VoucherItem, uses: UsesItem | null, cancelledAtMs: number | null, serial: number | null]
  | readonly [
      "batch",
      partner: string,
      id: string,
      order: BatchOrder,
      recipients: Recipients,
      issued: number,
      isDone: boolean,
      nextAtMs: number,
      ...skipped: readonly [number] | readonly [],
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
    create_customer: (act, { partner }) => decideCreateCustomer(this.#storeForRead(partner), act),
    erase_customer: (act, { partner }) => decideEraseCustomer(this.#storeForRead(partner), act),
    put_offer: (act, { partner }) => decidePutOffer(this.#storeForRead(partner), act),
    issue: (act, { partner }) => decideIssue(this.#storeForRead(partner), act),
    redeem: (act, context) => decideRedeem(this.#storeForRead(context.partner), act, context),
    rollback: (act, context) => decideRollback(this.#storeForRead(context.partner), act, context),
    cancel: (act, context) => decideCancel(this.#storeForRead(context.partner), act, context),
    expire: ({ email }, { partner, nowMs }) => {
      const store = this.#storeForRead(partner);
      const expired = store.firstExpired(email, nowMs).map(({ id, offer }) => [id, offer] as const);
      const customer = store.customer(email);
      assert(customer !== undefined, "the customer of an expiry exists");
      return { ok: true, effect: { expired, ...personOf(customer) } };
    },
    forget: (_, { partner, nowMs }) => ({
      ok: true,
      effect: { forgotten: this.#storeForRead(partner).nextForgotten(nowMs) },
    }),
    create_batch: (act, context) => this.#decideBatch(act, context),
    issue_portion: ({ batch }, { partner }) => this.#decidePortion(partner, batch),
  };

  protected readonly changes: Changes<VoucherActs> = {
    create_customer: ({ email, name, person }, _, { partner, timeMs }) =>
      this.#storeOf(partner).addCustomer({ email, name, person, createdAtMs: timeMs }),
    erase_customer: ({ email }, { key }, { partner }) => this.#storeOf(partner).erase(email, key),
    put_offer: (_, offer, { partner, timeMs }) => this.#storeOf(partner).offers.put(offer, timeMs),
    issue: (act, { code, snapshot, offer }, { partner, timeMs }) => {
      const store = this.#storeOf(partner);
      if (offer !== null) store.offers.put(offer, timeMs);
      const { offer: name, expiresAtMs, usesMax } = act;
      store.addVoucher(act.email, newVoucher(code, name, expiresAtMs, timeMs, snapshot, usesMax));
    },
    redeem: ({ code }, { discount, redemption = 0 }, { partner, timeMs }) =>
      this.#storeOf(partner).redeem(code, [redemption, timeMs, discount]),
    rollback: ({ code }, { redemption = 0 }, { partner }) =>
      this.#storeOf(partner).rollBack(code, redemption),
    cancel: ({ code }, { cancelledAtMs = null }, { partner }) =>
      this.#storeOf(partner).cancel(code, cancelledAtMs),
    expire: (_, { expired }, { partner }) => {
      for (const [code] of expired) this.#storeOf(partner).expire(code);
    },
    forget: (_, { forgotten }, { partner, timeMs }) =>
      this.#storeOf(partner).forget(
        forgotten.map(([, code]) => code),
        timeMs,
      ),
    create_batch: ({ recipients }, { id, order }, { partner }) =>
      this.#addBatch(partner, id, order, recipients),
    issue_portion: ({ batch: id }, effect, { partner, timeMs }) => {
      const { offer, expiresAtMs, snapshot, issued, usesMax, passed = issued.length } = effect;
      const store = this.#storeOf(partner);
      for (const [email, code] of issued)
        store.addVoucher(email, newVoucher(code, offer, expiresAtMs, timeMs, snapshot, usesMax));
      this.#batches.issued(this.#batch(partner, id), issued.length, passed, timeMs);
    },
  };

  protected readonly answers: Answers<VoucherQuestions> = {
    customer: (partner, [email]) => {
      const customer = this.#storeForRead(partner).customer(email);
      return customer === undefined ? null : viewOfCustomer(customer);
    },
    voucher: (partner, [email, code], nowMs) => {
      const store = this.#storeForRead(partner);
      const voucher = store.voucher(code);
      return voucher?.customer.email === email ? store.viewOf(voucher, nowMs) : null;
    },
    owner: (partner, [code]) => {
      const voucher = this.#storeForRead(partner).voucher(code);
      return voucher === undefined ? null : viewOfCustomer(voucher.customer);
    },
    vouchers: (partner, [email, status, ...page], nowMs) =>
      this.#storeForRead(partner).list(email, status, page, nowMs),
    codes: (partner, [codes], nowMs) => this.#storeForRead(partner).viewsOf(codes, nowMs),
    customers: (partner, page) => this.#storeForRead(partner).listCustomers(page),
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
      for (const customer of store.customers) {
        if ("key" in customer) {
          yield ["erased", partner, customer.key, customer.createdAtMs];
          continue;
        }
        const { email, name, person, createdAtMs, vouchers } = customer;
        const item = ["customer", partner, email, name, createdAtMs] as const;
        yield person === undefined ? item : [...item, person];
        for (const [i, voucher] of vouchers.entries())
          yield itemOf(partner, email, voucher, nextSerial(vouchers.slice(Math.max(0, i - 1), i)));
      }
    }
    for (const { partner, id, order, recipients, issued, isDone, endsAtMs, skipped } of this.#batches.all()) {
      const item = ["batch", partner, id, order, recipients, issued, isDone, endsAtMs] as const;
      yield skipped === 0 ? item : [...item, skipped];
    }
  }

  *facts(): Generator<Fact> {
    for (const [partner, store] of this.#stores) {
      for (const key of store.erasedKeys) yield { fact: "person_erased", key };
      if (store.hasClearCustomers) yield { fact: "clear_customers", partner };
    }
  }

  *personKeys(): Generator<PersonKeysUsed> {
    for (const store of this.#stores.values()) yield* store.personKeys();
  }

  protected restoreItem(item: Item): void {
    const store = this.#storeOf(item[1]);
    switch (item[0]) {
      case "offer":
        store.offers.put(item[2], item[3]);
        return;
      case "customer":
        store.addCustomer({ email: item[2], name: item[3], createdAtMs: item[4], person: item[5] });
        return;
      case "erased":
        store.addErased({ key: item[2], createdAtMs: item[3] });
        return;
      case "voucher": {
        const [, , email, code, offer, expiresAtMs, createdAtMs, snapshot, status, used, ...more] = item;
        const [uses = null, cancelledAtMs = null, serial = null] = more;
        const issued = newVoucher(code, offer, expiresAtMs, createdAtMs, snapshot);
        const old = used === null ? issued.uses : withRedemption(issued.uses, [0, used.atMs, used.discount]);
        const restored = { status, uses: uses === null ? old : usesOfItem(uses), cancelledAtMs, serial };
        store.addVoucher(email, { ...issued, ...restored });
        return;
      }
      case "batch": {
        const [, partner, id, order, recipients, issued, isDone, endsAtMs, skipped = 0] = item;
        this.#batches.add({ partner, id, order, recipients, issued, isDone, endsAtMs, skipped });
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
    const { expiresAtMs, runAtMs, recipients, usesMax } = act;
    const order = { offer: offer.name, expiresAtMs, runAtMs: runAtMs ?? nowMs, ...severalUses(usesMax) };
    const requested = recipients.reduce<number>((sum, those) => sum + sizeOf(those), 0);
    return {
      ok: true,
      effect: { id, requested, order },
      notice: { offer, batch: { id, order, recipients } },
    };
  }

  #decidePortion(partner: string, id: string): VoucherDecision<"issue_portion"> {
    const store = this.#storeForRead(partner);
    const { recipients, issued: before, skipped, order } = this.#batch(partner, id);
    const offer = store.offers.get(order.offer);
    assert(offer !== undefined, "the offer of a batch exists");
    const taken = new Set<string>();
    const next = store.recipients(recipients, before + skipped, PORTION_MAX);
    const issued = next.flatMap((customer) => {
      if ("key" in customer) return [];
      const { email, person } = customer;
      let code = store.newCode(email);
      while (taken.has(code)) code = store.newCode(email);
      taken.add(code);
      return [person === undefined ? ([email, code] as const) : ([email, code, person] as const)];
    });
    const passed = issued.length === next.length ? {} : { passed: next.length };
    const { offer: name, expiresAtMs, usesMax } = order;
    const terms = { offer: name, expiresAtMs, snapshot: snapshotOf(offer) };
    return { ok: true, effect: { ...terms, issued, ...severalUses(usesMax), ...passed } };
  }

  #addBatch(partner: string, id: string, order: BatchOrder, recipients: readonly Recipients[]): void {
    const ownRecipients = recipients[this.#context.shard] ?? 0;
    this.#batches.add({
      partner,
      id,
      order,
      recipients: ownRecipients,
      issued: 0,
      skipped: 0,
      isDone: false,
      endsAtMs: order.runAtMs,
    });
  }
}

/** Vouchers must not be expired when they are issued. */
export function futureTimesOfVouchers(act: VoucherAct): readonly (readonly [string, number])[] {
  return act.act === "issue" || act.act === "create_batch" ? [["expires_at", act.expiresAtMs]] : [];
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
  snapshot: Discount | null,
  usesMax = 1,
): NewVoucher {
  const uses = unusedOf(usesMax);
  const issued = { id: code, offer, endsAtMs: expiresAtMs, createdAtMs, snapshot, uses } as const;
  return { ...issued, status: "valid", cancelledAtMs: null, serial: null };
}

/** Records of vouchers with one use stay as older versions wrote them. */
function severalUses(usesMax = 1): { usesMax?: number } {
  return usesMax === 1 ? {} : { usesMax };
}

/** @param expectedSerial the serial that a voucher has unless its item states it */
function itemOf(partner: string, email: string, voucher: Voucher, expectedSerial: number): Item {
  const { id, offer, endsAtMs, createdAtMs, snapshot, status, uses, settled } = voucher;
  const last = status === "redeemed" ? lastRedemption(uses) : null;
  const used = last === null ? null : { atMs: last[1], discount: last[2] };
  const item = ["voucher", partner, email, id, offer, endsAtMs, createdAtMs, snapshot, status, used] as const;
  const usesItem = uses.max === 1 && uses.latest === 0 ? null : itemOfUses(uses);
  // Of a voucher that an older version has cancelled it is not known, and `settled` has the expiry.
  const isCancelled = status === "cancelled" && settled !== undefined && settled.sinceMs !== endsAtMs;
  const cancelledAtMs = isCancelled ? settled.sinceMs : null;
  const serial = voucher.serial === expectedSerial ? null : voucher.serial;
  if (cancelledAtMs !== null || serial !== null) return [...item, usesItem, cancelledAtMs, serial];
  return usesItem === null ? item : [...item, usesItem];
}
