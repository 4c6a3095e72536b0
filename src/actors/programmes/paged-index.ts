/** Items in creation order. Lists them newest first, in pages, so that the pages of all shards can be merged. */
import type { JsonValue } from "../records/act.ts";

/** The position of an item in the merged list of all shards. The newest item has the greatest position. */
export type ListPosition = readonly [atMs: number, shard: number, serial: number];

/**
 * One shard's part of a page, newest first. `upTo` is the position of the last item that was scanned, where the next
 * page continues; `null` at the end of the list.
 */
export type ListPage<R> = Readonly<{
  rows: readonly (readonly [place: ListPosition, row: R])[];
  upTo: ListPosition | null;
}>;

/** The last two values of a list query: the page size, and the position that the page starts below (`null`: newest). */
export type ListRequest = readonly [limit: number, before: ListPosition | null];

/** Items scanned for one page, whether the list shows them or not. */
const SCANNED_MAX = 5_000;

/** `item` is `undefined` once it was removed; the slot stays until the next compaction. */
type Slot<T> = { readonly atMs: number; readonly serial: number; item: T | undefined };

export class PagedIndex<T> {
  readonly #shard: number;
  /** Oldest first. */
  #slots: Slot<T>[] = [];
  readonly #byItem = new Map<T, Slot<T>>();
  #serial = 0;

  constructor(shard: number) {
    this.#shard = shard;
  }

  get size(): number {
    return this.#byItem.size;
  }

  /** @param atMs not less than that of the item added before. */
  add(item: T, atMs: number): void {
    this.#serial += 1;
    const slot = { atMs, serial: this.#serial, item };
    this.#slots.push(slot);
    this.#byItem.set(item, slot);
  }

  remove(item: T): void {
    const slot = this.#byItem.get(item);
    if (slot === undefined) return;
    slot.item = undefined;
    this.#byItem.delete(item);
    if (this.#slots.length > 2 * this.#byItem.size + 16)
      this.#slots = this.#slots.filter((each) => each.item !== undefined);
  }

  /** Oldest first. */
  all(): Iterable<T> {
    return this.#byItem.keys();
  }

  /** @param show the row of an item, or `undefined` to leave the item out of this list. */
  list<R extends JsonValue>([limit, before]: ListRequest, show: (item: T) => R | undefined): ListPage<R> {
    const rows: [ListPosition, R][] = [];
    const from = before === null ? this.#slots.length : this.#firstNotBefore(before);
    const to = Math.max(0, from - SCANNED_MAX);
    for (let at = from - 1; at >= to; at--) {
      const { atMs, serial, item } = this.#slots[at] as Slot<T>;
      const row = item === undefined ? undefined : show(item);
      if (row === undefined) continue;
      const place = [atMs, this.#shard, serial] as const;
      rows.push([place, row]);
      if (rows.length === limit) return { rows, upTo: at === 0 ? null : place };
    }
    const last = this.#slots[to];
    return { rows, upTo: to === 0 || last === undefined ? null : [last.atMs, this.#shard, last.serial] };
  }

  #firstNotBefore(before: ListPosition): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { atMs, serial } = this.#slots[middle] as Slot<T>;
      if (comparePositions([atMs, this.#shard, serial], before) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Negative if `a` is older than `b`. */
export function comparePositions(a: ListPosition, b: ListPosition): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
