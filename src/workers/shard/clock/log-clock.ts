/**
 * The clock that a shard's log is written by. It follows the wall clock, but not when that jumps: see
 * docs/adr/0014-the-log-clock.md. Pure: the clocks are handed in.
 *
 * It knows a *baseline*, wall time minus time since boot, which all shards of a server get from its main thread
 * (`ServerClock`). Baseline plus time since boot is what the wall clock ought to show. A wall clock within a minute of that
 * is followed; one that is further off is not, and log time runs by the time since boot.
 */
import type { WitnessedClock } from "../../../wal/witness.ts";

/** A wall clock that differs by more than this from what it ought to show has jumped. */
export const JUMP_MS = 60_000;
/** While log time is ahead it runs at this share of real time, until it is reached. */
const CREEP = 0.5;

/** In ms; with or without fractions. */
export type Clocks = Readonly<{
  /** The clock on the wall: time since 1970. It may jump. */
  wallMs: () => number;
  /** Time since boot, sleep included. It never goes back. */
  uptimeMs: () => number;
}>;

/** What a server's main thread has found about the wall clock. Plain data. */
export type JudgedClock = Readonly<{
  /** Wall time minus time since boot, as it ought to be. */
  baselineMs: number;
  /** Names the start of the machine that the time since boot counts from; `undefined`: not to be compared later. */
  bootId: string | undefined;
}>;

/** A wall clock that is taken as it is. */
export function unjudgedClock({ wallMs, uptimeMs }: Clocks): JudgedClock {
  return { baselineMs: wallMs() - uptimeMs(), bootId: undefined };
}

/**
 * Between two readings that are `d` ms of boot time apart, with one baseline:
 * - log time never goes back, and advances by at least `d / 2`;
 * - it is never more than a minute ahead of baseline + time since boot, or it was so before and has advanced by `d / 2`.
 */
export class LogClock {
  readonly #clocks: Clocks;
  #judged: JudgedClock;
  #timeMs = 0;
  #uptimeMs: number;

  constructor(clocks: Clocks, judged: JudgedClock = unjudgedClock(clocks)) {
    this.#clocks = clocks;
    this.#judged = judged;
    this.#uptimeMs = clocks.uptimeMs();
  }

  /** Log time is not before this: the last time in the log, however long it took to read it. */
  begin(timeMs: number): void {
    this.now();
    this.#timeMs = Math.max(this.#timeMs, timeMs);
  }

  /** The main thread has judged the wall clock anew. */
  judge(judged: JudgedClock): void {
    this.now();
    this.#judged = judged;
  }

  /** How far log time is ahead of the wall clock, or negative. */
  get aheadMs(): number {
    return this.now() - this.#clocks.wallMs();
  }

  /** For DATA_DIR, so that the next server can tell whether the wall clock has jumped meanwhile. */
  witnessed(): WitnessedClock {
    return { ...this.#judged, timeMs: this.now(), uptimeMs: Math.floor(this.#uptimeMs) };
  }

  /** Log time, in whole milliseconds. */
  now(): number {
    const uptimeMs = this.#clocks.uptimeMs();
    const elapsedMs = Math.max(0, uptimeMs - this.#uptimeMs);
    this.#uptimeMs += elapsedMs;
    const expectedMs = this.#judged.baselineMs + this.#uptimeMs;
    const wallMs = this.#clocks.wallMs();
    const goalMs = Math.abs(wallMs - expectedMs) <= JUMP_MS ? wallMs : expectedMs;
    this.#timeMs = Math.max(goalMs, this.#timeMs + CREEP * elapsedMs);
    return Math.floor(this.#timeMs);
  }

  /**
   * Raises log time to one that another shard has logged. One that is more than a minute ahead of what the wall clock ought
   * to show is not followed, so that no shard takes over another one's clock.
   *
   * @returns log time as it has to be at least: `timeMs`, or what it is where that is not followed.
   */
  raise(timeMs: number): number {
    const nowMs = this.now();
    if (timeMs <= nowMs) return timeMs;
    if (timeMs > this.#judged.baselineMs + this.#uptimeMs + JUMP_MS) return nowMs;
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    return timeMs;
  }
}
