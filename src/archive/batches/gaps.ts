/** Batches that are damaged and that the index was built around: a list that goes past one may lack what it holds. */
import type { ArchiveError } from "../archive-error.ts";
import { comparePlaces, type Place } from "../queries/cursor.ts";
import type { Order, Range } from "../queries/query.ts";
import type { BatchTable } from "./batch-table.ts";
import { type Damage, type DamageTable, damaged } from "./damage-table.ts";

/** It was logged between these times; `place` is at the earlier one. */
export type Gap = Readonly<{ place: Place; toMs: number; error: ArchiveError }>;

const NO_GAPS: readonly Gap[] = [];

export class Gaps {
  readonly #damages: DamageTable;
  readonly #batches: BatchTable;

  constructor(damages: DamageTable, batches: BatchTable) {
    this.#damages = damages;
    this.#batches = batches;
  }

  /** Newest first. */
  get all(): readonly Gap[] {
    if (this.#damages.size === 0) return NO_GAPS;
    return this.#damages.gaps
      .map((damage) => this.#gapOf(damage))
      .toSorted((a, b) => comparePlaces(b.place, a.place));
  }

  #gapOf(damage: Damage): Gap {
    const { shard, id } = damage;
    const error = damaged(damage);
    if (shard === null || id === null) {
      const place = { timeMs: 0, shard: 0, epoch: 0, seq: 0, slot: 0 };
      return { place, toMs: Number.POSITIVE_INFINITY, error };
    }
    const { fromMs, toMs } = this.#batches.timesAround(shard, id);
    return { place: { timeMs: fromMs, shard, ...id, slot: 0 }, toMs, error };
  }
}

/**
 * Passes a list on up to the first gap.
 *
 * @param gaps newest first.
 * @throws ArchiveError `archive_damaged`: what comes next may be in a batch that the index lacks.
 */
export function* upToGap<T extends Readonly<{ place: Place }>>(
  found: Iterable<T>,
  gaps: readonly Gap[],
  { fromMs = 0, toMs = Number.POSITIVE_INFINITY }: Pick<Range, "fromMs" | "toMs">,
  cursor: Place | undefined,
  order: Order = "newest",
): Generator<T> {
  const isAfter = (a: Place, b: Place) =>
    order === "newest" ? comparePlaces(a, b) < 0 : comparePlaces(a, b) > 0;
  const within = gaps.filter(
    ({ place, toMs: endMs }) =>
      place.timeMs < toMs && endMs >= fromMs && (cursor === undefined || isAfter(place, cursor)),
  );
  const next = order === "newest" ? within[0] : within.at(-1);
  for (const each of found) {
    if (next !== undefined && isAfter(each.place, next.place)) throw next.error;
    yield each;
  }
  if (next !== undefined) throw next.error;
}
