/**
 * Deadlines by subject (an account, a member). Finding the expired items of a subject costs O(1) if there are none,
 * and O(log n) for each one.
 *
 * A removed item stays in its subjects' heaps as a dead entry until it reaches the top, or until more than half of a
 * heap is dead. So an item stores no position here and costs one reference per subject; there may be a million.
 */
import { type Expiring, isBefore } from "./deadlines.ts";

type Heap<T> = { items: T[]; dead: number };

/** Each item must also be in a `Deadlines`; its `place` there tells whether it is alive. An item is added only once. */
export class DeadlinesBySubject<T extends Expiring> {
  readonly #heaps = new Map<string, Heap<T>>();

  add(subject: string, item: T): void {
    const heap = this.#heaps.get(subject);
    if (heap === undefined) this.#heaps.set(subject, { items: [item], dead: 0 });
    else push(heap.items, item);
  }

  /** Must be called for each subject of an item when it has been removed from its `Deadlines`. */
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

  /** The subject's item with the earliest expiry. */
  firstOf(subject: string): T | undefined {
    const heap = this.#heaps.get(subject);
    if (heap === undefined) return undefined;
    let [first] = heap.items;
    // Finds a live item: a heap without one was deleted.
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
