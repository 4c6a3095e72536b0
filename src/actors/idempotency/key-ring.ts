import { assert } from "../../errors/assert.ts";
import type { Hash } from "./scope-hash.ts";

/**
 * Position of the first record with a key (`epoch`, `seq`, `index`), the request's fingerprint, and the record's log
 * time in seconds since 1970, below 2^43 (see `putSecond`).
 */
export type KeyEntry = Readonly<{
  fingerprint: number;
  atSecond: number;
  epoch: number;
  seq: number;
  index: number;
}>;

/** Entry numbers wrap around at 2^26, four times the number of keys that a table should hold. */
export const NUMBER_BITS = 26;
const NUMBERS = 2 ** NUMBER_BITS;
const CHUNK_BITS = 13;
const CHUNK = 2 ** CHUNK_BITS;
/** The first number is shortly before the wrap-around, so that every table soon exercises it, not only old ones. */
const FIRST = NUMBERS - CHUNK - 1000;

/** An entry is 11 adjacent 32-bit words (44 bytes), so that it is in one or two CPU cache lines. */
export const WORDS = 11;
const FINGERPRINT = 4;
const SEQ = 6;
const SECOND = 8;
const EPOCH = 9;
const INDEX = 10;
const HIGH = 2 ** 32;
/** The high word of a safe integer has 21 bits. The other bits of SEQ's high word hold the high bits of SECOND. */
const LONG_BITS = 21;
const LONG_MASK = 2 ** LONG_BITS - 1;
const SECONDS_MAX = 2 ** (64 - LONG_BITS) - 1;

/**
 * Key entries in insertion order, each with the hash of its scope. An entry is identified by a number, which the index
 * stores. Entries are in chunks that are allocated and freed as a whole; no entry is ever moved.
 */
export class KeyRing {
  readonly #chunks: (Uint32Array | undefined)[] = new Array(NUMBERS / CHUNK).fill(undefined);
  #first = FIRST;
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Size of all chunks in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the oldest entry. */
  get first(): number {
    return this.#first;
  }

  /** Appends an entry and returns its number. */
  append(hash: Hash, entry: KeyEntry): number {
    const number = this.#takeNumber();
    const words = this.#chunks[number >>> CHUNK_BITS] ?? this.#newChunk(number);
    const at = offsetOf(number);
    words[at] = hash.a;
    words[at + 1] = hash.b;
    words[at + 2] = hash.c;
    words[at + 3] = hash.d;
    putLong(words, at + FINGERPRINT, entry.fingerprint);
    putLong(words, at + SEQ, entry.seq);
    putSecond(words, at, entry.atSecond);
    putWord(words, at + EPOCH, entry.epoch);
    putWord(words, at + INDEX, entry.index);
    return number;
  }

  /** Appends the entry at word `from` of a block (see `blocks`) and returns its number. */
  appendWords(block: Uint32Array, from: number): number {
    const number = this.#takeNumber();
    const words = this.#chunks[number >>> CHUNK_BITS] ?? this.#newChunk(number);
    const at = offsetOf(number);
    for (let i = 0; i < WORDS; i++) words[at + i] = block[from + i] as number;
    return number;
  }

  /** Copies of all entries, oldest first, in blocks of up to `max` entries. */
  *blocks(max: number): Generator<Uint32Array<ArrayBuffer>> {
    for (let from = 0; from < this.#size; from += max) {
      const count = Math.min(max, this.#size - from);
      const block = new Uint32Array(count * WORDS);
      for (let i = 0; i < count; i++) {
        const number = (this.#first + from + i) % NUMBERS;
        const at = offsetOf(number);
        block.set(this.#chunk(number).subarray(at, at + WORDS), i * WORDS);
      }
      yield block;
    }
  }

  dropFirst(): void {
    assert(this.#size > 0, "the ring has an entry to drop");
    const number = this.#first;
    this.#first = (number + 1) % NUMBERS;
    this.#size -= 1;
    if (this.#first % CHUNK !== 0) return;
    this.#bytes -= this.#chunk(number).byteLength;
    this.#chunks[number >>> CHUNK_BITS] = undefined;
  }

  holds(number: number, hash: Hash): boolean {
    const words = this.#chunk(number);
    const at = offsetOf(number);
    return (
      words[at] === hash.a && words[at + 1] === hash.b && words[at + 2] === hash.c && words[at + 3] === hash.d
    );
  }

  entry(number: number): KeyEntry {
    const words = this.#chunk(number);
    const at = offsetOf(number);
    return {
      fingerprint: long(words, at + FINGERPRINT),
      atSecond: second(words, at),
      epoch: word(words, at + EPOCH),
      seq: long(words, at + SEQ),
      index: word(words, at + INDEX),
    };
  }

  atSecond(number: number): number {
    return second(this.#chunk(number), offsetOf(number));
  }

  /** The first (0) or second (1) word of an entry's hash. */
  hashWord(number: number, which: 0 | 1): number {
    return word(this.#chunk(number), offsetOf(number) + which);
  }

  hashText(number: number): string {
    const at = offsetOf(number);
    const words = this.#chunk(number).subarray(at, at + 4);
    return Array.from(words, (part) => part.toString(16).padStart(8, "0")).join("");
  }

  /** Numbers of all entries, oldest first. */
  *numbers(): Generator<number> {
    for (let i = 0; i < this.#size; i++) yield (this.#first + i) % NUMBERS;
  }

  /** Number for the next entry. */
  #takeNumber(): number {
    assert(this.#size < NUMBERS - CHUNK, "there are fewer keys than entry numbers");
    const number = (this.#first + this.#size) % NUMBERS;
    this.#size += 1;
    return number;
  }

  #chunk(number: number): Uint32Array {
    return this.#chunks[number >>> CHUNK_BITS] as Uint32Array;
  }

  #newChunk(number: number): Uint32Array {
    const words = new Uint32Array(CHUNK * WORDS);
    this.#chunks[number >>> CHUNK_BITS] = words;
    this.#bytes += words.byteLength;
    return words;
  }
}

function offsetOf(number: number): number {
  return (number % CHUNK) * WORDS;
}

function word(words: Uint32Array, at: number): number {
  return words[at] as number;
}

function putWord(words: Uint32Array, at: number, value: number): void {
  words[at] = value;
  assert(words[at] === value, "a field of a key's entry fits 32 bits");
}

function long(words: Uint32Array, at: number): number {
  return word(words, at) + (word(words, at + 1) & LONG_MASK) * HIGH;
}

function putLong(words: Uint32Array, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a field of a key's entry is a safe integer");
  const low = value >>> 0;
  words[at] = low;
  words[at + 1] = (value - low) / HIGH;
}

/**
 * The low 32 bits, enough until 2106, have their own word. The high bits are stored in the high word of SEQ, which
 * must be written before. Entries in snapshots of earlier versions, where these bits are 0, remain valid.
 */
function putSecond(words: Uint32Array, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0 && value <= SECONDS_MAX, "a key's second is below 2^43");
  const low = value >>> 0;
  words[at + SECOND] = low;
  words[at + SEQ + 1] = word(words, at + SEQ + 1) + ((value - low) / HIGH) * (LONG_MASK + 1);
}

function second(words: Uint32Array, at: number): number {
  return word(words, at + SECOND) + (word(words, at + SEQ + 1) >>> LONG_BITS) * HIGH;
}
