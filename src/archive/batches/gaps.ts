/** Gaps: damaged batches that the index skipped. A list that extends past a gap may lack records. */
import type { ArchiveError } from "../archive-error.ts";
import { compareSortKeys, type SortKey } from "../queries/cursor.ts";
import type { Order, Range } from "../queries/query.ts";
import type { BatchTable } from "./batch-table.ts";
import { type Damage, type DamageTable, damageError } from "./damage-table.ts";

/** A skipped batch, logged between the time of `sortKey` and `toMs` (ms since 1970). */
export type Gap = Readonly<{ sortKey: SortKey; toMs: number; error: ArchiveError }>;

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
      .toSorted((a, b) => compareSortKeys(b.sortKey, a.sortKey));
  }

  #gapOf(damage: Damage): Gap {
    const { shard, id } = damage;
    const error = damageError(damage);
    if (shard === null || id === null) {
      const sortKey = { timeMs: 0, shard: 0, epoch: 0, seq: 0, slot: 0 };
      return { sortKey, toMs: Number.POSITIVE_INFINITY, error };
    }
    const { fromMs, toMs } = this.#batches.timesAround(shard, id);
    return { sortKey: { timeMs: fromMs, shard, ...id, slot: 0 }, toMs, error };
  }
}

/**
 * Yields a list's records up to the first gap.
 *
 * @param gaps newest first.
 * @throws ArchiveError `archive_damaged`: the next record may be in a batch that the index skipped.
 */
export function* untilGap<T extends Readonly<{ sortKey: SortKey }>>(
  found: Iterable<T>,
  gaps: readonly Gap[],
  { fromMs = 0, toMs = Number.POSITIVE_INFINITY }: Pick<Range, "fromMs" | "toMs">,
  cursor: SortKey | undefined,
  order: Order = "newest",
): Generator<T> {
  const isAfter = (a: SortKey, b: SortKey) =>
    order === "newest" ? compareSortKeys(a, b) < 0 : compareSortKeys(a, b) > 0;
  const relevant = gaps.filter(
    ({ sortKey, toMs: endMs }) =>
      sortKey.timeMs < toMs && endMs >= fromMs && (cursor === undefined || isAfter(sortKey, cursor)),
  );
  const next = order === "newest" ? relevant[0] : relevant.at(-1);
  for (const each of found) {
    if (next !== undefined && isAfter(each.sortKey, next.sortKey)) throw next.error;
    yield each;
  }
  if (next !== undefined) throw next.error;
}
