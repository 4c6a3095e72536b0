import { charCode } from "./char-code.ts";

/** 128 bits of hash of a scope, left in four 32-bit words, so that nothing is allocated per key. */
export interface ScopeHash {
  a: number;
  b: number;
  c: number;
  d: number;
  run(scope: string): void;
}

export type HashSeed = readonly [number, number, number, number];

const BLOCK_WORDS = 4;
const ROUNDS = 8;

/**
 * Chaskey (Mouha et al., 2014; ISO/IEC 29192-6), a message authentication code made of 32-bit additions, rotations
 * and exclusive ors. Faster hashes, MurmurHash3 among them, have pairs of texts that collide under every seed. Here,
 * whoever does not know the seed cannot choose two scopes that collide, and by chance among 16 million it happens
 * with a probability of 2^-81.
 *
 * The message is the scope's code units, one byte each; where one needs more, two bytes each, under other masks for
 * the last block, so that no text of one kind is a text of the other.
 */
export class SeededHash implements ScopeHash {
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  /** All code units of the narrow run, in one. */
  #seen = 0;
  readonly #seed: HashSeed;
  readonly #narrowMasks: Masks;
  readonly #wideMasks: Masks;

  constructor(seed: HashSeed) {
    const doubled = timesTwo(seed);
    const fourfold = timesTwo(doubled);
    const eightfold = timesTwo(fourfold);
    this.#seed = seed;
    this.#narrowMasks = { whole: doubled, padded: fourfold };
    this.#wideMasks = { whole: eightfold, padded: timesTwo(eightfold) };
  }

  run(scope: string): void {
    this.#seen = 0;
    this.#run(scope, 4, this.#narrowMasks);
    if (this.#seen > 0xff) this.#run(scope, 2, this.#wideMasks);
  }

  #run(text: string, unitsPerWord: 2 | 4, masks: Masks): void {
    const unitsPerBlock = BLOCK_WORDS * unitsPerWord;
    const { length } = text;
    const mask = length % unitsPerBlock === 0 && length > 0 ? masks.whole : masks.padded;
    let [a, b, c, d] = this.#seed;
    let at = 0;
    let isLast = false;
    while (!isLast) {
      a ^= this.#word(text, at, unitsPerWord);
      b ^= this.#word(text, at + unitsPerWord, unitsPerWord);
      c ^= this.#word(text, at + 2 * unitsPerWord, unitsPerWord);
      d ^= this.#word(text, at + 3 * unitsPerWord, unitsPerWord);
      at += unitsPerBlock;
      isLast = at >= length;
      if (isLast) {
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

  #word(text: string, at: number, units: 2 | 4): number {
    if (at + units > text.length) return this.#lastWord(text, at, units);
    if (units === 2) return charCode(text, at) | (charCode(text, at + 1) << 16);
    const first = charCode(text, at);
    const second = charCode(text, at + 1);
    const third = charCode(text, at + 2);
    const fourth = charCode(text, at + 3);
    this.#seen |= first | second | third | fourth;
    return first | (second << 8) | (third << 16) | (fourth << 24);
  }

  /** What is left of the text, then a 1, then nothing but zeros. */
  #lastWord(text: string, start: number, units: 2 | 4): number {
    const bits = units === 2 ? 16 : 8;
    let word = 0;
    let shift = 0;
    for (let at = start; at < text.length; at++, shift += bits) {
      const unit = charCode(text, at);
      this.#seen |= unit;
      word |= unit << shift;
    }
    return start <= text.length ? word | (1 << shift) : 0;
  }
}

type Masks = Readonly<{ whole: HashSeed; padded: HashSeed }>;

/** In the field of 2^128 elements. */
function timesTwo([a, b, c, d]: HashSeed): HashSeed {
  return [
    (a << 1) ^ (d >>> 31 === 1 ? 0x87 : 0),
    (b << 1) | (a >>> 31),
    (c << 1) | (b >>> 31),
    (d << 1) | (c >>> 31),
  ];
}
