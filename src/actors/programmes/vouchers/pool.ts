/** One partner's customers on one shard, and their vouchers. */
import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { textBytes } from "../../quotas/bytes.ts";
import type { Command } from "../../records/command.ts";
import type { ListAsk, ListPart, ListPlace } from "../paged-index.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import {
  customerSubject,
  type Expire,
  type Offer,
  type Recipients,
  type VoucherStatus,
  type VoucherTerms,
  type VoucherView,
} from "./acts.ts";
import { makeCode } from "./codes.ts";
import { Offers } from "./offers.ts";

/** Ended in one record: few, as the records of many customers may come in one go. */
const EXPIRED_PER_RECORD_MAX = 32;
/** For one page of a list. */
const SCANNED_MAX = 5_000;

export interface Voucher extends Expiring {
  /** Its code. */
  readonly id: string;
  readonly customer: Customer;
  readonly offer: string;
  readonly createdAtMs: number;
  /** The discount of its issue; `null` where it follows its offer's. */
  readonly snapshot: number | null;
  status: VoucherStatus;
  /** While it is redeemed: when, and for how much. */
  used: Readonly<{ atMs: number; discount: number }> | null;
}

export interface Customer {
  readonly email: string;
  readonly name: string | null;
  readonly createdAtMs: number;
  /** As the how manyth of this shard it came, from 0. */
  readonly creationIndex: number;
  /** In order of issue. */
  readonly vouchers: Voucher[];
  /** Of those the valid ones. */
  readonly valid: Deadlines<Voucher>;
  /** Ends the first of them. */
  expiryCommand: ScheduledCommand | undefined;
}

export type NewVoucher = Pick<
  Voucher,
  "id" | "offer" | "endsAtMs" | "createdAtMs" | "snapshot" | "status" | "used"
>;

/** In memory, about. */
const CUSTOMER_BYTES = 290;
const VOUCHER_BYTES = 330;

export class VoucherStore {
  readonly offers: Offers;
  readonly #partner: string;
  readonly #context: ProgrammeContext;
  readonly #customers = new Map<string, Customer>();
  /** In the order in which they came: nobody leaves. */
  readonly #inOrder: Customer[] = [];
  readonly #codes = new Map<string, Voucher>();

  constructor(partner: string, context: ProgrammeContext) {
    this.#partner = partner;
    this.#context = context;
    this.offers = new Offers(context.shard);
  }

  get customers(): readonly Customer[] {
    return this.#inOrder;
  }

  customer(email: string): Customer | undefined {
    return this.#customers.get(email);
  }

  creationIndexOf(email: string): number | null {
    return this.#customers.get(email)?.creationIndex ?? null;
  }

  /** The next ones of a batch, when it has got as far as `from`. */
  recipients(of: Recipients, from: number, count: number): readonly Customer[] {
    if (typeof of === "number") return this.#inOrder.slice(from, Math.min(of, from + count));
    return of.slice(from, from + count).map((place) => {
      const customer = this.#inOrder[place];
      assert(customer !== undefined, "a batch is for customers that exist");
      return customer;
    });
  }

  voucher(code: string): Voucher | undefined {
    return this.#codes.get(code);
  }

  addCustomer(email: string, name: string | null, createdAtMs: number): void {
    const customer: Customer = {
      email,
      name,
      createdAtMs,
      creationIndex: this.#inOrder.length,
      vouchers: [],
      valid: new Deadlines(),
      expiryCommand: undefined,
    };
    this.#customers.set(email, customer);
    this.#inOrder.push(customer);
    this.#context.countBytes?.(this.#partner, CUSTOMER_BYTES + textBytes(email) + textBytes(name));
  }

