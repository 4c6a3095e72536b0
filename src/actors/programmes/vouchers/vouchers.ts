/**
 * Vouchers. A customer's vouchers live on the customer's shard, where they are issued, redeemed and end; offers, which say
 * what they are worth, are known on every shard.
 */
import { assert, unreachable } from "../../../errors/assert.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type { ListAsk } from "../paged-index.ts";
import type { DecisionContext, Done, Effect, Programme, ProgrammeContext, Random } from "../programme.ts";
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
import { type NewVoucher, Pool, snapshotOf, type Voucher } from "./pool.ts";
import { decideEnd, decideIssue, decidePut, decideRedeem } from "./rules.ts";

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
  readonly #surroundings: ProgrammeContext;
  readonly #pools = new Map<string, Pool>();
  readonly #batches: Batches;

  constructor(surroundings: ProgrammeContext) {
    this.#surroundings = surroundings;
    this.#batches = new Batches(surroundings.due);
  }

  decide(act: VoucherAct, context: DecisionContext): Effect<VoucherEffect> | Rejected {
    const pool = this.#known(context.partner);
    switch (act.act) {
      case "create_customer":
        if (pool.customer(act.email) !== undefined) return reject("customer_exists", act.email);
        return { ok: true, effect: null };
      case "put_offer":
        return decidePut(pool, act);
      case "issue":
        return decideIssue(pool, act);
      case "redeem":
        return decideRedeem(pool, act, context);
      case "rollback":
      case "cancel":
        return decideEnd(pool, act, context);
      case "expire": {
        const over = pool.over(act.email, context.nowMs);
        return { ok: true, effect: { expired: over.map(({ id, offer }) => [id, offer]) } };
      }
      case "create_batch":
        return this.#decideBatch(pool, act, context);
      case "issue_portion":
        return this.#decidePortion(pool, act.batch, context);
      default:
        return unreachable(act);
    }
  }

  apply(act: VoucherAct, effect: VoucherEffect, { partner, timeMs }: Done): void {
    const pool = this.#pool(partner);
    switch (act.act) {
      case "create_customer":
        pool.addCustomer(act.email, act.name, timeMs);
        return;
      case "put_offer":
        pool.offers.take(effect as Offer, timeMs);
        return;
      case "issue": {
        const { code, snapshot, offer } = effect as Issued;
        if (offer !== null) pool.offers.take(offer, timeMs);
        pool.addVoucher(act.email, newVoucher(code, act.offer, act.expiresAtMs, timeMs, snapshot));
        return;
      }
      case "redeem": {
        const { discount } = effect as Redeemed;
        pool.become(act.code, "redeemed", { atMs: timeMs, discount });
        return;
      }
      case "rollback":
        pool.become(act.code, "valid");
        return;
      case "cancel":
        pool.become(act.code, "cancelled");
        return;
      case "expire":
        for (const [code] of (effect as Expired).expired) pool.become(code, "expired");
        return;
      case "create_batch": {
        const { id, order } = effect as BatchMade;
        this.#addBatch(partner, id, order, act.recipients);
        return;
      }
      case "issue_portion":
        this.#issue(partner, pool, act.batch, effect as PortionIssued, timeMs);
        return;
      default:
        unreachable(act);
    }
  }

  receiveBroadcast(notice: JsonValue, partner: string, timeMs: number): void {
    const { offer, batch } = notice as VoucherNotice;
    this.#pool(partner).offers.take(offer, timeMs);
    if (batch !== undefined) this.#addBatch(partner, batch.id, batch.order, batch.recipients);
  }

  answer(partner: string, [question, ...values]: readonly JsonValue[], nowMs: number): JsonValue {
    const pool = this.#known(partner);
    const name = values[0] as string;
    switch (question) {
      case "customer":
        return customerView(pool, name);
      case "voucher": {
        const voucher = pool.voucher(values[1] as string);
        return voucher?.customer.email === name ? pool.viewOf(voucher, nowMs) : null;
      }
      case "owner":
        return pool.voucher(name)?.customer.email ?? null;
      case "vouchers": {
        const [email, status, ...page] = values;
        return pool.list(email as string, status as VoucherStatus | null, page as unknown as ListAsk, nowMs);
      }
      case "offer":
        return pool.offers.get(name) ?? null;
      case "offers":
        return pool.offers.list(values as unknown as ListAsk);
      case "count":
        return pool.customers.length;
      case "places":
        return (values[0] as readonly string[]).map((email) => pool.placeOf(email));
      case "batch":
        return this.#part(partner, name, nowMs);
      default:
        throw new TypeError(`the voucher programme knows no question ${JSON.stringify(question)}`);
    }
  }

  *items(): Generator<Item> {
    for (const [partner, pool] of this.#pools) {
      for (const { offer, addedAtMs } of pool.offers.all()) yield ["offer", partner, offer, addedAtMs];
      for (const { email, name, createdAtMs, vouchers } of pool.customers) {
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
    const pool = this.#pool(item[1]);
    switch (item[0]) {
      case "offer":
        pool.offers.take(item[2], item[3]);
        return;
      case "customer":
        pool.addCustomer(item[2], item[3], item[4]);
        return;
      case "voucher": {
        const [, , email, code, offer, expiresAtMs, createdAtMs, snapshot, status, used] = item;
        const issued = newVoucher(code, offer, expiresAtMs, createdAtMs, snapshot);
        pool.addVoucher(email, { ...issued, status, used });
        return;
      }
      case "batch": {
        const [, partner, id, order, recipients, issued, isDone, endsAtMs] = item;
        this.#batches.add({ partner, id, order, recipients, issued, isDone, endsAtMs });
        return;
      }
    }
  }

  /** For reading: of a partner that has none yet an empty one. */
  #known(partner: string): Pool {
    return this.#pools.get(partner) ?? new Pool(partner, this.#surroundings);
  }

  #pool(partner: string): Pool {
    let pool = this.#pools.get(partner);
    if (pool === undefined) this.#pools.set(partner, (pool = new Pool(partner, this.#surroundings)));
    return pool;
  }

  #decideBatch(
    pool: Pool,
    act: CreateBatch,
    { partner, nowMs }: DecisionContext,
  ): Effect<BatchMade> | Rejected {
    const offer = pool.offers.get(act.offer);
    if (offer === undefined) return reject("offer_not_found", act.offer);
    if (act.unknown !== null) return reject("customer_not_found", act.unknown);
    if (this.#batches.isFullFor(partner)) return reject("too_many_batches", partner);
    const id = newId(this.#surroundings.random);
    const { expiresAtMs, runAtMs, recipients } = act;
    const order = { offer: offer.name, expiresAtMs, runAtMs: runAtMs ?? nowMs };
    const requested = recipients.reduce<number>((sum, those) => sum + sizeOf(those), 0);
    const notice: VoucherNotice = { offer, batch: { id, order, recipients } };
    return { ok: true, effect: { id, requested, order }, notice };
  }

  #decidePortion(pool: Pool, id: string, { partner }: DecisionContext): Effect<PortionIssued> {
    const batch = this.#batches.get(partner, id);
    assert(batch !== undefined, "a portion is of a batch that is known");
    const { recipients, issued: from, order } = batch;
    const offer = pool.offers.get(order.offer);
    assert(offer !== undefined, "a batch is of an offer that exists");
    const taken = new Set<string>();
    const issued = pool.recipients(recipients, from, PORTION_MAX).map(({ email }) => {
      let code = pool.newCode(email);
      while (taken.has(code)) code = pool.newCode(email);
      taken.add(code);
      return [email, code] as const;
    });
    const { offer: name, expiresAtMs } = order;
    return { ok: true, effect: { offer: name, expiresAtMs, snapshot: snapshotOf(offer), issued } };
  }

  #addBatch(partner: string, id: string, order: BatchOrder, recipients: readonly Recipients[]): void {
    const own = recipients[this.#surroundings.shard] ?? 0;
    this.#batches.add({
      partner,
      id,
      order,
      recipients: own,
      issued: 0,
      isDone: false,
      endsAtMs: order.runAtMs,
    });
  }

  #issue(
    partner: string,
    pool: Pool,
    id: string,
    { offer, expiresAtMs, snapshot, issued }: PortionIssued,
    timeMs: number,
  ): void {
    const batch = this.#batches.get(partner, id);
    assert(batch !== undefined, "a portion is of a batch that is known");
    for (const [email, code] of issued)
      pool.addVoucher(email, newVoucher(code, offer, expiresAtMs, timeMs, snapshot));
    this.#batches.issued(batch, issued.length, timeMs);
  }

  #part(partner: string, id: string, nowMs: number): BatchPart | null {
    const batch = this.#batches.get(partner, id);
    return batch === undefined ? null : partOf(batch, nowMs);
  }
}

/** A voucher that is issued can be used for a while. */
export function timesAheadOfVouchers(act: Act): readonly (readonly [string, number])[] {
  const asked = act as VoucherAct;
  return asked.act === "issue" || asked.act === "create_batch" ? [["expires_at", asked.expiresAtMs]] : [];
}

function customerView(pool: Pool, email: string): CustomerView | null {
  const customer = pool.customer(email);
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
