import type { Key } from "../index/key-hash.ts";
import type { RunWriter } from "../index/run-writer.ts";
import type { Slice } from "../queries/history.ts";
import type { Tally } from "../queries/tally.ts";

const BUCKETS = 1 << 16;
const NONE = -1;

/**
 * The newest entries of an index, in memory, in the order in which they came: columns, and a chain per hash
 * bucket through them, so that it can be asked before it is sorted and written out.
 */
export class Tail {
  count = 0;
  /** Batches are counted from here. */
  base = 0;
  readonly #figures: boolean;
  #highs: Uint32Array;
  #lows: Uint32Array;
  #batches: Uint32Array;
  #slots: Uint32Array;
  #seqs: Float64Array;
  #amounts: Float64Array;
  #previous: Int32Array;
  readonly #newest = new Int32Array(BUCKETS).fill(NONE);

  /** @param capacity at least 1. */
  constructor(capacity: number, figures: boolean) {
    this.#figures = figures;
    this.#highs = new Uint32Array(capacity);
    this.#lows = new Uint32Array(capacity);
    this.#batches = new Uint32Array(capacity);
    this.#slots = new Uint32Array(capacity);
    this.#seqs = new Float64Array(figures ? capacity : 0);
    this.#amounts = new Float64Array(figures ? capacity : 0);
    this.#previous = new Int32Array(capacity);
  }

  /** Makes room for what a batch brings beyond the capacity: how much that is shows only while it is read. */
  #grow(): void {
    const capacity = 2 * this.#highs.length;
    this.#highs = grown(this.#highs, new Uint32Array(capacity));
    this.#lows = grown(this.#lows, new Uint32Array(capacity));
    this.#batches = grown(this.#batches, new Uint32Array(capacity));
    this.#slots = grown(this.#slots, new Uint32Array(capacity));
    this.#previous = grown(this.#previous, new Int32Array(capacity));
    if (!this.#figures) return;
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
    if (this.#figures) {
      this.#seqs[at] = seq;
      this.#amounts[at] = amount;
    }
    const bucket = (high ^ low) & (BUCKETS - 1);
    this.#previous[at] = this.#newest[bucket] as number;
    this.#newest[bucket] = at;
    this.count = at + 1;
  }

  slice(key: Key): TailSlice | undefined {
    const places: number[] = [];
    const { high, low } = key;
    let at = this.#newest[(high ^ low) & (BUCKETS - 1)] as number;
    for (; at !== NONE; at = this.#previous[at] as number) {
      if (this.#highs[at] === high && this.#lows[at] === low) places.push(at);
    }
    if (places.length === 0) return undefined;
    return new TailSlice(
      this.base,
      places.toReversed(),
      this.#batches,
      this.#slots,
      this.#seqs,
      this.#amounts,
    );
  }

  /** Writes everything in order of key. Entries of one key keep the order in which they came. */
  writeTo(run: RunWriter): void {
    const order = sortedOrder(this.#highs, this.#lows, this.count);
    for (let i = 0; i < this.count; i++) {
      const at = order[i] as number;
      run.push(
        this.#highs[at] as number,
        this.#lows[at] as number,
        this.#batches[at] as number,
        this.#slots[at] as number,
        this.#figures ? (this.#seqs[at] as number) : 0,
        this.#figures ? (this.#amounts[at] as number) : 0,
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
  readonly #places: readonly number[];
  readonly #batches: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #seqs: Float64Array;
  readonly #amounts: Float64Array;

  constructor(
    base: number,
    places: readonly number[],
    batches: Uint32Array,
    slots: Uint32Array,
    seqs: Float64Array,
    amounts: Float64Array,
  ) {
    this.length = places.length;
    this.#base = base;
    this.#places = places;
    this.#batches = batches;
    this.#slots = slots;
    this.#seqs = seqs;
    this.#amounts = amounts;
  }

  batch(at: number): number {
    return this.#base + (this.#batches[this.#places[at] as number] as number);
  }

  slot(at: number): number {
    return this.#slots[this.#places[at] as number] as number;
  }

  seq(at: number): number {
    return this.#seqs[this.#places[at] as number] as number;
  }

  amount(at: number): number {
    return this.#amounts[this.#places[at] as number] as number;
  }

  tally(total: Tally, end: number, seqMax: number): void {
    for (let i = 0; i < end; i++) {
      const place = this.#places[i] as number;
      const seq = this.#seqs[place] as number;
      if (seq <= seqMax) total.add(this.#amounts[place] as number, seq);
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
 * The places of the entries in order of key. A radix sort by the upper half: stable, hence nothing else needs
 * comparing; the few that share an upper half are put in order of the lower one after it.
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
  settleTies(keys, lows, order);
  return order;
}

function settleTies(keys: Uint32Array, lows: Uint32Array, order: Uint32Array): void {
  for (let from = 0; from < order.length; ) {
    const low = lows[order[from] as number];
    let to = from + 1;
    let mixed = false;
    for (; to < order.length && keys[to] === keys[from]; to++) {
      if (lows[order[to] as number] !== low) mixed = true;
    }
    if (mixed) {
      // Entries came in order of their places, so comparing places keeps the sort stable whatever it is.
      order.subarray(from, to).sort((a, b) => (lows[a] as number) - (lows[b] as number) || a - b);
    }
    from = to;
  }
}
