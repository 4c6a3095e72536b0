/**
 * Vouchers that were settled more than 30 days ago. They are in no shard's memory: the archive finds the record that
 * forgot them, by code or by customer. Such a record never changes, and a code is never issued twice.
 */
import {
  askCustomer,
  type CustomerView,
  customerSubject,
  type ForgottenVoucher,
  type VoucherEffect,
  type VoucherStatus,
  type VoucherView,
  voucherSubject,
} from "../../../actors/programmes/vouchers/acts.ts";
import type { JsonValue } from "../../../actors/records/act.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { type ForgottenList, findForgotten } from "../forgotten-items.ts";

/** `email`: what names the customer in the ledger. */
export type OldVoucher = Omit<VoucherView, "status"> &
  Readonly<{ email: string; status: Exclude<VoucherStatus, "valid"> }>;

/** Look-ups in the archive at the same time for one page of a batch. */
const LOOKUPS_AT_ONCE = 8;

/** The archived voucher with this code; `undefined` if it is in memory or was never issued. */
export async function findOldVoucher(
  ledger: Ledger,
  partner: string,
  code: string,
): Promise<OldVoucher | undefined> {
  return (await vouchersBeside(ledger, partner, code)).find((voucher) => voucher.code === code);
}

/**
 * Archived vouchers with these codes, as far as there are any, by code.
 *
 * @param codes one page of a list
 */
export async function findOldVouchers(
  ledger: Ledger,
  partner: string,
  codes: readonly string[],
): Promise<ReadonlyMap<string, OldVoucher>> {
  const wanted = new Set(codes);
  const found = new Map<string, OldVoucher>();
  await eachAtOnce(codes, async (code) => {
    // A record holds up to 256 vouchers, mostly of the same batch: one look-up finds many of them.
    if (found.has(code)) return;
    for (const voucher of await vouchersBeside(ledger, partner, code))
      if (wanted.has(voucher.code)) found.set(voucher.code, voucher);
  });
  return found;
}

/** The customers with these names, `null` if they are erased. */
export async function findCustomers(
  ledger: Ledger,
  partner: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, CustomerView | null>> {
  const found = new Map<string, CustomerView | null>();
  await eachAtOnce([...new Set(names)], async (name) => {
    found.set(name, await ledger.ask(partner, askCustomer(name)));
  });
  return found;
}

/** The vouchers that left memory together with this one. */
function vouchersBeside(ledger: Ledger, partner: string, code: string): Promise<readonly OldVoucher[]> {
  const where = { programme: "vouchers", subject: voucherSubject(code), itemsIn: vouchersIn };
  return findForgotten(ledger, partner, where);
}

/** @param effect of a record that forgets vouchers; the shard that decided it has logged an effect of this type */
function vouchersIn(effect: JsonValue): readonly OldVoucher[] {
  return (effect as VoucherEffect<"forget">).forgotten.map(viewOf);
}

function viewOf([email, code, offer, discount, status, ...more]: ForgottenVoucher): OldVoucher {
  const [expiresAtMs, createdAtMs, usedAtMs, usesMax, usesLeft] = more;
  return { email, code, offer, discount, status, expiresAtMs, createdAtMs, usedAtMs, usesMax, usesLeft };
}

async function eachAtOnce<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  const worker = async () => {
    for (const each of rest) await work(each);
  };
  await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, worker));
}

/**
 * The customer's archived vouchers.
 *
 * @param customer one that exists: vouchers of an erased one with the same name are left out
 * @param shows which vouchers the list shows
 */
export function oldVouchersOf(
  { email, createdAtMs: fromMs }: CustomerView,
  shows: (voucher: OldVoucher) => boolean,
): ForgottenList<OldVoucher> {
  const isOfCustomer = (voucher: OldVoucher) => voucher.email === email && voucher.createdAtMs >= fromMs;
  const where = { programme: "vouchers", subject: customerSubject(email), itemsIn: vouchersIn };
  return { ...where, fromMs, shows: (voucher) => isOfCustomer(voucher) && shows(voucher) };
}
