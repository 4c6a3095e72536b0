import { comparePlaces, type Place } from "./cursor.ts";
import type { Order } from "./query.ts";
import type { Tally } from "./tally.ts";

/** The entries of one key in one run or in the tail, oldest first. */
export interface Slice {
  readonly length: number;
  /** The batch's number in the archive. */
  batch(at: number): number;
  /** Where in the batch: see slot.ts. */
  slot(at: number): number;
  /** The account's own seq; of its entries alone. */
  seq(at: number): number;
  /** Signed; of its entries alone. */
  amount(at: number): number;
  /** Adds the first `end` entries, those whose seq is at most `seqMax`. */
  tally(total: Tally, end: number, seqMax: number): void;
}

/** Where a batch stands, by its number. */
export type BatchPlaces = (batch: number) => Readonly<{
  timeMs: number;
  shard: number;
  epoch: number;
  seq: number;
}>;

/**
 * All entries of one key, oldest first: runs hold consecutive stretches of batches, so their slices, one
 * after the other, and the tail's at the end, are in order.
 */
export class History {
  readonly length: number;
  readonly #slices: readonly Slice[];
  readonly #starts: readonly number[];
  /** The shard whose batches are meant, where a key is one shard's. */
  readonly shard: number | undefined;
  readonly #places: BatchPlaces;

  constructor(slices: readonly Slice[], places: BatchPlaces, shard?: number) {
    const starts: number[] = [];
    let length = 0;
    for (const slice of slices) {
      starts.push(length);
      length += slice.length;
    }
    this.length = length;
    this.#slices = slices;
    this.#starts = starts;
    this.#places = places;
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

  place(at: number): Place {
    const [slice, within] = this.#find(at);
    const { timeMs, shard, epoch, seq } = this.#places(slice.batch(within));
    return { timeMs, shard, epoch, seq, slot: slice.slot(within) };
  }

  /** The first entry that is not before `place`. */
  firstFrom(place: Place): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(this.place(middle), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first entry at or after a time. */
  firstAt(timeMs: number): number {
    return this.firstFrom({ timeMs, shard: -1, epoch: 0, seq: 0, slot: 0 });
  }

  /** False where the entry at this place is of another shard's key with the same hash. */
  isOf(place: Place): boolean {
    return this.shard === undefined || this.shard === place.shard;
  }

  /** Only these of its entries, which are in order. */
  select(chosen: readonly number[]): History {
    return new History([new Selection(this, chosen)], this.#places, this.shard);
  }

  /** Adds the first `end` entries, those whose seq is at most `seqMax`. */
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

/** Some of a history's entries, in their order. */
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
export type Stretch = Readonly<{ history: History; from: number; to: number }>;

/** One step of a merge: entry `at` of `history`. */
export type Step = Readonly<{ history: History; at: number; place: Place }>;

/** Merges stretches of several histories. */
export function* inOrder(stretches: readonly Stretch[], order: Order): Generator<Step> {
  const back = order === "newest";
  const heads: Step[] = [];
  /** The first entry behind each stretch, in the direction of the merge. */
  const ends = new Map<History, number>();
  for (const { history, from, to } of stretches) {
    if (to <= from) continue;
    ends.set(history, back ? from - 1 : to);
    const at = back ? to - 1 : from;
    heads.push({ history, at, place: history.place(at) });
  }
  while (heads.length > 0) {
    let next = 0;
    for (let i = 1; i < heads.length; i++) {
      const later = comparePlaces((heads[i] as Step).place, (heads[next] as Step).place);
      if (back ? later > 0 : later < 0) next = i;
    }
    const step = heads[next] as Step;
    yield step;
    const at = back ? step.at - 1 : step.at + 1;
    if (at === ends.get(step.history)) heads.splice(next, 1);
    else heads[next] = { history: step.history, at, place: step.history.place(at) };
  }
}
