/**
 * The uses of a voucher. Each redemption takes one and has a number, 1 for the first; a rollback gives it back once. What
 * is kept is bounded: the whole history is in the log.
 */
import type { Discount } from "./acts.ts";

/** Uses that a voucher may have. */
export const USES_MAX = 1_000_000;
/** The latest redemptions of a voucher that can be rolled back, however many uses it has. */
export const REDEMPTIONS_KEPT = 100;

/** `number`: 0 for a redemption that an older version logged. */
export type Redemption = readonly [number: number, atMs: number, discount: Discount];

export type Uses = Readonly<{
  max: number;
  /** Redemptions that were not rolled back. */
  taken: number;
  /** Number of the latest redemption, rolled back or not. */
  latest: number;
  /** The latest redemptions that were not rolled back, oldest first. */
  kept: readonly Redemption[];
  /** The latest one that is not kept any more. */
  dropped: Redemption | null;
}>;

/** As a snapshot holds it. */
export type UsesItem = readonly [
  max: number,
  taken: number,
  latest: number,
  kept: readonly Redemption[],
  dropped: Redemption | null,
];

/** Most vouchers have this object. */
const ONE_UNUSED: Uses = { max: 1, taken: 0, latest: 0, kept: [], dropped: null };

/** Approximate size in memory, of vouchers with several uses. Counted when they are issued, for all redemptions. */
const USES_BYTES = 130;
const REDEMPTION_BYTES = 150;

export function unusedOf(max: number): Uses {
  return max === 1 ? ONE_UNUSED : { ...ONE_UNUSED, max };
}

export function bytesOfUses({ max }: Uses): number {
  return max === 1 ? 0 : USES_BYTES + REDEMPTION_BYTES * Math.min(max, REDEMPTIONS_KEPT);
}

export function usesLeft({ max, taken }: Uses): number {
  return max - taken;
}

/** The last redemption that counts; `null` if none does. */
export function lastRedemption({ kept, dropped }: Uses): Redemption | null {
  return kept.at(-1) ?? dropped;
}

export function withRedemption(uses: Uses, redemption: Redemption): Uses {
  const all = [...uses.kept, redemption];
  const isFull = all.length > REDEMPTIONS_KEPT;
  return {
    max: uses.max,
    taken: uses.taken + 1,
    latest: Math.max(uses.latest, redemption[0]),
    kept: isFull ? all.slice(1) : all,
    dropped: isFull ? (all[0] as Redemption) : uses.dropped,
  };
}

/** @param number of a redemption that is kept. */
export function withoutRedemption(uses: Uses, number: number): Uses {
  return { ...uses, taken: uses.taken - 1, kept: uses.kept.filter(([each]) => each !== number) };
}

/**
 * The redemption to roll back: the one with this number, or the latest.
 *
 * @returns `not_redeemed`: there is none, or it was rolled back; `redemption_too_old`: it is not kept any more
 */
export function redemptionToRollBack(
  { kept, dropped }: Uses,
  number: number | undefined,
): Redemption | "not_redeemed" | "redemption_too_old" {
  const found = number === undefined ? kept.at(-1) : kept.find(([each]) => each === number);
  if (found !== undefined) return found;
  const isDropped = dropped !== null && (number === undefined || number <= dropped[0]);
  return isDropped ? "redemption_too_old" : "not_redeemed";
}

export function itemOfUses({ max, taken, latest, kept, dropped }: Uses): UsesItem {
  return [max, taken, latest, kept, dropped];
}

export function usesOfItem([max, taken, latest, kept, dropped]: UsesItem): Uses {
  return { max, taken, latest, kept, dropped };
}
