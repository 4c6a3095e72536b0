/** The customers of one partner on one shard, with their vouchers and all offers of the partner. */

import { assert } from "../../../errors/assert.ts";
import { Deadlines } from "../../ledger/limits/deadlines.ts";
import { vnodeOfAccount } from "../../ledger/routing.ts";
import { actAlone, type Command } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import { comparePositions, type ListPage, type ListPosition, type ListRequest } from "../paged-index.ts";
import type { PersonKeysUsed, ProgrammeContext } from "../programme.ts";
import { SettledItems } from "../settled-items.ts";
import {
  type CustomerView,
  customerSubject,
  type Discount,
  type ForgottenVoucher,
  keyOfPerson,
  type OwnedVoucherView,
  type Recipients,
  VOUCHERS_SUBJECT,
  type VoucherStatus,
  type VoucherTerms,
  type VoucherView,
  voucherAct,
} from "./acts.ts";
import { makeCode } from "./codes.ts";
import { Offers } from "./offers.ts";
import {
  bytesOfUses,
  lastRedemption,
  type Redemption,
  type Uses,
  usesLeft,
  withoutRedemption,
  withRedemption,
} from "./uses.ts";
import {
  type Customer,
  customerBytes,
  ERASED_BYTES,
  type ErasedCustomer,
  type NewCustomer,
  type NewVoucher,
  nextSerial,
  personOf,
  settledSince,
  statusAt,
  VOUCHER_BYTES,
  type Voucher,
  viewOfCustomer,
} from "./voucher.ts";

/** Vouchers expired in one record. Small, because expiries of many customers can be due at the same time. */
const EXPIRED_PER_RECORD_MAX = 32;
/** Vouchers scanned for one page of a list. */
const SCANNED_MAX = 5_000;

const FORGET = voucherAct("forget", VOUCHERS_SUBJECT, {});

type UsesOfView = "usesMax" | "usesLeft" | "usedAtMs";

export class VoucherStore {
  readonly offers: Offers;
  readonly #partner: string;
  readonly #context: ProgrammeContext;
  readonly #customers = new Map<string, Customer>();
  /** By creation index. An erased customer leaves its place. */
  readonly #inOrder: (Customer | ErasedCustomer)[] = [];
  readonly #codes = new Map<string, Voucher>();
  /** The ids of the keys of erased customers. */
  readonly #erased = new Set<string>();
  readonly #settled: SettledItems;

  constructor(partner: string, context: ProgrammeContext) {
    this.#partner = partner;
    this.#context = context;
    this.#settled = new SettledItems(partner, context.scheduler, FORGET);
    this.offers = new Offers(context.shard);
  }

  get customers(): readonly (Customer | ErasedCustomer)[] {
    return this.#inOrder;
  }

  get erasedKeys(): ReadonlySet<string> {
    return this.#erased;
  }

  get hasClearCustomers(): boolean {
    return this.#inOrder.some((customer) => "email" in customer && customer.person === undefined);
  }

  /** The keys that customers were encrypted with, erased ones included. */
  *personKeys(): Generator<PersonKeysUsed> {
    const newest = new Map<string, number>();
    for (const customer of this.#inOrder) {
      const key = "key" in customer ? customer.key : customer.person && keyOfPerson(customer.person);
      if (key === undefined) continue;
      const [store = "", number] = key.split("-");
      newest.set(store, Math.max(newest.get(store) ?? 0, Number(number)));
    }
    for (const [store, upTo] of newest) yield { store, upTo };
  }

  isErased(key: string): boolean {
    return this.#erased.has(key);
  }

  customer(email: string): Customer | undefined {
    return this.#customers.get(email);
  }

  creationIndexOf(email: string): number | null {
    return this.#customers.get(email)?.creationIndex ?? null;
  }

  /** Up to `count` recipients of a batch, after the first `start`, erased ones included. */
  recipients(of: Recipients, start: number, count: number): readonly (Customer | ErasedCustomer)[] {
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

  addCustomer(added: NewCustomer): void {
    const customer: Customer = {
      ...added,
      creationIndex: this.#inOrder.length,
      vouchers: [],
      valid: new Deadlines(),
      expiryCommand: undefined,
    };
    this.#customers.set(added.email, customer);
    this.#inOrder.push(customer);
    this.#context.countBytes?.(this.#partner, customerBytes(customer));
  }

  addErased(erased: ErasedCustomer): void {
    this.#inOrder.push(erased);
    this.#erased.add(erased.key);
    this.#context.countBytes?.(this.#partner, ERASED_BYTES);
  }

  /** Removes the customer and all its vouchers. */
  erase(email: string, key: string): void {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "the customer of an erasure exists");
    const { createdAtMs, creationIndex, vouchers, expiryCommand } = customer;
    if (expiryCommand !== undefined) this.#context.scheduler.remove(expiryCommand);
    let bytes = ERASED_BYTES - customerBytes(customer);
    for (const { id, uses, settled } of vouchers) {
      this.#codes.delete(id);
      if (settled !== undefined) this.#settled.remove(settled);
      bytes -= VOUCHER_BYTES + bytesOfUses(uses);
    }
    this.#customers.delete(email);
    this.#inOrder[creationIndex] = { key, createdAtMs };
    this.#erased.add(key);
    this.#context.countBytes?.(this.#partner, bytes);
  }

