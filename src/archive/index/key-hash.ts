/** Hashed keys of the index. */
import { isSystemAccount } from "../../actors/ledger/routing.ts";

/** A 64-bit hash of text. The result is left in `high` and `low`, so that nothing is allocated per key. */
export interface KeyHash {
  high: number;
  low: number;
  /** Hashes `bytes[start, end)`. The seeds are the archive's, or derived from the hash of a preceding part. */
  run(bytes: Uint8Array, start: number, end: number, seedHigh: number, seedLow: number): void;
}

/**
 * Two lanes like MurmurHash3's, four bytes at a time, mixed with each other. Seeded at random per archive, so that
 * clients cannot construct colliding ids. Readers still compare the text of each record.
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
 * The histories of an account, each under its own key. The numbers seed the key's hash.
 *
 * - `entries`: records with entries of the account.
 * - `holds`: records that changed only its held amount.
 * - `transfers`: records that created a transfer of the account (see `listedBy`).
 * - `versions`: records of the account itself.
 * - `acts`: records of acts; the account is a programme's or subject's history name.
 */
export const HISTORY_SEEDS = {
  entries: 0,
  holds: 0x5bd1e995,
  transfers: 0x7feb352d,
  versions: 0x2545f491,
  acts: 0x61c88647,
} as const;
/** Tells a partner's events from its transfers. */
const EVENTS_SEED = 0x85ebca77;
export type HistoryKind = keyof typeof HISTORY_SEEDS;

/**
 * Computes the keys of the index. An account's key is the hash of its id, seeded with the hash of its partner, so
 * that the partner is hashed once for many accounts. A system account lives on every shard and has one key per shard,
 * so that the entries of each key are in the order of one log. All histories except `entries` have one key per shard
 * for every account, because records of a colliding account on another shard can then be told apart by their shard.
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

  /** Hashes a partner or a transfer id into `hash`. */
  hashText(bytes: Uint8Array, start: number, end: number): void {
    this.hash.run(bytes, start, end, this.#seedHigh, this.#seedLow);
  }

  /**
   * Hashes an account's key into `hash`.
   *
   * @param seed one of `HISTORY_SEEDS`.
   * @param shard shard number plus 1; 0 for a key that is not specific to a shard.
   */
  hashAccount(
    bytes: Uint8Array,
    start: number,
    end: number,
    partner: Key,
    seed: number,
    shard: number,
  ): void {
    this.hash.run(bytes, start, end, partner.high ^ Math.imul(shard, 0x9e3779b1), partner.low ^ seed);
  }

  text(text: string): Key {
    const bytes = encoder.encode(text);
    this.hashText(bytes, 0, bytes.length);
    return { high: this.hash.high, low: this.hash.low };
  }

  /** The key of a shard's batches with transfers of a partner. */
  partner(partner: string, shard: number): Key {
    return partnerKey(this.text(partner), shard);
  }

  /** The key of a shard's batches with records of a partner. */
  partnerEvents(partner: string, shard: number): Key {
    return partnerEventsKey(this.text(partner), shard);
  }

  /** @param shard zero-based; ignored for histories with a single key (`hasSingleKey`). */
  account(partner: Key, account: string, kind: HistoryKind, shard: number): Key {
    const bytes = encoder.encode(account);
    const keyShard = hasSingleKey(account, kind) ? 0 : shard + 1;
    this.hashAccount(bytes, 0, bytes.length, partner, HISTORY_SEEDS[kind], keyShard);
    return { high: this.hash.high, low: this.hash.low };
  }
}

/** Whether an account's history has one key, not one per shard. */
export function hasSingleKey(account: string, kind: HistoryKind): boolean {
  return kind === "entries" && !isSystemAccount(account);
}

export function partnerKey(partner: Key, shard: number): Key {
  return { high: (partner.high ^ Math.imul(shard + 1, 0x9e3779b1)) >>> 0, low: partner.low };
}

export function partnerEventsKey(partner: Key, shard: number): Key {
  return partnerKey({ high: partner.high, low: (partner.low ^ EVENTS_SEED) >>> 0 }, shard);
}
