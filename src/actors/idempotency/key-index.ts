import { type KeyRing, NUMBER_BITS } from "./key-ring.ts";
import type { Hash } from "./scope-hash.ts";

/** The first bits of the hash select a sub-table. */
const TABLE_BITS = 10;
const TABLES = 2 ** TABLE_BITS;
/** A slot holds an entry's number in its low bits and a tag of its hash in the high bits; 0 is an empty slot. */
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
const FIRST_CAPACITY = 16;
const GROWTH = 1.5;
const LOAD_MAX = 0.8;
/** Well below the load after growing, so that a table does not alternate between growing and shrinking. */
const LOAD_MIN = 0.3;
const EMPTY = new Uint32Array(1);

/**
 * Maps the hash of a key's scope to the number of its entry: open addressing with linear probing, 4 bytes per slot.
 * It is divided into 1,024 sub-tables that grow one at a time: their sizes are spread evenly over one step of growth.
 * So at 16 million keys, one sub-table of 16,000 entries grows every few thousand keys, and no growth takes long.
 */
export class KeyIndex {
  readonly #ring: KeyRing;
  readonly #tables: Uint32Array[] = Array.from({ length: TABLES }, () => EMPTY);
  readonly #counts = new Uint32Array(TABLES);
  /** Growth steps of each sub-table; its capacity follows from the step. */
  readonly #steps = new Uint8Array(TABLES);
  #size = 0;
  #bytes = 0;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  get size(): number {
    return this.#size;
  }

  /** Size of all slots in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sizes an empty index for `count` keys, because every growth step visits all entries of a sub-table. */
  reserve(count: number): void {
    // 10 % more, because hashes are not spread evenly. A sub-table that is still too small grows.
    const each = (1.1 * count) / TABLES / LOAD_MAX;
    const step = Math.ceil(Math.log(each / FIRST_CAPACITY) / Math.log(GROWTH));
    if (step > 0) for (let table = 0; table < TABLES; table++) this.#resize(table, step);
  }

  find(hash: Hash): number | undefined {
    const slots = this.#tables[tableOf(hash.a)] as Uint32Array;
    const at = this.#slotOf(slots, hash);
    return at === undefined ? undefined : (slots[at] as number) & NUMBER_MASK;
  }

  /** Maps the hash to this entry, replacing an earlier entry with the same hash. */
  set(hash: Hash, number: number): void {
    const table = tableOf(hash.a);
    let slots = this.#tables[table] as Uint32Array;
    const slot = (tagOf(hash.c) | number) >>> 0;
    const known = this.#slotOf(slots, hash);
    if (known !== undefined) {
      slots[known] = slot;
      return;
    }
    const count = (this.#counts[table] as number) + 1;
    if (count > slots.length * LOAD_MAX) {
      slots = this.#resize(table, slots === EMPTY ? 0 : (this.#steps[table] as number) + 1);
    }
    insert(slots, hash.b, slot);
    this.#counts[table] = count;
    this.#size += 1;
  }

  /** Whether the entry's hash still maps to it; false if a later entry replaced it. */
  has(number: number): boolean {
    const slots = this.#tableOfEntry(number);
    return slots[this.#slotOfEntry(slots, number)] !== 0;
  }

  /** Removes an entry. Does nothing if a later entry replaced it. */
  delete(number: number): void {
    const slots = this.#tableOfEntry(number);
    const at = this.#slotOfEntry(slots, number);
    if (slots[at] === 0) return;
    this.#removeSlot(slots, at);
    this.#size -= 1;
    const table = tableOf(this.#ring.hashWord(number, 0));
    const count = (this.#counts[table] as number) - 1;
    this.#counts[table] = count;
    const step = this.#steps[table] as number;
    if (count < slots.length * LOAD_MIN && step > 0) this.#resize(table, step - 1);
  }

  #slotOf(slots: Uint32Array, hash: Hash): number | undefined {
    const tag = tagOf(hash.c) >>> NUMBER_BITS;
    let at = homeOf(slots, hash.b);
    for (;;) {
      const slot = slots[at] as number;
      if (slot === 0) return undefined;
      if (slot >>> NUMBER_BITS === tag && this.#ring.holds(slot & NUMBER_MASK, hash)) return at;
      at = nextSlot(slots, at);
    }
  }

  #tableOfEntry(number: number): Uint32Array {
    return this.#tables[tableOf(this.#ring.hashWord(number, 0))] as Uint32Array;
  }

  /** The slot of an entry; an empty slot if the index does not have it. */
  #slotOfEntry(slots: Uint32Array, number: number): number {
    let at = homeOf(slots, this.#ring.hashWord(number, 1));
    while (slots[at] !== 0 && ((slots[at] as number) & NUMBER_MASK) !== number) at = nextSlot(slots, at);
    return at;
  }

  /** Empties a slot and moves later entries of the probe sequence into the hole (backward-shift deletion). */
  #removeSlot(slots: Uint32Array, emptied: number): void {
    let hole = emptied;
    for (let at = nextSlot(slots, hole); slots[at] !== 0; at = nextSlot(slots, at)) {
      const home = homeOf(slots, this.#ring.hashWord((slots[at] as number) & NUMBER_MASK, 1));
      const isBehindHole = hole < at ? home > hole && home <= at : home > hole || home <= at;
      if (isBehindHole) continue;
      slots[hole] = slots[at] as number;
      hole = at;
    }
    slots[hole] = 0;
  }

  #resize(table: number, step: number): Uint32Array {
    const old = this.#tables[table] as Uint32Array;
    const slots = new Uint32Array(Math.ceil(FIRST_CAPACITY * GROWTH ** (step + table / TABLES)));
    for (const slot of old) {
      if (slot !== 0) insert(slots, this.#ring.hashWord(slot & NUMBER_MASK, 1), slot);
    }
    if (old !== EMPTY) this.#bytes -= old.byteLength;
    this.#bytes += slots.byteLength;
    this.#tables[table] = slots;
    this.#steps[table] = step;
    return slots;
  }
}

function tableOf(a: number): number {
  return a >>> (32 - TABLE_BITS);
}

/** The tag rules out most other entries without reading them. Never 0, so that a used slot never looks empty. */
function tagOf(c: number): number {
  const tag = c >>> NUMBER_BITS;
  return (tag === 0 ? 1 : tag) << NUMBER_BITS;
}

/** Slot where a probe begins: the hash scaled as a fraction of 2^32, so that the capacity need not be a power of 2. */
function homeOf(slots: Uint32Array, b: number): number {
  return Math.floor((b * slots.length) / 2 ** 32);
}

function nextSlot(slots: Uint32Array, at: number): number {
  return at + 1 === slots.length ? 0 : at + 1;
}

function insert(slots: Uint32Array, b: number, slot: number): void {
  let at = homeOf(slots, b);
  while (slots[at] !== 0) at = nextSlot(slots, at);
  slots[at] = slot;
}
