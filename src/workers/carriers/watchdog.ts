/**
 * Distinguishes a part of the server that hangs from one that is busy. The part is asked once a second; any message
 * of it counts as an answer.
 *
 * The clock of the watchdog stops while its own thread or the machine is paused, because after such a pause answers
 * may have arrived that were not read yet.
 */

/** How often a part is asked. */
export const ASK_EVERY_MS = 1_000;

export type WatchLimits = Readonly<{
  /** After this time without an answer the part counts as silent. */
  silentMs: number;
  /** After this time it is killed. Longer than any legitimate turn: a commit on a slow disk, a full GC. */
  hungMs: number;
  /** The same before its first answer, since a thread or process has to start and load its code. */
  startMs: number;
}>;

export const WATCH_LIMITS: WatchLimits = { silentMs: 3_000, hungMs: 10_000, startMs: 30_000 };

export type Liveness = "answers" | "silent" | "hung";

export class Watchdog {
  readonly #limits: WatchLimits;
  #lookedMs: number;
  #silentMs = 0;
  #hasAnswered = false;

  /** @param nowMs the monotonic clock. */
  constructor(limits: WatchLimits, nowMs: number) {
    this.#limits = limits;
    this.#lookedMs = nowMs;
  }

  /** Time without an answer, ms. */
  get silentMs(): number {
    return this.#silentMs;
  }

  answered(): void {
    this.#silentMs = 0;
    this.#hasAnswered = true;
  }

  /** Call it every `ASK_EVERY_MS`. */
  look(nowMs: number): Liveness {
    this.#silentMs += Math.min(nowMs - this.#lookedMs, ASK_EVERY_MS);
    this.#lookedMs = nowMs;
    const { silentMs, hungMs, startMs } = this.#limits;
    if (this.#silentMs >= (this.#hasAnswered ? hungMs : startMs)) return "hung";
    return this.#hasAnswered && this.#silentMs >= silentMs ? "silent" : "answers";
  }
}

/** One line for logs and `/readyz`. */
export function describeSilence(silentMs: number): string {
  return `it has not answered for ${Math.round(silentMs / 1_000)} s`;
}
