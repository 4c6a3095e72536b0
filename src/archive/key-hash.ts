/** A 64-bit hash of a piece of text, left in `high` and `low` so that nothing is allocated per key. */
export interface KeyHash {
  high: number;
  low: number;
  /** Hashes `bytes[start, end)`; the seeds are those of the archive, or the hash of what comes before. */
  run(bytes: Uint8Array, start: number, end: number, seedHigh: number, seedLow: number): void;
}

/**
 * Two lanes in the manner of MurmurHash3, four bytes at a time, each stirred by the other. Seeded at random
 * per archive, so that nobody outside can choose ids that collide; what is read is compared with the record's
 * own text all the same.
 */
export class MixedHash implements KeyHash {
  high = 0;
  low = 0;

  run(bytes: Uint8Array, start: number, end: number, seedHigh: number, seedLow: number): void {
    let high = seedHigh | 0;
    let low = seedLow | 0;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      const a = Math.imul(word, 0xcc9e2d51);
      const b = Math.imul(word, 0x239b961b);
      high ^= Math.imul((a << 15) | (a >>> 17), 0x1b873593);
      high = (Math.imul((high << 13) | (high >>> 19), 5) + low + 0x561ccd1b) | 0;
      low ^= Math.imul((b << 16) | (b >>> 16), 0xab0e9789);
      low = (Math.imul((low << 17) | (low >>> 15), 5) + high + 0x0bcaa747) | 0;
    }
    let rest = 0;
    for (; at < end; at++) rest = (rest << 8) | (bytes[at] as number);
    high ^= Math.imul(rest, 0xcc9e2d51) ^ (end - start);
    low ^= Math.imul(rest, 0x239b961b) ^ Math.imul(end - start, 0x9e3779b1);
    high = (high + low) | 0;
    low = (low + high) | 0;
    high = finish(high);
    low = finish(low);
    high = (high + low) | 0;
    this.high = high >>> 0;
    this.low = (low + high) >>> 0;
  }
}

function finish(lane: number): number {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

export type Key = Readonly<{ high: number; low: number }>;

const encoder = new TextEncoder();

/**
 * The keys of the index. An account's key is the hash of its id, seeded with the hash of its partner, so that
 * the partner's part is computed once for many accounts. A system account lives on every shard: it has one
 * key per shard, so that each key's entries stand in the order of one log.
 */
export class Keys {
  readonly hash: KeyHash;
  readonly #seedHigh: number;
  readonly #seedLow: number;

  constructor(hash: KeyHash, seedHigh: number, seedLow: number) {
    this.hash = hash;
    this.#seedHigh = seedHigh;
    this.#seedLow = seedLow;
  }

  /** Hashes a partner or a transfer id in place. */
  runText(bytes: Uint8Array, start: number, end: number): void {
    this.hash.run(bytes, start, end, this.#seedHigh, this.#seedLow);
  }

  /** `shard` is 0 for all but system accounts; theirs counts from 1. */
  runAccount(bytes: Uint8Array, start: number, end: number, partner: Key, shard: number): void {
    this.hash.run(bytes, start, end, partner.high ^ Math.imul(shard, 0x9e3779b1), partner.low);
  }

  text(text: string): Key {
    const bytes = encoder.encode(text);
    this.runText(bytes, 0, bytes.length);
    return { high: this.hash.high, low: this.hash.low };
  }

  /** The key under which a shard's batches of a partner stand. */
  partner(partner: string, shard: number): Key {
    return partnerKey(this.text(partner), shard);
  }

  account(partner: string, account: string, shard: number): Key {
    const bytes = encoder.encode(account);
    this.runAccount(bytes, 0, bytes.length, this.text(partner), shard);
    return { high: this.hash.high, low: this.hash.low };
  }
}

export function partnerKey(partner: Key, shard: number): Key {
  return { high: (partner.high ^ Math.imul(shard + 1, 0x9e3779b1)) >>> 0, low: partner.low };
}
