/**
 * Selects the users of a percentage segment. Each pair of segment and user has a pseudo-random *draw position* in a
 * range of 53 bits. It never changes, is the same on every shard, and is independent between segments.
 */
import { charCode } from "../../records/char-code.ts";

/** Draw positions are in [0, SPAN). */
export const SPAN = 2 ** 53;

const LOW_BITS = 0x1fffff;
const HIGH_SPAN = 2 ** 32;

/** Two 32-bit hashes of one text. */
export type Lanes = readonly [number, number];

/**
 * A draw of `percent` of the users. Among the users that existed when it was made (serial number up to their shard's
 * entry in `cutoffs`) it selects those with a draw position up to `threshold`, which makes the percentage exact.
 * Among later users it selects those with a position in the first `percent` of the range.
 */
export type Draw = Readonly<{ percent: number; threshold: number; cutoffs: readonly number[] }>;

/**
 * A draw as one shard stores it: `upTo` is the shard's cutoff. A draw that raises the percentage adds those that it selects
 * to the ones selected before; one that lowers it (`lowers`) leaves only those of them that it selects.
 *
 * `base`: in place of earlier rounds, which were merged. The bases come first. A user is selected as the first base says
 * whose `upTo` is not below the user's serial number; if there is none, by the percentage.
 */
export type Round = Readonly<{
  percent: number;
  threshold: number;
  upTo: number;
  lowers?: true;
  base?: true;
}>;

export function roundOf({ percent, threshold, cutoffs }: Draw, shard: number, lowers = false): Round {
  return { percent, threshold, upTo: cutoffs[shard] ?? 0, ...(lowers && { lowers }) };
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

/**
 * The draw position of a user: four Feistel rounds over the XOR of the lanes. The network is a bijection of 64 bits, of
 * which 53 are kept; every output bit depends on all input bits.
 */
export function drawPosition(segment: Lanes, user: Lanes): number {
  let high = segment[0] ^ user[0];
  let low = segment[1] ^ user[1];
  high ^= mixed(low + 0x9e3779b9);
  low ^= mixed(high + 0x7f4a7c15);
  high ^= mixed(low + 0x3c6ef372);
  low ^= mixed(high + 0x1b873593);
  return HIGH_SPAN * (low & LOW_BITS) + (high >>> 0);
}

/**
 * Whether the rounds, one after the other, leave the user selected.
 *
 * @param serial the user's serial number on this shard.
 */
export function isSelected(place: number, serial: number, rounds: readonly Round[]): boolean {
  return place <= thresholdFor(serial, rounds);
}

/**
 * The greatest draw position that the rounds select for a user with this serial number; -1 if none. A raise takes the
 * greater of two thresholds, a lowering the lesser.
 */
function thresholdFor(serial: number, rounds: readonly Round[]): number {
  let chosen = -1;
  let isSettled = false;
  for (const { percent, threshold, upTo, lowers, base } of rounds) {
    if (base && isSettled) continue;
    const limit = serial <= upTo ? threshold : Math.ceil((percent / 100) * SPAN) - 1;
    if (base) {
      chosen = limit;
      isSettled = serial <= upTo;
    } else chosen = lowers ? Math.min(chosen, limit) : Math.max(chosen, limit);
  }
  return chosen;
}

/** Rounds are merged when there are this many. */
const MERGED_FROM = 100;

/** The same selection in fewer rounds: for the users between two cutoffs all rounds together are one threshold. */
export function mergedRounds(rounds: readonly Round[]): readonly Round[] {
  const last = rounds.at(-1);
  if (last === undefined || rounds.length < MERGED_FROM) return rounds;
  const { percent } = last;
  const cutoffs = [...new Set(rounds.map(({ upTo }) => upTo))].toSorted((a, b) => a - b);
  const bases: Round[] = [];
  for (const upTo of cutoffs) {
    const threshold = thresholdFor(upTo, rounds);
    if (bases.at(-1)?.threshold === threshold) bases.pop();
    bases.push({ percent, threshold, upTo, base: true });
  }
  return bases;
}

/** `percent` of `count`, rounded half up. */
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
