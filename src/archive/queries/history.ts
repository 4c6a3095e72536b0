/** The entries of one key across runs and tail, and how several histories are merged. */
import { compareSortKeys, type SortKey } from "./cursor.ts";
import type { Order } from "./query.ts";
import type { Tally } from "./tally.ts";

/** The entries of one key in a single run or in the tail, oldest first. */
export interface Slice {
  readonly length: number;
  /** The number of the entry's batch. */
  batch(at: number): number;
  /** Position within the batch: see slot.ts. */
  slot(at: number): number;
  /** The account's entry seq; only for histories of kind `entries`. */
  seq(at: number): number;
  /** Signed: negative for debits. Only for histories of kind `entries`. */
  amount(at: number): number;
  /** Adds those of the first `end` entries whose seq is at most `seqMax`. */
  tally(total: Tally, end: number, seqMax: number): void;
}

/** Looks up time, shard and id of a batch by its number. */
export type BatchPositions = (batch: number) => Readonly<{
  timeMs: number;
  shard: number;
  epoch: number;
  seq: number;
}>;

/**
 * All entries of one key, oldest first. Runs cover consecutive ranges of batches, so their slices followed by the
 * tail's are in order.
 */
export class History {
  readonly length: number;
  readonly #slices: readonly Slice[];
  readonly #starts: readonly number[];
  /** The shard of a key that is specific to one shard. */
  readonly shard: number | undefined;
  readonly #batchPositions: BatchPositions;

  constructor(slices: readonly Slice[], batchPositions: BatchPositions, shard?: number) {
    const starts: number[] = [];
    let length = 0;
    for (const slice of slices) {
      starts.push(length);
      length += slice.length;
    }
    this.length = length;
    this.#slices = slices;
    this.#starts = starts;
    this.#batchPositions = batchPositions;
    this.shard = shard;
  }

  batch(at: number): number {
    const [slice, within] = this.#find(at);
    return slice.batch(within);
  }

  slot(at: number): number {
    const [slice, within] = this.#find(at);
    return slice.slot(within);
  }

  seq(at: number): number {
    const [slice, within] = this.#find(at);
    return slice.seq(within);
  }

  amount(at: number): number {
    const [slice, within] = this.#find(at);
    return slice.amount(within);
  }

  sortKey(at: number): SortKey {
    const [slice, within] = this.#find(at);
    const { timeMs, shard, epoch, seq } = this.#batchPositions(slice.batch(within));
    return { timeMs, shard, epoch, seq, slot: slice.slot(within) };
  }

  /** Index of the first entry at or after `sortKey`. */
  firstFrom(sortKey: SortKey): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareSortKeys(this.sortKey(middle), sortKey) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first entry at or after a time, ms since 1970. */
  firstAt(timeMs: number): number {
    return this.firstFrom({ timeMs, shard: -1, epoch: 0, seq: 0, slot: 0 });
  }

  /** False if the entry with this sort key belongs to another shard's key with the same hash. */
  isOf(sortKey: SortKey): boolean {
    return this.shard === undefined || this.shard === sortKey.shard;
  }

  /** The history with only the chosen entries; indexes in ascending order. */
  select(chosen: readonly number[]): History {
    return new History([new Selection(this, chosen)], this.#batchPositions, this.shard);
  }

  /** Adds those of the first `end` entries whose seq is at most `seqMax`. */
  tally(total: Tally, end: number, seqMax: number): void {
    for (let i = 0; i < this.#slices.length; i++) {
      const within = end - (this.#starts[i] as number);
      const slice = this.#slices[i] as Slice;
      if (within > 0) slice.tally(total, Math.min(within, slice.length), seqMax);
    }
  }

  #find(at: number): readonly [Slice, number] {
    let i = this.#starts.length - 1;
    while ((this.#starts[i] as number) > at) i -= 1;
    return [this.#slices[i] as Slice, at - (this.#starts[i] as number)];
  }
}

/** Chosen entries of a history. */
class Selection implements Slice {
  readonly length: number;
  readonly #history: History;
  readonly #chosen: readonly number[];

  constructor(history: History, chosen: readonly number[]) {
    this.length = chosen.length;
    this.#history = history;
    this.#chosen = chosen;
  }

  batch(at: number): number {
    return this.#history.batch(this.#chosen[at] as number);
  }

  slot(at: number): number {
    return this.#history.slot(this.#chosen[at] as number);
  }

  seq(at: number): number {
    return this.#history.seq(this.#chosen[at] as number);
  }

  amount(at: number): number {
    return this.#history.amount(this.#chosen[at] as number);
  }

  tally(total: Tally, end: number, seqMax: number): void {
    for (let i = 0; i < end; i++) {
      if (this.seq(i) <= seqMax) total.add(this.amount(i), this.seq(i));
    }
  }
}

/** Entries [from, to) of a history. */
export type HistoryRange = Readonly<{ history: History; from: number; to: number }>;

/** One step of a merge: entry `at` of `history`. */
export type MergeStep = Readonly<{ history: History; at: number; sortKey: SortKey }>;

/** Merges ranges of several histories by sort key, lazily. */
export function* mergeHistories(ranges: readonly HistoryRange[], order: Order): Generator<MergeStep> {
  const back = order === "newest";
  const heads: MergeStep[] = [];
  /** The first index past each range, in the direction of the merge. */
  const ends = new Map<History, number>();
  for (const { history, from, to } of ranges) {
    if (to <= from) continue;
    ends.set(history, back ? from - 1 : to);
    const at = back ? to - 1 : from;
    heads.push({ history, at, sortKey: history.sortKey(at) });
  }
  while (heads.length > 0) {
    let next = 0;
    for (let i = 1; i < heads.length; i++) {
      const later = compareSortKeys((heads[i] as MergeStep).sortKey, (heads[next] as MergeStep).sortKey);
      if (back ? later > 0 : later < 0) next = i;
    }
    const step = heads[next] as MergeStep;
    yield step;
    const at = back ? step.at - 1 : step.at + 1;
    if (at === ends.get(step.history)) heads.splice(next, 1);
    else heads[next] = { history: step.history, at, sortKey: step.history.sortKey(at) };
  }
}
