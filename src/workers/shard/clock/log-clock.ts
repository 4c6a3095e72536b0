/**
 * The clock of a shard's log. It follows the wall clock unless that jumps: see docs/adr/0014-the-log-clock.md. Pure:
 * the clocks are passed in.
 *
 * The main thread (`ServerClock`) gives all shards a *baseline*: wall time minus time since boot. Baseline plus time
 * since boot is the expected wall time. While the wall clock is within a minute of that, log time follows the wall
 * clock; otherwise log time advances with the time since boot.
 */
import type { WitnessedClock } from "../../../wal/witness.ts";

/** A wall clock that differs from the expected time by more than this has jumped. */
export const JUMP_MS = 60_000;
/** While log time is ahead of its goal it advances at this fraction of real time. */
const CREEP = 0.5;

/** In ms, possibly with fractions. */
export type Clocks = Readonly<{
  /** Wall clock: time since 1970. It may jump. */
  wallMs: () => number;
  /** Time since boot, suspended time included. It never goes back. */
  uptimeMs: () => number;
}>;

/** The main thread's judgement of the wall clock. Plain data. */
export type JudgedClock = Readonly<{
  /** Expected wall time minus time since boot. */
  baselineMs: number;
  /** The boot that the time since boot counts from; `undefined`: do not compare it with a later one. */
  bootId: string | undefined;
}>;

/** Trusts the wall clock as it is now. */
export function unjudgedClock({ wallMs, uptimeMs }: Clocks): JudgedClock {
  return { baselineMs: wallMs() - uptimeMs(), bootId: undefined };
}

/**
 * Between two readings that are `d` ms of boot time apart, with one baseline:
 * - log time never goes back, and advances by at least `d / 2`;
 * - it is never more than a minute ahead of baseline + time since boot, or it was so before and has advanced by `d /
 *   2`.
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

  /** Log time starts no earlier than `timeMs`, the last time in the log. */
  begin(timeMs: number): void {
    this.now();
    this.#timeMs = Math.max(this.#timeMs, timeMs);
  }

  /** Takes a new judgement of the main thread. */
  judge(judged: JudgedClock): void {
    this.now();
    this.#judged = judged;
  }

  /** Log time minus wall clock, ms. */
  get aheadMs(): number {
    return this.now() - this.#clocks.wallMs();
  }

  /** For the witness file: lets the next server detect a jump of the wall clock. */
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
   * Raises log time to a time that another shard has logged. A time more than a minute ahead of the expected wall
   * time is not followed, so a wrong clock does not spread from shard to shard.
   *
   * @returns the lower bound for log time: `timeMs`, or the present log time if `timeMs` is not followed.
   */
  raise(timeMs: number): number {
    const nowMs = this.now();
    if (timeMs <= nowMs) return timeMs;
    if (timeMs > this.#judged.baselineMs + this.#uptimeMs + JUMP_MS) return nowMs;
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    return timeMs;
  }
}
