/**
 * Deadlines by what they concern (an account, a member): finding what is over on one subject costs O(1) where nothing is,
 * and O(log n) for each item that is.
 *
 * An item that ends stays in its heaps as a dead entry until it comes to the top, or until more than half of a heap is
 * dead. So an item keeps no position here, and costs one reference for each of its subjects: a shard may have a million.
 */
import { type Expiring, isBefore } from "./deadlines.ts";

type Heap<T> = { items: T[]; dead: number };

/** Every item is also in a `Deadlines`, whose `place` says whether it is still there. An item is added once. */
export class DeadlinesBySubject<T extends Expiring> {
  readonly #heaps = new Map<string, Heap<T>>();

  add(subject: string, item: T): void {
    const heap = this.#heaps.get(subject);
    if (heap === undefined) this.#heaps.set(subject, { items: [item], dead: 0 });
    else push(heap.items, item);
  }

  /** One of the subject's items has left its `Deadlines`. */
  removed(subject: string): void {
    const heap = this.#heaps.get(subject);
    if (heap === undefined) return;
    heap.dead += 1;
    if (2 * heap.dead <= heap.items.length) return;
    heap.items = heap.items.filter(isAlive);
    heap.dead = 0;
    if (heap.items.length === 0) this.#heaps.delete(subject);
    else for (let at = (heap.items.length >>> 1) - 1; at >= 0; at--) sink(heap.items, at);
  }

  /** The one that ends first. */
  firstOf(subject: string): T | undefined {
    const heap = this.#heaps.get(subject);
    if (heap === undefined) return undefined;
    let [first] = heap.items;
    // Never all of them: a heap without living items was dropped.
    while (first !== undefined && !isAlive(first)) {
      pop(heap.items);
      heap.dead -= 1;
      [first] = heap.items;
    }
    return first;
  }
}

function isAlive({ place }: Expiring): boolean {
  return place >= 0;
}

function push<T extends Expiring>(items: T[], item: T): void {
  let at = items.length;
  items.push(item);
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    if (!isBefore(item, items[parent] as T)) break;
    items[at] = items[parent] as T;
    at = parent;
  }
  items[at] = item;
}

function pop(items: Expiring[]): void {
  const last = items.pop();
  if (last === undefined || items.length === 0) return;
  items[0] = last;
  sink(items, 0);
}

function sink(items: Expiring[], from: number): void {
  const item = items[from] as Expiring;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= items.length) break;
    if (child + 1 < items.length && isBefore(items[child + 1] as Expiring, items[child] as Expiring))
      child += 1;
    if (!isBefore(items[child] as Expiring, item)) break;
    items[at] = items[child] as Expiring;
    at = child;
  }
  items[at] = item;
}
