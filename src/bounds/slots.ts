/** What is in hand, each by a number that is good until it is removed. */
import { assert } from "../errors/assert.ts";

/** A number is a slot, and how often the slot was used before, so that an old number does not find what is there now. */
const SLOT_BITS = 20;
const SLOTS_MAX = 1 << SLOT_BITS;
const SLOT_MASK = SLOTS_MAX - 1;
/** Numbers stay below 2^30: V8 keeps such integers in place. */
const NUMBER_MASK = (1 << 30) - 1;

/**
 * Used instead of a `Map` where items come and go with every request. A `Map` gets a new table every few insertions, and
 * each old table refers to the next one. Once one of them has been moved to the old generation, every later table, and
 * whatever these referred to, survives each minor collection until the next full one.
 */
export class Slots<T> {
  readonly #items: (T | undefined)[] = [];
  /** The number that each slot's item has, or that the next one gets. */
  readonly #numbers: number[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** The number that the next item gets. */
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
    assert(slot < SLOTS_MAX, "what is in hand is bounded far below the number of slots");
    this.#items.push(item);
    this.#numbers.push(slot);
    return slot;
  }

  get(no: number): T | undefined {
    const slot = no & SLOT_MASK;
    return this.#numbers[slot] === no ? this.#items[slot] : undefined;
  }

  /** @returns whether it was there. */
  remove(no: number): boolean {
    if (this.get(no) === undefined) return false;
    const slot = no & SLOT_MASK;
    this.#items[slot] = undefined;
    this.#numbers[slot] = (no + SLOTS_MAX) & NUMBER_MASK;
    this.#free.push(slot);
    return true;
  }

  /** In no particular order. */
  values(): readonly T[] {
    return this.#items.filter((item) => item !== undefined);
  }
}
