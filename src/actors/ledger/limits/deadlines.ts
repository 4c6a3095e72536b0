/** A binary heap of items ordered by expiry, the earliest on top. */

export interface Expiring {
  /** Expiry, in ms since 1970 UTC. */
  readonly endsAtMs: number;
  /** Orders items with equal expiry, so that the order is deterministic. */
  readonly id: string;
  /** Zero-based index in the heap; -1 if it is in none. */
  place: number;
}

export class Deadlines<T extends Expiring> {
  readonly #heap: T[] = [];

  /** The item with the earliest expiry. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** The items that expire by `atMs`, earliest first, at most `max` of them. Changes nothing. O(max²). */
  firstUntil(atMs: number, max: number): readonly T[] {
    const heap = this.#heap;
    const found: T[] = [];
    // The places whose parents are found: the earliest of the rest is among them.
    const candidates = [0];
    while (found.length < max) {
      const earliest = candidates.reduce<T | undefined>((best, at) => {
        const item = heap[at];
        return item !== undefined && (best === undefined || isBefore(item, best)) ? item : best;
      }, undefined);
      if (earliest === undefined || earliest.endsAtMs > atMs) break;
      const { place } = earliest;
      found.push(earliest);
      candidates.splice(candidates.indexOf(place), 1, 2 * place + 1, 2 * place + 2);
    }
    return found;
  }

  add(item: T): void {
    this.#heap.push(item);
    this.#rise(item, this.#heap.length - 1);
  }

  remove(item: T): void {
    const last = this.#heap.pop();
    const at = item.place;
    item.place = -1;
    if (last === undefined || last === item) return;
    this.#sink(last, at);
    this.#rise(last, last.place);
  }

  #rise(item: T, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(item, heap[parent] as T)) break;
      this.#put(heap[parent] as T, at);
      at = parent;
    }
    this.#put(item, at);
  }

  #sink(item: T, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as T, heap[child] as T)) child += 1;
      if (!isBefore(heap[child] as T, item)) break;
      this.#put(heap[child] as T, at);
      at = child;
    }
    this.#put(item, at);
  }

  #put(item: T, at: number): void {
    this.#heap[at] = item;
    item.place = at;
  }
}

export function isBefore(a: Expiring, b: Expiring): boolean {
  return a.endsAtMs < b.endsAtMs || (a.endsAtMs === b.endsAtMs && a.id < b.id);
}
