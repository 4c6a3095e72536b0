/** Points that expire. Each accrual with an expiry is one lot; lots are spent in the order of their expiry. */
import { assert } from "../../../errors/assert.ts";

/** `id` is the id of the accrual's transfer. `points`: those not spent yet. */
export type Lot = { readonly id: string; readonly expiresAtMs: number; points: number };

/** Points that one movement takes from a lot or gives back to it. */
export type LotPart = readonly [id: string, points: number, expiresAtMs: number];

/** The place of a lot in a list: of one that expires, or of one that begins later (`pending`). */
export type LotPlace = readonly [atMs: number, id: string, ...kind: readonly ["pending"] | readonly []];

/**
 * Splits `points` over the lots: first the lot `first`, then the others in the order of their expiry. Returns less than
 * `points` in total if the lots hold less.
 */
export function splitOverLots(lots: readonly Lot[], points: number, first?: string): readonly LotPart[] {
  if (lots.length === 0) return [];
  const preferred = lots.filter(({ id }) => id === first);
  const parts: LotPart[] = [];
  let remaining = points;
  for (const { id, points: available, expiresAtMs } of [
    ...preferred,
    ...lots.filter((lot) => lot.id !== first),
  ]) {
    if (remaining === 0) break;
    const part = Math.min(available, remaining);
    parts.push([id, part, expiresAtMs]);
    remaining -= part;
  }
  return parts;
}

/** The index at which to insert a lot: after all lots that expire at the same time or earlier. */
export function insertionIndex(lots: readonly Lot[], expiresAtMs: number): number {
  const index = lots.findIndex((lot) => lot.expiresAtMs > expiresAtMs);
  return index < 0 ? lots.length : index;
}

export function lotById<L extends Lot>(lots: readonly L[], id: string): L {
  const lot = lots.find((each) => each.id === id);
  assert(lot !== undefined, "points are taken from a lot that exists");
  return lot;
}

/**
 * The index at which the page after this lot begins. If the lot was used up since, all lots before it were too, as lots
 * are spent in this order; only after reverts some of the same expiry may be listed again.
 */
export function pageStart(lots: readonly Lot[], [expiresAtMs, id]: LotPlace): number {
  const at = lots.findIndex((lot) => lot.id === id);
  if (at >= 0) return at + 1;
  const later = lots.findIndex((lot) => lot.expiresAtMs >= expiresAtMs);
  return later < 0 ? lots.length : later;
}
