import { assert } from "../../errors/assert.ts";
import { KeyIndex } from "./key-index.ts";
import { type KeyEntry, KeyRing, WORDS } from "./key-ring.ts";
import { type Hash, type HashSeed, type ScopeHash, SeededHash } from "./scope-hash.ts";

export type { KeyEntry } from "./key-ring.ts";

/** A key is known for this long after its record, in log time. */
export const KEY_WINDOW_MS = 24 * 60 * 60 * 1000;

/** A UUIDv7 may be so far ahead of log time. */
export const KEY_AHEAD_MS_MAX = 5 * 60 * 1000;

/**
 * So many keys, about 800 MB, a shard should ever remember: a key is never dropped early, so what one partner may have of
 * them is bounded (src/actors/quotas/quotas.ts).
 */
export const KEYS_MAX = 16_000_000;

const KEYS_PER_BLOCK = 1024;

/** For where nobody chooses keys with intent. */
const KNOWN_SEED: HashSeed = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];

/**
 * Idempotency keys that a shard remembers, for a window of log time. An entry says where the record of the
 * first command with this key stands; its answer, rejections included, is read from there, so that a key
 * costs the same whatever it was used for.
 *
 * It knows a scope by 128 bits of hash. Two scopes that share them would be taken for one; that among 16 million any
 * two do has a probability of 2^-81, and nobody who does not know the seed can make it happen.
 */
export class KeyTable {
  #hash: ScopeHash;
  #seed: HashSeed;
  readonly #keysMax: number;
  readonly #ring = new KeyRing();
  readonly #index = new KeyIndex(this.#ring);
  #hashed: string | undefined;

  /** @param seed secret and random wherever others choose the keys. Tables of one seed and history are equal. */
  constructor(
    seed: HashSeed = KNOWN_SEED,
    { hash = new SeededHash(seed), keysMax = KEYS_MAX }: Settings = {},
  ) {
    this.#hash = hash;
    this.#seed = seed;
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#index.size;
  }

  /** How many more keys it should take; negative beyond that. */
  get room(): number {
    return this.#keysMax - this.#ring.size;
  }

  /** What its entries and their index take up. */
  get bytes(): number {
    return this.#ring.bytes + this.#index.bytes;
  }

  get seed(): HashSeed {
    return this.#seed;
  }

  /** What is restored was hashed with another seed than an empty table began with; so many keys will come. */
  reseed(seed: HashSeed, count: number): void {
    assert(this.#ring.size === 0, "keys are known by the seed that they were hashed with");
    this.#index.reserve(count);
    this.#hash = new SeededHash(seed);
    this.#seed = seed;
    this.#hashed = undefined;
  }

  /** All that it holds, oldest first, in blocks of words: 11 for each entry, the first four of them its hash. */
  blocks(): Generator<Uint32Array<ArrayBuffer>> {
    return this.#ring.blocks(KEYS_PER_BLOCK);
  }

  restore(block: Uint32Array): void {
    for (let at = 0; at < block.length; at += WORDS) {
      const number = this.#ring.appendWords(block, at);
      const hash = { a: block[at], b: block[at + 1], c: block[at + 2], d: block[at + 3] };
      this.#index.set(hash as Hash, number);
    }
  }

  /** What a key was used for, unless its window has passed. `scope` comes from `keyScope`. */
  find(scope: string, nowMs: number): KeyEntry | undefined {
    const number = this.#index.find(this.#hashOf(scope));
    return number === undefined || this.#isOver(number, nowMs) ? undefined : this.#ring.entry(number);
  }

  /** A key that comes again after its window is a new one, and stands at the end of the order. */
  remember(scope: string, entry: KeyEntry): void {
    const hash = this.#hashOf(scope);
    this.#index.set(hash, this.#ring.append(hash, entry));
  }

  /** Forgets what is past its window, at most `max` entries, so that no batch waits for a million of them. */
  sweep(nowMs: number, max: number): void {
    for (let swept = 0; swept < max && this.#ring.size > 0; swept++) {
      const { first } = this.#ring;
      if (!this.#isOver(first, nowMs)) return;
      this.#index.delete(first);
      this.#ring.dropFirst();
    }
  }

  /** Entries within their window, oldest first, by the hash of their scope. */
  *entries(nowMs: number): Generator<readonly [string, KeyEntry]> {
    for (const number of this.#ring.numbers()) {
      if (this.#isOver(number, nowMs) || !this.#index.has(number)) continue;
      yield [this.#ring.hashText(number), this.#ring.entry(number)];
    }
  }

  /** Mostly, what is remembered is what was looked up just before. */
  #hashOf(scope: string): ScopeHash {
    if (scope !== this.#hashed) {
      this.#hash.run(scope);
      this.#hashed = scope;
    }
    return this.#hash;
  }

  #isOver(number: number, nowMs: number): boolean {
    return this.#ring.atSecond(number) * 1000 + KEY_WINDOW_MS < nowMs;
  }
}

type Settings = Readonly<{ hash?: ScopeHash; keysMax?: number }>;

/** The parts are joined by NUL, which none of them may contain. */
export function keyScope(partner: string, ownerKey: string, key: string): string {
  return `${partner}\0${ownerKey}\0${key}`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** When a key that is a UUIDv7 says it was made (RFC 9562, section 5.7), in ms; `undefined` for other keys. */
export function keyMadeAtMs(key: string): number | undefined {
  if (key.length !== 36 || key.charCodeAt(14) !== 55 || !UUID_V7.test(key)) return undefined;
  return Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
}
