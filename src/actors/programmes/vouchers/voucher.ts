/** A customer and its vouchers in memory. */
import type { Deadlines, Expiring } from "../../ledger/limits/deadlines.ts";
import { textBytes } from "../../quotas/bytes.ts";
import type { ScheduledCommand } from "../programme.ts";
import type { SettledItem } from "../settled-items.ts";
import type { CustomerView, Discount, Offer, VoucherStatus } from "./acts.ts";
import { lastRedemption, type Uses } from "./uses.ts";

export interface Voucher extends Expiring {
  /** The code. */
  readonly id: string;
  readonly customer: Customer;
  readonly offer: string;
  readonly createdAtMs: number;
  /** The discount of its issue; `null` if the voucher follows its offer. */
  readonly snapshot: Discount | null;
  /** Orders vouchers that were issued to the customer in the same millisecond. */
  readonly serial: number;
  /** `valid` while a use is left. */
  status: VoucherStatus;
  uses: Uses;
  /** Unless it is `valid`. */
  settled: SettledItem | undefined;
}

export interface Customer {
  readonly email: string;
  readonly name: string | null;
  /** Personal data, encrypted; `undefined` if an older version stored it in clear. */
  readonly person: string | undefined;
  readonly createdAtMs: number;
  /** Zero-based, on this shard. */
  readonly creationIndex: number;
  /** In order of issue, without forgotten ones. */
  vouchers: Voucher[];
  /** The vouchers with status `valid`, by expiry. */
  readonly valid: Deadlines<Voucher>;
  /** Scheduled for the earliest expiry among `valid`. */
  expiryCommand: ScheduledCommand | undefined;
}

/** The place of an erased customer. `key`: the id of the key that encrypts what the log has of the customer. */
export type ErasedCustomer = Readonly<{ key: string; createdAtMs: number }>;

export type NewCustomer = Pick<Customer, "email" | "name" | "person" | "createdAtMs">;

export type NewVoucher = Pick<
  Voucher,
  "id" | "offer" | "endsAtMs" | "createdAtMs" | "snapshot" | "status" | "uses"
> &
  Readonly<{
    /** `null` unless it is cancelled, or if an older version has cancelled it: `endsAtMs` then stands for it. */
    cancelledAtMs: number | null;
    /** `null`: the one that follows the serial of the customer's voucher before. */
    serial: number | null;
  }>;

/** Approximate size in memory. */
const CUSTOMER_BYTES = 290;
export const VOUCHER_BYTES = 420;
export const ERASED_BYTES = 190;

/** For an effect or a view. */
export function personOf({ person }: Pick<Customer, "person">): Readonly<{ person?: string }> {
  return person === undefined ? {} : { person };
}

export function viewOfCustomer(customer: Customer): CustomerView {
  const { email, name, createdAtMs } = customer;
  return { email, name, createdAtMs, ...personOf(customer) };
}

export function customerBytes({ email, name, person }: Customer): number {
  return CUSTOMER_BYTES + textBytes(email) + textBytes(name) + textBytes(person ?? null);
}

/** The status as readers see it: a voucher is expired from its expiry on, also before the expiry is logged. */
export function statusAt({ status, endsAtMs }: Voucher, nowMs: number): VoucherStatus {
  return status === "valid" && endsAtMs <= nowMs ? "expired" : status;
}

/** The discount that a voucher issued now keeps for ever; `null` if it follows the offer. */
export function snapshotOf({ pricing, discount }: Offer): Discount | null {
  return pricing === "snapshot" ? discount : null;
}

/** The serial of a voucher that is issued after these vouchers of its customer. */
export function nextSerial(vouchers: readonly Voucher[]): number {
  return (vouchers.at(-1)?.serial ?? -1) + 1;
}

/** Since when a voucher with these uses and this status is settled. */
export function settledSince(
  { status, uses, endsAtMs }: Pick<Voucher, "status" | "uses" | "endsAtMs">,
  cancelledAtMs: number | null,
): number {
  if (status === "redeemed") return lastRedemption(uses)?.[1] ?? endsAtMs;
  return cancelledAtMs ?? endsAtMs;
}