  /** A random code that no voucher of this shard has. */
  newCode(email: string): string {
    const vnode = vnodeOfAccount(this.#partner, customerSubject(email));
    for (;;) {
      const code = makeCode(vnode, this.#context.random);
      if (!this.#codes.has(code)) return code;
    }
  }

  addVoucher(email: string, { cancelledAtMs, serial, ...added }: NewVoucher): void {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "the customer of a voucher exists");
    const voucher: Voucher = {
      ...added,
      customer,
      serial: serial ?? nextSerial(customer.vouchers),
      place: -1,
      settled: undefined,
    };
    customer.vouchers.push(voucher);
    this.#codes.set(voucher.id, voucher);
    this.#context.countBytes?.(this.#partner, VOUCHER_BYTES + bytesOfUses(voucher.uses));
    if (voucher.status !== "valid") this.#settle(voucher, cancelledAtMs);
    else {
      customer.valid.add(voucher);
      this.#schedule(customer);
    }
  }

  /** @param atMs `null` if an older version has cancelled it, which did not keep the time in its snapshots. */
  cancel(code: string, atMs: number | null): void {
    this.#setStatus(this.#known(code), "cancelled", atMs);
  }

  expire(code: string): void {
    this.#setStatus(this.#known(code), "expired");
  }

  #setStatus(voucher: Voucher, status: VoucherStatus, cancelledAtMs: number | null = null): void {
    const { customer, settled } = voucher;
    if (voucher.status === status) return;
    if (settled === undefined) customer.valid.remove(voucher);
    else this.#settled.remove(settled);
    voucher.settled = undefined;
    voucher.status = status;
    if (status === "valid") customer.valid.add(voucher);
    else this.#settle(voucher, cancelledAtMs);
    this.#schedule(customer);
  }

  #settle(voucher: Voucher, cancelledAtMs: number | null): void {
    voucher.settled = this.#settled.add(voucher.id, settledSince(voucher, cancelledAtMs));
  }

