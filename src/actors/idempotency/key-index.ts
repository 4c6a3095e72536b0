import { type KeyRing, NUMBER_BITS } from "./key-ring.ts";
import type { Hash } from "./scope-hash.ts";

/** The first bits of the hash name a sub-table. */
const TABLE_BITS = 10;
const TABLES = 2 ** TABLE_BITS;
/** A slot is an entry's number below and a few bits of its hash above; 0 is an empty one. */
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;
const FIRST_CAPACITY = 16;
const GROWTH = 1.5;
const LOAD_MAX = 0.8;
/** Well below the load after growing, so that a table does not grow and shrink by turns. */
const LOAD_MIN = 0.3;
const EMPTY = new Uint32Array(1);

/**
 * From the hash of a scope to the number of its entry: open addressing with linear probing, 4 bytes a slot. It is cut
 * into sub-tables which grow each by itself, and not at the same time: their sizes lie evenly between one step of
 * growth and the next. So at 16 million keys one of them, of 16,000, grows every few thousand keys.
 */
export class KeyIndex {
  readonly #ring: KeyRing;
  readonly #tables: Uint32Array[] = Array.from({ length: TABLES }, () => EMPTY);
  readonly #counts = new Uint32Array(TABLES);
  /** How many steps of growth a sub-table has made. */
  readonly #steps = new Uint8Array(TABLES);
  #size = 0;
  #bytes = 0;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  get size(): number {
    return this.#size;
  }

  /** Of its slots. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Makes room for so many before they come, where none has come yet: growing looks at every entry again. */
  reserve(count: number): void {
    // Hashes do not fall evenly; whatever is too small still grows.
    const each = (1.1 * count) / TABLES / LOAD_MAX;
    const step = Math.ceil(Math.log(each / FIRST_CAPACITY) / Math.log(GROWTH));
    if (step > 0) for (let table = 0; table < TABLES; table++) this.#resize(table, step);
  }

  find(hash: Hash): number | undefined {
    const slots = this.#tables[tableOf(hash.a)] as Uint32Array;
    const at = this.#slotOf(slots, hash);
    return at === undefined ? undefined : (slots[at] as number) & NUMBER_MASK;
  }

  /** From now on the hash means this entry, whatever it meant before. */
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
    place(slots, hash.b, slot);
    this.#counts[table] = count;
    this.#size += 1;
  }

  /** Is this entry the one that its hash means? If not, a later one has taken its place. */
  has(number: number): boolean {
    const slots = this.#tableOfEntry(number);
    return slots[this.#slotOfEntry(slots, number)] !== 0;
  }

  /** Forgets an entry, unless its hash means another one by now. */
  delete(number: number): void {
    const slots = this.#tableOfEntry(number);
    const at = this.#slotOfEntry(slots, number);
    if (slots[at] === 0) return;
    this.#close(slots, at);
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
      at = after(slots, at);
    }
  }

  #tableOfEntry(number: number): Uint32Array {
    return this.#tables[tableOf(this.#ring.hashWord(number, 0))] as Uint32Array;
  }

  /** The slot of an entry, or an empty one. */
  #slotOfEntry(slots: Uint32Array, number: number): number {
    let at = homeOf(slots, this.#ring.hashWord(number, 1));
    while (slots[at] !== 0 && ((slots[at] as number) & NUMBER_MASK) !== number) at = after(slots, at);
    return at;
  }

  /** Empties a slot, and moves up what was put behind it only because it was taken. */
  #close(slots: Uint32Array, emptied: number): void {
    let hole = emptied;
    for (let at = after(slots, hole); slots[at] !== 0; at = after(slots, at)) {
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
      if (slot !== 0) place(slots, this.#ring.hashWord(slot & NUMBER_MASK, 1), slot);
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

/** The tag tells most other entries without a look at them. Never 0, so that no slot that is taken looks empty. */
function tagOf(c: number): number {
  const tag = c >>> NUMBER_BITS;
  return (tag === 0 ? 1 : tag) << NUMBER_BITS;
}

/** Where a probe begins: the hash as a fraction of 2^32, so that any capacity will do. */
function homeOf(slots: Uint32Array, b: number): number {
  return Math.floor((b * slots.length) / 2 ** 32);
}

function after(slots: Uint32Array, at: number): number {
  return at + 1 === slots.length ? 0 : at + 1;
}

function place(slots: Uint32Array, b: number, slot: number): void {
  let at = homeOf(slots, b);
  while (slots[at] !== 0) at = after(slots, at);
  slots[at] = slot;
}
