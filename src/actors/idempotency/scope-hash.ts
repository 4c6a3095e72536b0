/** A 128-bit hash as four 32-bit words. */
export interface Hash {
  a: number;
  b: number;
  c: number;
  d: number;
}

/** A hash function. `run` leaves its result in the object's own fields, so that hashing allocates nothing. */
export interface ScopeHash extends Hash {
  run(scope: string): void;
}

/** Four integers from 0 to 2^32 − 1. */
export type HashSeed = readonly [number, number, number, number];

const BLOCK_BYTES = 16;
const BLOCK_WORDS = 4;
const ROUNDS = 8;

const encoder = new TextEncoder();

/**
 * Chaskey (Mouha and others, 2014; ISO/IEC 29192-6): a message authentication code built from 32-bit additions,
 * rotations and exclusive ors, and so fast in JavaScript. Faster hashes such as MurmurHash3 have known inputs that
 * collide under every seed. With Chaskey, a client who does not know the seed cannot construct collisions.
 *
 * ASCII text is hashed byte by byte, other text as UTF-16 code units. (UTF-8 would encode all lone surrogates alike.)
 * The two kinds use different masks for the last block, so that no message of one kind equals one of the other.
 */
export class SeededHash implements ScopeHash {
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  readonly #seed: HashSeed;
  /** Masks of the last block: first for a message of whole blocks, then for a padded one. */
  readonly #asciiMasks: readonly [HashSeed, HashSeed];
  readonly #wideMasks: readonly [HashSeed, HashSeed];
  #bytes = new Uint8Array(0);
  #units = new Uint16Array(0);
  #words = new Int32Array(0);

  constructor(seed: HashSeed) {
    const doubled = twice(seed);
    const fourfold = twice(doubled);
    const eightfold = twice(fourfold);
    this.#seed = seed;
    this.#asciiMasks = [doubled, fourfold];
    this.#wideMasks = [eightfold, twice(eightfold)];
    this.#reserve(256);
  }

  run(scope: string): void {
    const { length } = scope;
    if (this.#bytes.length < 2 * length + BLOCK_BYTES) this.#reserve(2 * length + BLOCK_BYTES);
    const { written } = encoder.encodeInto(scope, this.#bytes);
    if (written === length) this.#mix(length, this.#asciiMasks);
    else {
      for (let i = 0; i < length; i++) this.#units[i] = scope.charCodeAt(i);
      this.#mix(2 * length, this.#wideMasks);
    }
  }

  #mix(bytes: number, masks: readonly [HashSeed, HashSeed]): void {
    const words = this.#words;
    const isWhole = bytes > 0 && bytes % BLOCK_BYTES === 0;
    const blocks = isWhole ? bytes / BLOCK_BYTES : Math.floor(bytes / BLOCK_BYTES) + 1;
    if (!isWhole) {
      this.#bytes[bytes] = 1;
      for (let i = bytes + 1; i < blocks * BLOCK_BYTES; i++) this.#bytes[i] = 0;
    }
    const mask = isWhole ? masks[0] : masks[1];
    let [a, b, c, d] = this.#seed;
    const last = (blocks - 1) * BLOCK_WORDS;
    for (let at = 0; at <= last; at += BLOCK_WORDS) {
      a ^= words[at] as number;
      b ^= words[at + 1] as number;
      c ^= words[at + 2] as number;
      d ^= words[at + 3] as number;
      if (at === last) {
        a ^= mask[0];
        b ^= mask[1];
        c ^= mask[2];
        d ^= mask[3];
      }
      for (let round = 0; round < ROUNDS; round++) {
        a = (a + b) | 0;
        b = ((b << 5) | (b >>> 27)) ^ a;
        c = (c + d) | 0;
        d = ((d << 8) | (d >>> 24)) ^ c;
        a = (((a << 16) | (a >>> 16)) + d) | 0;
        d = ((d << 13) | (d >>> 19)) ^ a;
        c = (c + b) | 0;
        b = ((b << 7) | (b >>> 25)) ^ c;
        c = (c << 16) | (c >>> 16);
      }
    }
    this.a = (a ^ mask[0]) >>> 0;
    this.b = (b ^ mask[1]) >>> 0;
    this.c = (c ^ mask[2]) >>> 0;
    this.d = (d ^ mask[3]) >>> 0;
  }

  #reserve(bytes: number): void {
    const buffer = new ArrayBuffer(Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES);
    this.#bytes = new Uint8Array(buffer);
    this.#units = new Uint16Array(buffer);
    this.#words = new Int32Array(buffer);
  }
}

/** Doubles in GF(2^128), as Chaskey derives its masks. */
function twice([a, b, c, d]: HashSeed): HashSeed {
  return [
    (a << 1) ^ (d >>> 31 === 1 ? 0x87 : 0),
    (b << 1) | (a >>> 31),
    (c << 1) | (b >>> 31),
    (d << 1) | (c >>> 31),
  ];
}
