/**
 * Who falls under a percentage: a place in a range of 53 bits for each pair of segment and user, the same for ever and
 * on every shard, and of two segments independent of each other.
 */
import { charCode } from "../../records/char-code.ts";

/** Places are from 0 to this, exclusive. */
export const SPAN = 2 ** 53;

const LOW_BITS = 0x1fffff;
const HIGH_SPAN = 2 ** 32;

/** Two hashes of 32 bits of one text. */
export type Lanes = readonly [number, number];

/**
 * Those who were there when it was made, by their serial numbers on their shards, have a place up to the threshold:
 * so many as make the percentage exact. All others have one within the percentage of the range.
 */
export type Draw = Readonly<{ percent: number; threshold: number; cutoffs: readonly number[] }>;

/** A draw as one shard keeps it. */
export type Round = Readonly<{ percent: number; threshold: number; upTo: number }>;

export function roundOf({ percent, threshold, cutoffs }: Draw, shard: number): Round {
  return { percent, threshold, upTo: cutoffs[shard] ?? 0 };
}

export function lanesOf(text: string): Lanes {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = charCode(text, i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  return [mixed(high), mixed(low)];
}

/** Four rounds of a Feistel network: no two pairs of lanes have one image, and every bit of it hangs on all of theirs. */
export function placeOf(segment: Lanes, user: Lanes): number {
  let high = segment[0] ^ user[0];
  let low = segment[1] ^ user[1];
  high ^= mixed(low + 0x9e3779b9);
  low ^= mixed(high + 0x7f4a7c15);
  high ^= mixed(low + 0x3c6ef372);
  low ^= mixed(high + 0x1b873593);
  return HIGH_SPAN * (low & LOW_BITS) + (high >>> 0);
}

/** @param serial the user's on this shard. */
export function isChosen(place: number, serial: number, rounds: readonly Round[]): boolean {
  return rounds.some(({ percent, threshold, upTo }) =>
    serial <= upTo ? place <= threshold : place < (percent / 100) * SPAN,
  );
}

/** So many of `count` are `percent` of them, halves rounded up. */
export function shareOf(count: number, percent: number): number {
  return Math.floor((count * percent + 50) / 100);
}

/** MurmurHash3's finaliser. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
