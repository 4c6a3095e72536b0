/**
 * Counters that all gateways of a server share, so that a limit holds for the server and not for each gateway. A
 * counter counts events of one name within a window that starts with the first event. The counters are in memory
 * shared by all threads.
 *
 * One 64-bit word is a counter: a tag of its name, the end of its window, and the count. It is changed by
 * compare-and-swap, so a thread that is terminated leaves no lock and no partial change.
 */
import { createHash } from "node:crypto";
import { randomBytes } from "../../random.ts";

const SETS = 1 << 14;
const WAYS = 4;
const SEED_BYTES = 32;
/** Windows end at a multiple of this. */
const TICK_MS = 100;
const TAG_BITS = 22n;
const ENDS_BITS = 32n;
const COUNT_BITS = 10n;
const ENDS_SHIFT = COUNT_BITS;
const TAG_SHIFT = COUNT_BITS + ENDS_BITS;
const TAG_MASK = (1n << TAG_BITS) - 1n;
const ENDS_MASK = (1n << ENDS_BITS) - 1n;
const COUNT_MAX = (1 << Number(COUNT_BITS)) - 1;

/** A counter's value, and when its window ends on the shared clock. */
export type Window = Readonly<{ used: number; endsMs: number }>;

type Cell = Readonly<{ tag: bigint; endsTick: number; used: number }>;
type CellRange = Readonly<{ first: number; tag: bigint }>;

/** @param seed of the hash that maps names to counters. Secret, so that clients cannot choose names that collide. */
export function newWindowMemory(seed: Uint8Array = randomBytes(SEED_BYTES)): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SEED_BYTES + SETS * WAYS * 8);
  new Uint8Array(memory, 0, SEED_BYTES).set(seed);
  return memory;
}

/** Milliseconds of a monotonic clock that is the same on all threads of this process. */
export function sharedElapsedMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

export class WindowCounters {
  readonly #seed: Uint8Array;
  readonly #cells: BigInt64Array;
  readonly #elapsedMs: () => number;

  constructor(memory = newWindowMemory(), elapsedMs: () => number = sharedElapsedMs) {
    this.#seed = new Uint8Array(memory, 0, SEED_BYTES).slice();
    this.#cells = new BigInt64Array(memory, SEED_BYTES);
    this.#elapsedMs = elapsedMs;
  }

  get nowMs(): number {
    return this.#elapsedMs();
  }

  /** The counter of a name; 0 if no window is open. */
  read(name: string): Window {
    const { first, tag } = this.#placeOf(name);
    for (let at = first; at < first + WAYS; at++) {
      const cell = this.#cell(at);
      if (cell.tag === tag && this.#isOpen(cell)) return windowOf(cell);
    }
    return { used: 0, endsMs: 0 };
  }

  /**
   * Adds one to the counter, unless that would exceed `limit`.
   *
   * @returns the window, which may be new, and whether it was counted
   */
  take(name: string, limit: number, windowMs: number): Window & Readonly<{ taken: boolean }> {
    const place = this.#placeOf(name);
    for (;;) {
      const at = this.#cellFor(place);
      const word = Atomics.load(this.#cells, at);
      const cell = unpacked(word);
      const isOpen = cell.tag === place.tag && this.#isOpen(cell);
      if (isOpen && cell.used >= Math.min(limit, COUNT_MAX)) return { ...windowOf(cell), taken: false };
      const endsTick = isOpen ? cell.endsTick : Math.ceil((this.#elapsedMs() + windowMs) / TICK_MS);
      const next = { tag: place.tag, endsTick, used: isOpen ? cell.used + 1 : 1 };
      if (Atomics.compareExchange(this.#cells, at, word, packed(next)) === word)
        return { ...windowOf(next), taken: true };
    }
  }

  /** Subtracts one from the window that ends at `endsMs`, if it still exists. */
  giveBack(name: string, endsMs: number): void {
    const { first, tag } = this.#placeOf(name);
    for (let at = first; at < first + WAYS; at++) {
      for (;;) {
        const word = Atomics.load(this.#cells, at);
        const cell = unpacked(word);
        if (cell.tag !== tag || cell.endsTick * TICK_MS !== endsMs || cell.used === 0) break;
        const next = packed({ ...cell, used: cell.used - 1 });
        if (Atomics.compareExchange(this.#cells, at, word, next) === word) return;
      }
    }
  }

  /** The cell of a name: its own counter, or else the one of its set that ends first. */
  #cellFor({ first, tag }: CellRange): number {
    let soonest = first;
    let soonestTick = Number.POSITIVE_INFINITY;
    for (let at = first; at < first + WAYS; at++) {
      const cell = this.#cell(at);
      if (cell.tag === tag && this.#isOpen(cell)) return at;
      if (cell.endsTick < soonestTick) [soonest, soonestTick] = [at, cell.endsTick];
    }
    return soonest;
  }

  #placeOf(name: string): CellRange {
    const digest = createHash("sha256").update(this.#seed).update(name).digest();
    const first = (digest.readUInt32LE(0) % SETS) * WAYS;
    return { first, tag: BigInt(digest.readUInt32LE(4)) & TAG_MASK };
  }

  #cell(at: number): Cell {
    return unpacked(Atomics.load(this.#cells, at));
  }

  #isOpen({ endsTick }: Cell): boolean {
    return endsTick * TICK_MS > this.#elapsedMs();
  }
}

function windowOf({ used, endsTick }: Cell): Window {
  return { used, endsMs: endsTick * TICK_MS };
}

function unpacked(word: bigint): Cell {
  return {
    tag: (word >> TAG_SHIFT) & TAG_MASK,
    endsTick: Number((word >> ENDS_SHIFT) & ENDS_MASK),
    used: Number(word & BigInt(COUNT_MAX)),
  };
}

function packed({ tag, endsTick, used }: Cell): bigint {
  const word = (tag << TAG_SHIFT) | (BigInt(endsTick) << ENDS_SHIFT) | BigInt(used);
  return BigInt.asIntN(64, word);
}
