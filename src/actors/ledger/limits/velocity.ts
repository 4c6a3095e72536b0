/**
 * Velocity limits of an account: so much, or so often, within a sliding window of log time. A window is cut into 60
 * buckets; the one that it covers in part is counted in full, so that no window ever holds more than it may.
 */
import type { Limit } from "../../records/command.ts";

const BUCKETS = 60;

export type Direction = Limit["direction"];

/** What was counted within one bucket of time. */
type Bucket = { readonly number: number; amount: number; count: number };

export type Velocity = {
  readonly limit: Limit;
  /** It counts from here on. */
  readonly sinceMs: number;
  /** Oldest first, and only those that count anything: at most 61. */
  readonly buckets: Bucket[];
};

/** @param before the account's limits so far: a window that is limited again goes on counting. */
export function velocitiesOf(
  limits: readonly Limit[],
  before: readonly Velocity[] | null,
  nowMs: number,
): readonly Velocity[] | null {
  if (limits.length === 0) return null;
  return limits.map((limit) => {
    const same = before?.find(
      (known) => known.limit.windowS === limit.windowS && known.limit.direction === limit.direction,
    );
    return { limit, sinceMs: same?.sinceMs ?? nowMs, buckets: same?.buckets ?? [] };
  });
}

/** Whether `amount` in `count` postings is more than some limit still allows. */
export function exceeds(
  velocities: readonly Velocity[],
  direction: Direction,
  amount: number,
  count: number,
  nowMs: number,
): boolean {
  return velocities.some(({ limit, buckets }) => {
    if (limit.direction !== direction) return false;
    const oldest = bucketAt(limit, nowMs) - BUCKETS;
    let usedAmount = amount;
    let usedCount = count;
    for (const bucket of buckets) {
      if (bucket.number < oldest) continue;
      usedAmount += bucket.amount;
      usedCount += bucket.count;
    }
    return (
      (limit.maxAmount !== null && usedAmount > limit.maxAmount) ||
      (limit.maxCount !== null && usedCount > limit.maxCount)
    );
  });
}

/** Nothing is counted where there is no limit. */
export function countUse(
  velocities: readonly Velocity[] | null | undefined,
  direction: Direction,
  amount: number,
  count: number,
  atMs: number,
): void {
  for (const { limit, buckets } of velocities ?? []) {
    if (limit.direction !== direction) continue;
    const number = bucketAt(limit, atMs);
    const newest = buckets.at(-1);
    if (newest?.number === number) {
      newest.amount += amount;
      newest.count += count;
      continue;
    }
    buckets.push({ number, amount, count });
    const over = buckets.findIndex((bucket) => bucket.number >= number - BUCKETS);
    buckets.splice(0, over);
  }
}

/** Takes back what was counted at `atMs`, unless it was before the limit was set. */
export function giveBackUse(
  velocities: readonly Velocity[] | null | undefined,
  direction: Direction,
  amount: number,
  count: number,
  atMs: number,
): void {
  for (const { limit, sinceMs, buckets } of velocities ?? []) {
    if (limit.direction !== direction || atMs <= sinceMs) continue;
    const number = bucketAt(limit, atMs);
    const bucket = buckets.find((each) => each.number === number);
    if (bucket === undefined) continue;
    bucket.amount = Math.max(0, bucket.amount - amount);
    bucket.count = Math.max(0, bucket.count - count);
  }
}

function bucketAt({ windowS }: Limit, atMs: number): number {
  return Math.floor((atMs * BUCKETS) / (windowS * 1000));
}
