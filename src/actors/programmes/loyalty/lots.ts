/** Points that expire: one lot for each accrual that has an end, spent in the order in which they expire. */
import { assert } from "../../../errors/assert.ts";

/** `id` is that of the accrual's transfer. */
export type Lot = { readonly id: string; readonly expiresAtMs: number; points: number };

/** So many points of a lot, taken by a redemption or put back by its revert. */
export type LotPart = readonly [id: string, points: number, expiresAtMs: number];

/** What taking so many points takes of which lots: of `first` before all others, then of those that expire soonest. */
export function splitOverLots(lots: readonly Lot[], points: number, first?: string): readonly LotPart[] {
  if (lots.length === 0) return [];
  const own = lots.filter(({ id }) => id === first);
  const parts: LotPart[] = [];
  let left = points;
  for (const { id, points: there, expiresAtMs } of [...own, ...lots.filter((lot) => lot.id !== first)]) {
    if (left === 0) break;
    const part = Math.min(there, left);
    parts.push([id, part, expiresAtMs]);
    left -= part;
  }
  return parts;
}

/** Where a lot belongs among those that are there: behind all that expire no later. */
export function insertionIndex(lots: readonly Lot[], expiresAtMs: number): number {
  const place = lots.findIndex((lot) => lot.expiresAtMs > expiresAtMs);
  return place < 0 ? lots.length : place;
}

export function lotById(lots: readonly Lot[], id: string): Lot {
  const lot = lots.find((each) => each.id === id);
  assert(lot !== undefined, "what is taken of a lot was in it");
  return lot;
}
