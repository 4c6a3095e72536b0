import { assert } from "../../errors/assert.ts";
import { KeyIndex } from "./key-index.ts";
import { type KeyEntry, KeyRing, WORDS } from "./key-ring.ts";
import { type Hash, type HashSeed, type ScopeHash, SeededHash } from "./scope-hash.ts";

export type { KeyEntry } from "./key-ring.ts";

/** A key is remembered for 24 hours of log time after its record. */
export const KEY_WINDOW_MS = 24 * 60 * 60 * 1000;

/** The time in a UUIDv7 key may be at most this far ahead of log time. */
export const KEY_AHEAD_MS_MAX = 5 * 60 * 1000;

/**
 * Number of keys that a shard should remember, about 800 MB. The table itself never drops a key early; quotas bound how
 * many each partner may have (src/actors/quotas/quotas.ts).
 */
export const KEYS_MAX = 16_000_000;

const KEYS_PER_BLOCK = 1024;

/** Seed for tables whose keys no client chooses. */
const KNOWN_SEED: HashSeed = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];

/**
 * The idempotency keys of a shard, remembered for a window of log time. An entry is the log position of the first
 * record with the key; retries are answered from it, rejections included. So every key takes the same memory.
 *
 * Scopes are compared by a 128-bit hash only. The probability that any two of 16 million scopes collide is 2^-81, and
 * a client who does not know the seed cannot construct a collision.
 */
export class KeyTable {
  #hash: ScopeHash;
  #seed: HashSeed;
  readonly #keysMax: number;
  readonly #ring = new KeyRing();
  readonly #index = new KeyIndex(this.#ring);
  #lastScope: string | undefined;

  /** @param seed must be secret and random if clients choose the keys. Equal seeds and histories give equal tables. */
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

  /** How many more keys fit; negative if there are more than `KEYS_MAX`. Not enforced here. */
  get room(): number {
    return this.#keysMax - this.#ring.size;
  }

  /** Size of the entries and their index in bytes. */
  get bytes(): number {
    return this.#ring.bytes + this.#index.bytes;
  }

  get seed(): HashSeed {
    return this.#seed;
  }

  /** Prepares an empty table to restore `count` keys that were hashed with `seed`. */
  reseed(seed: HashSeed, count: number): void {
    assert(this.#ring.size === 0, "only an empty table can change its seed");
    this.#index.reserve(count);
    this.#hash = new SeededHash(seed);
    this.#seed = seed;
    this.#lastScope = undefined;
  }

  /** All entries, oldest first, in blocks of 11 words per entry, of which the first four are the hash. */
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

  /** The entry of a key, unless its window has passed. `scope` comes from `keyScope`. */
  find(scope: string, nowMs: number): KeyEntry | undefined {
    const number = this.#index.find(this.#hashOf(scope));
    return number === undefined || this.#isExpired(number, nowMs) ? undefined : this.#ring.entry(number);
  }

  /** Adds a key as the newest entry. A key that is reused after its window replaces its old entry. */
  remember(scope: string, entry: KeyEntry): void {
    const hash = this.#hashOf(scope);
    this.#index.set(hash, this.#ring.append(hash, entry));
  }

  /** Removes entries past their window, at most `max`, so that no batch waits for the removal of a million. */
  sweep(nowMs: number, max: number): void {
    for (let swept = 0; swept < max && this.#ring.size > 0; swept++) {
      const { first } = this.#ring;
      if (!this.#isExpired(first, nowMs)) return;
      this.#index.delete(first);
      this.#ring.dropFirst();
    }
  }

  /** Entries within their window, oldest first, each with its scope's hash in hex. */
  *entries(nowMs: number): Generator<readonly [string, KeyEntry]> {
    for (const number of this.#ring.numbers()) {
      if (this.#isExpired(number, nowMs) || !this.#index.has(number)) continue;
      yield [this.#ring.hashText(number), this.#ring.entry(number)];
    }
  }

  /** Caches the last hash, because a key is usually remembered right after its look-up. */
  #hashOf(scope: string): ScopeHash {
    if (scope !== this.#lastScope) {
      this.#hash.run(scope);
      this.#lastScope = scope;
    }
    return this.#hash;
  }

  #isExpired(number: number, nowMs: number): boolean {
    return this.#ring.atSecond(number) * 1000 + KEY_WINDOW_MS < nowMs;
  }
}

type Settings = Readonly<{ hash?: ScopeHash; keysMax?: number }>;

/** The scope of an idempotency key: its parts joined by NUL, which none of them may contain. */
export function keyScope(partner: string, ownerKey: string, key: string): string {
  return `${partner}\0${ownerKey}\0${key}`;
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Creation time (ms since 1970 UTC) in a key that is a UUIDv7 (RFC 9562, section 5.7); `undefined` for other keys. */
export function keyMadeAtMs(key: string): number | undefined {
  if (key.length !== 36 || key.charCodeAt(14) !== 55 || !UUID_V7.test(key)) return undefined;
  return Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
}
