/** Limits of sales: bounds of one amount, and of the sales in any 24 hours, of a seller or of a seller to one phone. */

import { countUse, exceeds, uncountUse, type Velocity, velocitiesOf } from "../../ledger/limits/velocity.ts";
import { textBytes } from "../../quotas/bytes.ts";
import { type Rejected, reject } from "../../records/command.ts";
import type { SaleLimits } from "./acts.ts";

const DAY_S = 24 * 60 * 60;
/** A bucket that the window covers only in part counts in full. */
const KEPT_MS = DAY_S * 1000 + (DAY_S * 1000) / 60;

/** Sales of the last day; `null` if no daily limit is set. */
export type DailyUse = readonly Velocity[] | null;

export type StoredUse = readonly [
  sinceMs: number,
  buckets: readonly (readonly [number: number, amount: number, count: number])[],
];

/** The use to count under these limits. @param before the use so far, which stays. */
export function dailyUseOf(limits: SaleLimits | null, before: DailyUse, nowMs: number): DailyUse {
  if (limits === null || (limits.dailyAmount === null && limits.dailyCount === null)) return null;
  const { dailyAmount: maxAmount, dailyCount: maxCount } = limits;
  return velocitiesOf([{ windowS: DAY_S, direction: "debit", maxAmount, maxCount }], before, nowMs);
}

/** @param subject named in the rejection. */
export function refusalByLimits(
  limits: SaleLimits | null,
  use: DailyUse,
  amount: number,
  nowMs: number,
  subject: string,
): Rejected | undefined {
  if (limits === null) return undefined;
  const { minAmount, maxAmount, dailyAmount, dailyCount } = limits;
  if (minAmount !== null && amount < minAmount) return reject("amount_below_minimum", subject);
  if (maxAmount !== null && amount > maxAmount) return reject("amount_above_maximum", subject);
  const isFirst = use === null;
  const isExceeded = isFirst
    ? (dailyAmount !== null && amount > dailyAmount) || (dailyCount !== null && dailyCount < 1)
    : exceeds(use, "debit", amount, 1, nowMs);
  return isExceeded ? reject("daily_limit_exceeded", subject) : undefined;
}

export function countSale(use: DailyUse, amount: number, atMs: number): void {
  countUse(use, "debit", amount, 1, atMs);
}

/** Gives back a sale that was counted at `atMs`. */
export function uncountSale(use: DailyUse, amount: number, atMs: number): void {
  uncountUse(use, "debit", amount, 1, atMs);
}

export function storedUse(use: DailyUse): StoredUse | null {
  const [velocity] = use ?? [];
  if (velocity === undefined) return null;
  return [velocity.sinceMs, velocity.buckets.map(({ number, amount, count }) => [number, amount, count])];
}

export function restoredUse(limits: SaleLimits | null, stored: StoredUse | null): DailyUse {
  const [sinceMs, buckets] = stored ?? [0, []];
  const use = dailyUseOf(limits, null, sinceMs);
  for (const [number, amount, count] of buckets) use?.[0]?.buckets.push({ number, amount, count });
  return use;
}

/** Approximate size in memory. */
const USE_BYTES = 400;

export type UseItem = readonly [
  "use",
  partner: string,
  seller: string,
  phone: string,
  lastAtMs: number,
  stored: StoredUse | null,
];

type Use = { use: DailyUse; lastAtMs: number };

/** The daily use by seller and phone of one partner. What is older than a day is removed when something is counted. */
export class PhoneUses {
  readonly #countBytes: (bytes: number) => void;
  /** By seller and phone, in order of their newest sale. */
  readonly #uses = new Map<string, Use>();
  limits: SaleLimits | null = null;

  constructor(countBytes: (bytes: number) => void) {
    this.#countBytes = countBytes;
  }

  change(limits: SaleLimits | null, nowMs: number): void {
    this.limits = limits;
    for (const [key, each] of this.#uses) {
      each.use = dailyUseOf(limits, each.use, nowMs);
      if (each.use === null) this.#delete(key);
    }
  }

  refusal(seller: string, phone: string, amount: number, nowMs: number): Rejected | undefined {
    const use = this.#uses.get(keyOf(seller, phone))?.use ?? null;
    return refusalByLimits(this.limits, use, amount, nowMs, phone);
  }

  count(seller: string, phone: string, amount: number, atMs: number): void {
    // A use counts from just before its first sale, so that this sale can be given back.
    const key = keyOf(seller, phone);
    const use = this.#uses.get(key)?.use ?? dailyUseOf(this.limits, null, atMs - 1);
    if (use === null) return;
    countSale(use, amount, atMs);
    this.#put(key, { use, lastAtMs: atMs });
    for (const [oldest, { lastAtMs }] of this.#uses) {
      if (atMs - lastAtMs <= KEPT_MS) break;
      this.#delete(oldest);
    }
  }

  uncount(seller: string, phone: string, amount: number, atMs: number): void {
    uncountSale(this.#uses.get(keyOf(seller, phone))?.use ?? null, amount, atMs);
  }

  *items(partner: string): Generator<UseItem> {
    for (const [key, { use, lastAtMs }] of this.#uses) {
      const [seller = "", phone = ""] = key.split("\0");
      yield ["use", partner, seller, phone, lastAtMs, storedUse(use)];
    }
  }

  restore([, , seller, phone, lastAtMs, stored]: UseItem): void {
    this.#put(keyOf(seller, phone), { use: restoredUse(this.limits, stored), lastAtMs });
  }

  #put(key: string, use: Use): void {
    if (!this.#uses.delete(key)) this.#countBytes(USE_BYTES + textBytes(key));
    this.#uses.set(key, use);
  }

  #delete(key: string): void {
    this.#uses.delete(key);
    this.#countBytes(-USE_BYTES - textBytes(key));
  }
}

function keyOf(seller: string, phone: string): string {
  return `${seller}\0${phone}`;
}
