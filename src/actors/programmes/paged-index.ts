/** Things in the order in which they came, so that they can be listed newest first, over all shards, a page at a time. */
import type { JsonValue } from "../records/act.ts";

/** Where a thing stands in the list of all shards: the newest is the greatest. */
export type ListPlace = readonly [atMs: number, shard: number, serial: number];

/** Rows of one shard, newest first; `upTo` is how far it has looked, `null` when that was all. */
export type ListPart<R> = Readonly<{
  rows: readonly (readonly [place: ListPlace, row: R])[];
  upTo: ListPlace | null;
}>;

/** A question's last two values: how many, and before what. */
export type ListAsk = readonly [limit: number, before: ListPlace | null];

/** So many are looked at in one go, whatever the list leaves out. */
const SCANNED_MAX = 5_000;

type Slot<T> = { readonly atMs: number; readonly serial: number; item: T | undefined };

export class PagedIndex<T> {
  readonly #shard: number;
  /** Oldest first. */
  #lines: Slot<T>[] = [];
  readonly #byItem = new Map<T, Slot<T>>();
  #serial = 0;

  constructor(shard: number) {
    this.#shard = shard;
  }

  get size(): number {
    return this.#byItem.size;
  }

  /** @param atMs never before that of the one added last. */
  add(item: T, atMs: number): void {
    this.#serial += 1;
    const line = { atMs, serial: this.#serial, item };
    this.#lines.push(line);
    this.#byItem.set(item, line);
  }

  remove(item: T): void {
    const line = this.#byItem.get(item);
    if (line === undefined) return;
    line.item = undefined;
    this.#byItem.delete(item);
    if (this.#lines.length > 2 * this.#byItem.size + 16)
      this.#lines = this.#lines.filter((each) => each.item !== undefined);
  }

  /** Oldest first. */
  all(): Iterable<T> {
    return this.#byItem.keys();
  }

  /** @param show what the list says of it; `undefined`: it is not in this list. */
  list<R extends JsonValue>([limit, before]: ListAsk, show: (item: T) => R | undefined): ListPart<R> {
    const rows: [ListPlace, R][] = [];
    const from = before === null ? this.#lines.length : this.#firstNotBefore(before);
    const to = Math.max(0, from - SCANNED_MAX);
    for (let at = from - 1; at >= to; at--) {
      const { atMs, serial, item } = this.#lines[at] as Slot<T>;
      const row = item === undefined ? undefined : show(item);
      if (row === undefined) continue;
      const place = [atMs, this.#shard, serial] as const;
      rows.push([place, row]);
      if (rows.length === limit) return { rows, upTo: at === 0 ? null : place };
    }
    const last = this.#lines[to];
    return { rows, upTo: to === 0 || last === undefined ? null : [last.atMs, this.#shard, last.serial] };
  }

  #firstNotBefore(before: ListPlace): number {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { atMs, serial } = this.#lines[middle] as Slot<T>;
      if (comparePlaces([atMs, this.#shard, serial], before) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Negative when `a` is the older one. */
export function comparePlaces(a: ListPlace, b: ListPlace): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
