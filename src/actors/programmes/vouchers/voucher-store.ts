/** The customers of one partner on one shard, with their vouchers and all offers of the partner. */

import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { actAlone, type Command } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import type { ListPage, ListPosition, ListRequest } from "../paged-index.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import {
  customerSubject,
  type Offer,
  type Recipients,
  type VoucherStatus,
  type VoucherTerms,
  type VoucherView,
  voucherAct,
} from "./acts.ts";
import { makeCode } from "./codes.ts";
import { Offers } from "./offers.ts";

/** Vouchers expired in one record. Small, because expiries of many customers can be due at the same time. */
const EXPIRED_PER_RECORD_MAX = 32;
/** Vouchers scanned for one page of a list. */
const SCANNED_MAX = 5_000;

export interface Voucher extends Expiring {
  /** The code. */
  readonly id: string;
  readonly customer: Customer;
  readonly offer: string;
  readonly createdAtMs: number;
  /** The fixed discount; `null` if the voucher follows its offer. */
  readonly snapshot: number | null;
  status: VoucherStatus;
  /** While redeemed: the time and the discount that was granted. */
  used: Readonly<{ atMs: number; discount: number }> | null;
}

export interface Customer {
  readonly email: string;
  readonly name: string | null;
  readonly createdAtMs: number;
  /** Zero-based, on this shard. */
  readonly creationIndex: number;
  /** In order of issue. */
  readonly vouchers: Voucher[];
  /** The vouchers with status `valid`, by expiry. */
  readonly valid: Deadlines<Voucher>;
  /** Scheduled for the earliest expiry among `valid`. */
  expiryCommand: ScheduledCommand | undefined;
}

export type NewVoucher = Pick<
  Voucher,
  "id" | "offer" | "endsAtMs" | "createdAtMs" | "snapshot" | "status" | "used"
>;

/** Approximate size in memory. */
const CUSTOMER_BYTES = 290;
const VOUCHER_BYTES = 330;

export class VoucherStore {
  readonly offers: Offers;
  readonly #partner: string;
  readonly #context: ProgrammeContext;
  readonly #customers = new Map<string, Customer>();
  /** By creation index. Customers are never deleted. */
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

  /** Up to `count` recipients of a batch, after the first `start`. */
  recipients(of: Recipients, start: number, count: number): readonly Customer[] {
    if (typeof of === "number") return this.#inOrder.slice(start, Math.min(of, start + count));
    return of.slice(start, start + count).map((place) => {
      const customer = this.#inOrder[place];
      assert(customer !== undefined, "the recipients of a batch exist");
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

  /** A random code that no voucher of this shard has. */
  newCode(email: string): string {
    const vnode = vnodeOfAccount(this.#partner, customerSubject(email));
    for (;;) {
      const code = makeCode(vnode, this.#context.random);
      if (!this.#codes.has(code)) return code;
    }
  }

  addVoucher(email: string, added: NewVoucher): void {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "the customer of a voucher exists");
    const voucher: Voucher = { ...added, customer, place: -1 };
    customer.vouchers.push(voucher);
    this.#codes.set(voucher.id, voucher);
    this.#context.countBytes?.(this.#partner, VOUCHER_BYTES);
    if (voucher.status !== "valid") return;
    customer.valid.add(voucher);
    this.#schedule(customer);
  }

  setStatus(code: string, status: VoucherStatus, used: Voucher["used"] = null): void {
    const voucher = this.#codes.get(code);
    assert(voucher !== undefined, "the voucher of an act exists");
    const { customer } = voucher;
    if (voucher.status === "valid") customer.valid.remove(voucher);
    voucher.status = status;
    voucher.used = used;
    if (status === "valid") customer.valid.add(voucher);
    this.#schedule(customer);
  }

  /** The customer's expired vouchers that have no status `expired` yet, earliest first, at most one record full. */
  firstExpired(email: string, nowMs: number): readonly Voucher[] {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "the customer of an expiry exists");
    return customer.valid.firstUntil(nowMs, EXPIRED_PER_RECORD_MAX);
  }

  /** The discount now, or that of its redemption. */
  discountOf({ used, snapshot, offer }: Voucher): number {
    if (used !== null) return used.discount;
    if (snapshot !== null) return snapshot;
    const live = this.offers.get(offer);
    assert(live !== undefined, "the offer of a voucher exists");
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

  /** A page of the customer's vouchers, newest first. @param status `null`: any. */
  list(
    email: string,
    status: VoucherStatus | null,
    [limit, before]: ListRequest,
    nowMs: number,
  ): ListPage<VoucherView> {
    const { shard } = this.#context;
    const vouchers = this.#customers.get(email)?.vouchers ?? [];
    const rows: [ListPosition, VoucherView][] = [];
    const start = Math.min(vouchers.length, before === null ? vouchers.length : before[2]);
    let at = start;
    while (at > 0 && rows.length < limit && start - at < SCANNED_MAX) {
      at -= 1;
      const voucher = vouchers[at] as Voucher;
      if (status === null || statusAt(voucher, nowMs) === status)
        rows.push([[voucher.createdAtMs, shard, at], this.viewOf(voucher, nowMs)]);
    }
    const last = vouchers[at];
    return { rows, upTo: at === 0 || last === undefined ? null : [last.createdAtMs, shard, at] };
  }

  /** Schedules the expiry of the customer's earliest valid voucher, replacing the command scheduled before. */
  #schedule(customer: Customer): void {
    const { scheduler } = this.#context;
    const endsAtMs = customer.valid.first?.endsAtMs;
    // Also when the time is the same: a due command that has expired one record full must run again.
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

/** The status as readers see it: a voucher is expired from its expiry on, also before the expiry is logged. */
export function statusAt({ status, endsAtMs }: Voucher, nowMs: number): VoucherStatus {
  return status === "valid" && endsAtMs <= nowMs ? "expired" : status;
}

/** The discount that a voucher issued now keeps for ever; `null` if it follows the offer. */
export function snapshotOf({ pricing, discount }: Offer): number | null {
  return pricing === "snapshot" ? discount : null;
}

function expiryOf(partner: string, email: string, subject: string): Command {
  return actAlone(keyless(partner), voucherAct("expire", subject, { email }));
}