  /** The vouchers that have been settled for long enough, at most one record full. */
  nextForgotten(nowMs: number): readonly ForgottenVoucher[] {
    return this.#settled.nextIds(nowMs).map((code) => {
      const voucher = this.#known(code);
      const { discount, status, usedAtMs, usesMax, usesLeft: left, ...view } = this.viewOf(voucher, nowMs);
      assert(status !== "valid", "a settled voucher is not valid");
      const { offer, expiresAtMs, createdAtMs } = view;
      const { email } = voucher.customer;
      return [email, code, offer, discount, status, expiresAtMs, createdAtMs, usedAtMs, usesMax, left];
    });
  }

  /** Removes settled vouchers. One pass through the vouchers of each customer, however many of them are removed. */
  forget(codes: readonly string[], timeMs: number): void {
    const customers = new Set<Customer>();
    const portion = codes.map((code) => {
      const { settled, uses, customer } = this.#known(code);
      assert(settled !== undefined, "a voucher that is forgotten is settled");
      customers.add(customer);
      this.#codes.delete(code);
      this.#context.countBytes?.(this.#partner, -VOUCHER_BYTES - bytesOfUses(uses));
      return settled;
    });
    for (const customer of customers)
      customer.vouchers = customer.vouchers.filter(({ id }) => this.#codes.has(id));
    this.#settled.forgotten(portion, timeMs);
  }

  redeem(code: string, redemption: Redemption): void {
    const voucher = this.#known(code);
    voucher.uses = withRedemption(voucher.uses, redemption);
    assert(usesLeft(voucher.uses) >= 0, "a redemption takes a use that is left");
    if (usesLeft(voucher.uses) === 0) this.#setStatus(voucher, "redeemed");
  }

  /** @param number of the redemption. An expired or cancelled voucher stays so. */
  rollBack(code: string, number: number): void {
    const voucher = this.#known(code);
    assert(voucher.uses.taken > 0, "a rollback gives back a use that is taken");
    voucher.uses = withoutRedemption(voucher.uses, number);
    if (voucher.status === "redeemed") this.#setStatus(voucher, "valid");
  }

  /** The customer's expired vouchers that have no status `expired` yet, earliest first, at most one record full. */
  firstExpired(email: string, nowMs: number): readonly Voucher[] {
    const customer = this.#customers.get(email);
    assert(customer !== undefined, "the customer of an expiry exists");
    return customer.valid.firstUntil(nowMs, EXPIRED_PER_RECORD_MAX);
  }

  /** The discount that a redemption would grant now. */
  discountOf({ snapshot, offer }: Pick<Voucher, "snapshot" | "offer">): Discount {
    if (snapshot !== null) return snapshot;
    const live = this.offers.get(offer);
    assert(live !== undefined, "the offer of a voucher exists");
    return live.discount;
  }

  /** The terms after a rollback or cancellation. @param uses the voucher's uses after it. */
  termsOf(voucher: Voucher, uses: Uses): VoucherTerms & Pick<VoucherView, UsesOfView> {
    const { offer, endsAtMs, createdAtMs } = voucher;
    return {
      offer,
      discount: this.discountOf(voucher),
      expiresAtMs: endsAtMs,
      createdAtMs,
      usesMax: uses.max,
      usesLeft: usesLeft(uses),
      usedAtMs: lastRedemption(uses)?.[1] ?? null,
      ...personOf(voucher.customer),
    };
  }

  viewOf(voucher: Voucher, nowMs: number): VoucherView {
    const { uses } = voucher;
    const view = { code: voucher.id, ...this.termsOf(voucher, uses), status: statusAt(voucher, nowMs) };
    if (voucher.status !== "redeemed") return view;
    return { ...view, discount: lastRedemption(uses)?.[2] ?? view.discount };
  }

  /** Those of these vouchers that are on this shard. */
  viewsOf(codes: readonly string[], nowMs: number): readonly OwnedVoucherView[] {
    return codes.flatMap((code) => {
      const voucher = this.#codes.get(code);
      return voucher === undefined ? [] : [{ ...this.viewOf(voucher, nowMs), email: voucher.customer.email }];
    });
  }

  /** A page of the customers of this shard, newest first. */
  listCustomers([limit, before]: ListRequest): ListPage<CustomerView> {
    const rows: [ListPosition, CustomerView][] = [];
    const positionOf = ({ createdAtMs }: Customer | ErasedCustomer, place: number) =>
      [createdAtMs, this.#context.shard, place] as const;
    let at = before === null ? this.#inOrder.length : firstFrom(this.#inOrder, before, positionOf);
    const start = at;
    while (at > 0 && rows.length < limit && start - at < SCANNED_MAX) {
      at -= 1;
      const customer = this.#inOrder[at];
      if (customer !== undefined && "email" in customer)
        rows.push([[customer.createdAtMs, this.#context.shard, at], viewOfCustomer(customer)]);
    }
    const last = this.#inOrder[at];
    return {
      rows,
      upTo: at === 0 || last === undefined ? null : [last.createdAtMs, this.#context.shard, at],
    };
  }

  #known(code: string): Voucher {
    const voucher = this.#codes.get(code);
    assert(voucher !== undefined, "the voucher of an act exists");
    return voucher;
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
    const positionOf = ({ createdAtMs, serial }: Voucher) => [createdAtMs, shard, serial] as const;
    const start = before === null ? vouchers.length : firstFrom(vouchers, before, positionOf);
    let at = start;
    while (at > 0 && rows.length < limit && start - at < SCANNED_MAX) {
      at -= 1;
      const voucher = vouchers[at] as Voucher;
      if (status === null || statusAt(voucher, nowMs) === status)
        rows.push([positionOf(voucher), this.viewOf(voucher, nowMs)]);
    }
    const last = vouchers[at];
    return { rows, upTo: at === 0 || last === undefined ? null : positionOf(last) };
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

function expiryOf(partner: string, email: string, subject: string): Command {
  return actAlone(keyless(partner), voucherAct("expire", subject, { email }));
}

/** The index of the first item that is not below this position; the number of items if all are. */
function firstFrom<T>(
  inOrder: readonly T[],
  position: ListPosition,
  positionOf: (item: T, index: number) => ListPosition,
): number {
  let low = 0;
  let high = inOrder.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePositions(positionOf(inOrder[middle] as T, middle), position) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
