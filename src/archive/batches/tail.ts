/** The in-memory part of an index. */
import type { Key } from "../index/key-hash.ts";
import type { RunWriter } from "../index/run-writer.ts";
import type { Slice } from "../queries/history.ts";
import type { Tally } from "../queries/tally.ts";

const BUCKETS = 1 << 16;
const NONE = -1;

/**
 * The newest entries of an index, in memory, by column and in order of arrival. A linked list per hash bucket makes
 * them searchable before they are sorted and written out.
 */
export class Tail {
  count = 0;
  /** Batch numbers are stored relative to this one. */
  base = 0;
  readonly #hasAmounts: boolean;
  #highs: Uint32Array;
  #lows: Uint32Array;
  #batches: Uint32Array;
  #slots: Uint32Array;
  #seqs: Float64Array;
  #amounts: Float64Array;
  #previous: Int32Array;
  readonly #newest = new Int32Array(BUCKETS).fill(NONE);

  /**
   * @param capacity initial number of entries, at least 1.
   * @param hasAmounts whether entries have seq and amount.
   */
  constructor(capacity: number, hasAmounts: boolean) {
    this.#hasAmounts = hasAmounts;
    this.#highs = new Uint32Array(capacity);
    this.#lows = new Uint32Array(capacity);
    this.#batches = new Uint32Array(capacity);
    this.#slots = new Uint32Array(capacity);
    this.#seqs = new Float64Array(hasAmounts ? capacity : 0);
    this.#amounts = new Float64Array(hasAmounts ? capacity : 0);
    this.#previous = new Int32Array(capacity);
  }

  /** Doubles the capacity. A batch may exceed it, because its number of entries is not known in advance. */
  #grow(): void {
    const capacity = 2 * this.#highs.length;
    this.#highs = grown(this.#highs, new Uint32Array(capacity));
    this.#lows = grown(this.#lows, new Uint32Array(capacity));
    this.#batches = grown(this.#batches, new Uint32Array(capacity));
    this.#slots = grown(this.#slots, new Uint32Array(capacity));
    this.#previous = grown(this.#previous, new Int32Array(capacity));
    if (!this.#hasAmounts) return;
    this.#seqs = grown(this.#seqs, new Float64Array(capacity));
    this.#amounts = grown(this.#amounts, new Float64Array(capacity));
  }

  push(high: number, low: number, batch: number, slot: number, seq: number, amount: number): void {
    const at = this.count;
    if (at === this.#highs.length) this.#grow();
    this.#highs[at] = high;
    this.#lows[at] = low;
    this.#batches[at] = batch - this.base;
    this.#slots[at] = slot;
    if (this.#hasAmounts) {
      this.#seqs[at] = seq;
      this.#amounts[at] = amount;
    }
    const bucket = (high ^ low) & (BUCKETS - 1);
    this.#previous[at] = this.#newest[bucket] as number;
    this.#newest[bucket] = at;
    this.count = at + 1;
  }

  slice(key: Key): TailSlice | undefined {
    const indexes: number[] = [];
    const { high, low } = key;
    let at = this.#newest[(high ^ low) & (BUCKETS - 1)] as number;
    for (; at !== NONE; at = this.#previous[at] as number) {
      if (this.#highs[at] === high && this.#lows[at] === low) indexes.push(at);
    }
    if (indexes.length === 0) return undefined;
    return new TailSlice(
      this.base,
      indexes.toReversed(),
      this.#batches,
      this.#slots,
      this.#seqs,
      this.#amounts,
    );
  }

  /** Writes all entries in order of key. Entries of one key stay in order of arrival. */
  writeTo(run: RunWriter): void {
    const order = sortedOrder(this.#highs, this.#lows, this.count);
    for (let i = 0; i < this.count; i++) {
      const at = order[i] as number;
      run.push(
        this.#highs[at] as number,
        this.#lows[at] as number,
        this.#batches[at] as number,
        this.#slots[at] as number,
        this.#hasAmounts ? (this.#seqs[at] as number) : 0,
        this.#hasAmounts ? (this.#amounts[at] as number) : 0,
      );
    }
  }

  clear(base: number): void {
    this.count = 0;
    this.base = base;
    this.#newest.fill(NONE);
  }
}

class TailSlice implements Slice {
  readonly length: number;
  readonly #base: number;
  readonly #indexes: readonly number[];
  readonly #batches: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #seqs: Float64Array;
  readonly #amounts: Float64Array;

  constructor(
    base: number,
    indexes: readonly number[],
    batches: Uint32Array,
    slots: Uint32Array,
    seqs: Float64Array,
    amounts: Float64Array,
  ) {
    this.length = indexes.length;
    this.#base = base;
    this.#indexes = indexes;
    this.#batches = batches;
    this.#slots = slots;
    this.#seqs = seqs;
    this.#amounts = amounts;
  }

  batch(at: number): number {
    return this.#base + (this.#batches[this.#indexes[at] as number] as number);
  }

  slot(at: number): number {
    return this.#slots[this.#indexes[at] as number] as number;
  }

  seq(at: number): number {
    return this.#seqs[this.#indexes[at] as number] as number;
  }

  amount(at: number): number {
    return this.#amounts[this.#indexes[at] as number] as number;
  }

  tally(total: Tally, end: number, seqMax: number): void {
    for (let i = 0; i < end; i++) {
      const index = this.#indexes[i] as number;
      const seq = this.#seqs[index] as number;
      if (seq <= seqMax) total.add(this.#amounts[index] as number, seq);
    }
  }
}

function grown<T extends Uint32Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/**
 * The indexes of the entries in order of key. A stable radix sort by the high half of the key; the few entries that
 * share a high half are then sorted by the low half.
 */
function sortedOrder(highs: Uint32Array, lows: Uint32Array, count: number): Uint32Array {
  let keys = highs.slice(0, count);
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let nextKeys = new Uint32Array(count);
  let nextOrder = new Uint32Array(count);
  const starts = new Uint32Array(DIGITS);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    starts.fill(0);
    for (let i = 0; i < count; i++) {
      const digit = ((keys[i] as number) >>> shift) & (DIGITS - 1);
      starts[digit] = (starts[digit] as number) + 1;
    }
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const size = starts[digit] as number;
      starts[digit] = sum;
      sum += size;
    }
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      const digit = (key >>> shift) & (DIGITS - 1);
      const to = starts[digit] as number;
      starts[digit] = to + 1;
      nextKeys[to] = key;
      nextOrder[to] = order[i] as number;
    }
    [keys, nextKeys] = [nextKeys, keys];
    [order, nextOrder] = [nextOrder, order];
  }
  sortTies(keys, lows, order);
  return order;
}

function sortTies(keys: Uint32Array, lows: Uint32Array, order: Uint32Array): void {
  for (let from = 0; from < order.length; ) {
    const low = lows[order[from] as number];
    let to = from + 1;
    let mixed = false;
    for (; to < order.length && keys[to] === keys[from]; to++) {
      if (lows[order[to] as number] !== low) mixed = true;
    }
    if (mixed) {
      // Comparing indexes, which are in order of arrival, keeps the sort stable.
      order.subarray(from, to).sort((a, b) => (lows[a] as number) - (lows[b] as number) || a - b);
    }
    from = to;
  }
}
