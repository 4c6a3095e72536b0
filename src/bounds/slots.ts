/** A table of items in flight, each found by a number that is valid until the item is removed. */
import { assert } from "../errors/assert.ts";

/** A number is a slot plus a reuse count of the slot, so that an old number does not find the slot's new item. */
const SLOT_BITS = 20;
const SLOTS_MAX = 1 << SLOT_BITS;
const SLOT_MASK = SLOTS_MAX - 1;
/** Numbers stay below 2^30, so that V8 stores them as small integers without allocation. */
const NUMBER_MASK = (1 << 30) - 1;

/**
 * Replaces a `Map` whose items are added and removed with every request. A `Map` allocates a new table every few
 * insertions, and each old table refers to the next one. Once one of them is in the old generation, every later table,
 * with everything that it references, survives all minor collections until the next full one.
 */
export class Slots<T> {
  readonly #items: (T | undefined)[] = [];
  /** For each slot the number of its item, or of its next one. */
  readonly #numbers: number[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** The number that `add` will return next. */
  get next(): number {
    const slot = this.#free.at(-1);
    return slot === undefined ? this.#items.length : (this.#numbers[slot] as number);
  }

  /** @returns the item's number. */
  add(item: T): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#items[free] = item;
      return this.#numbers[free] as number;
    }
    const slot = this.#items.length;
    assert(slot < SLOTS_MAX, "items in flight are bounded far below the number of slots");
    this.#items.push(item);
    this.#numbers.push(slot);
    return slot;
  }

  get(number: number): T | undefined {
    const slot = number & SLOT_MASK;
    return this.#numbers[slot] === number ? this.#items[slot] : undefined;
  }

  /** @returns whether the item was there. */
  remove(number: number): boolean {
    if (this.get(number) === undefined) return false;
    const slot = number & SLOT_MASK;
    this.#items[slot] = undefined;
    this.#numbers[slot] = (number + SLOTS_MAX) & NUMBER_MASK;
    this.#free.push(slot);
    return true;
  }

  /** In no particular order. */
  values(): readonly T[] {
    return this.#items.filter((item) => item !== undefined);
  }
}
