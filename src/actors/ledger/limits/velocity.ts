/**
 * Velocity limits of an account: a bound on the sum or the number of entries within a sliding window of log time. A
 * window has 60 buckets. A bucket that it covers only in part counts in full, so that no window exceeds its limit.
 */
import type { Limit } from "../../records/command.ts";

const BUCKETS = 60;

export type Direction = Limit["direction"];

/** Sum and number of the entries in one 60th of the window. `number` is the bucket's time divided by its length. */
type Bucket = { readonly number: number; amount: number; count: number };

export type Velocity = {
  readonly limit: Limit;
  /** Log time at which counting began. */
  readonly sinceMs: number;
  /** Oldest first, without empty ones: at most 61. */
  readonly buckets: Bucket[];
};

/** @param before the account's previous limits: a new limit with the same window and direction keeps their counts. */
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

/** Whether `count` further entries with sum `amount` exceed one of the limits. */
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

/** Counts `count` entries with sum `amount` against each limit of this direction. */
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
    const expired = buckets.findIndex((bucket) => bucket.number >= number - BUCKETS);
    buckets.splice(0, expired);
  }
}

/** Reverses a `countUse` at `atMs`. Does nothing for a limit that was set at or after `atMs`. */
export function uncountUse(
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