  /** A code that no voucher has. */
  newCode(email: string): string {
    const vnode = vnodeOfAccount(this.#partner, customerSubject(email));
    for (;;) {
      const code = makeCode(vnode, this.#context.random);
      if (!this.#codes.has(code)) return code;
    }
  }

  addVoucher(email: string, added: NewVoucher): void {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "vouchers are for customers that exist");
    const voucher: Voucher = { ...added, customer, place: -1 };
    customer.vouchers.push(voucher);
    this.#codes.set(voucher.id, voucher);
    this.#context.countBytes?.(this.#partner, VOUCHER_BYTES);
    if (voucher.status !== "valid") return;
    customer.valid.add(voucher);
    this.#schedule(customer);
  }

  /** What somebody did to a voucher, or its time. */
  setStatus(code: string, status: VoucherStatus, used: Voucher["used"] = null): void {
    const voucher = this.#codes.get(code);
    assert(voucher !== undefined, "an act concerns a voucher that exists");
    const { customer } = voucher;
    if (voucher.status === "valid") customer.valid.remove(voucher);
    voucher.status = status;
    voucher.used = used;
    if (status === "valid") customer.valid.add(voucher);
    this.#schedule(customer);
  }

  /** Those of a customer that are over, the first to end first; not more than fit one record. */
  firstExpired(email: string, nowMs: number): readonly Voucher[] {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "vouchers end for customers that exist");
    const { valid } = customer;
    const over: Voucher[] = [];
    for (let first = valid.first; first !== undefined && first.endsAtMs <= nowMs; first = valid.first) {
      if (over.length === EXPIRED_PER_RECORD_MAX) break;
      valid.remove(first);
      over.push(first);
    }
    // Only looked at: they are taken off by what is decided of them.
    for (const voucher of over) valid.add(voucher);
    return over;
  }

  /** What it is worth now, or was when it was used. */
  discountOf({ used, snapshot, offer }: Voucher): number {
    if (used !== null) return used.discount;
    if (snapshot !== null) return snapshot;
    const live = this.offers.get(offer);
    assert(live !== undefined, "vouchers are of offers that exist");
    return live.discount;
  }

  termsOf(voucher: Voucher): VoucherTerms {
    const { offer, endsAtMs, createdAtMs } = voucher;
    return { offer, discount: this.discountOf(voucher), expiresAtMs: endsAtMs, createdAtMs };
  }

  viewOf(voucher: Voucher, nowMs: number): VoucherView {
    const usedAtMs = voucher.used?.atMs ?? null;
    return { code: voucher.id, ...this.termsOf(voucher), status: statusAt(voucher, nowMs), usedAtMs };
  }

  /** A customer's vouchers, newest first. @param status `null`: all. */
  list(
    email: string,
    status: VoucherStatus | null,
    [limit, before]: ListAsk,
    nowMs: number,
  ): ListPart<VoucherView> {
    const { shard } = this.#context;
    const vouchers = this.#customers.get(email)?.vouchers ?? [];
    const rows: [ListPlace, VoucherView][] = [];
    const from = Math.min(vouchers.length, before === null ? vouchers.length : before[2]);
    let at = from;
    while (at > 0 && rows.length < limit && from - at < SCANNED_MAX) {
      at -= 1;
      const voucher = vouchers[at] as Voucher;
      if (status === null || statusAt(voucher, nowMs) === status)
        rows.push([[voucher.createdAtMs, shard, at], this.viewOf(voucher, nowMs)]);
    }
    const last = vouchers[at];
    return { rows, upTo: at === 0 || last === undefined ? null : [last.createdAtMs, shard, at] };
  }

  /** Its first valid voucher to end is on the timetable. */
  #schedule(customer: Customer): void {
    const { scheduler } = this.#context;
    const endsAtMs = customer.valid.first?.endsAtMs;
    // One that is over and has ended some vouchers has to give way to the next, whenever that is.
    if (customer.expiryCommand !== undefined) scheduler.remove(customer.expiryCommand);
    customer.expiryCommand = undefined;
    if (endsAtMs === undefined) return;
    const subject = customerSubject(customer.email);
    customer.expiryCommand = {
      partner: this.#partner,
      endsAtMs,
      id: `${this.#partner}\0${subject}`,
      place: -1,
      subjects: [subject],
      command: () => expiryOf(this.#partner, customer.email, subject),
    };
    scheduler.add(customer.expiryCommand);
  }
}

/** What is over is so at that very moment, also before its end is logged. */
export function statusAt({ status, endsAtMs }: Voucher, nowMs: number): VoucherStatus {
  return status === "valid" && endsAtMs <= nowMs ? "expired" : status;
}

/** A definition that a voucher of it keeps, or `null`. */
export function snapshotOf({ pricing, discount }: Offer): number | null {
  return pricing === "snapshot" ? discount : null;
}

function expiryOf(partner: string, email: string, subject: string): Command {
  const act: Expire = { programme: "vouchers", act: "expire", subject, email };
  return { op: "act", partner, key: null, fingerprint: 0, act };
}
