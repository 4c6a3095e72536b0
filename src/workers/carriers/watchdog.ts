/**
 * Tells a part of the server that hangs from one that is busy. The part is asked once a second; whatever it says counts
 * as an answer.
 *
 * Only time in which the asker itself ran is counted: after a pause of its own thread, or of the machine, answers may
 * have arrived that nobody has read yet.
 */

/** How often a part is asked. */
export const ASK_EVERY_MS = 1_000;

export type WatchLimits = Readonly<{
  /** After this time without an answer it counts as silent. */
  silentMs: number;
  /** After this time it is ended. Longer than any turn that may come right: a commit on a slow disk, a full GC. */
  hungMs: number;
  /** The same before its first answer: a thread or process must be started and its code be loaded. */
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

  /** For how long there was no answer. */
  get silentMs(): number {
    return this.#silentMs;
  }

  answered(): void {
    this.#silentMs = 0;
    this.#hasAnswered = true;
  }

  /** To be called every `ASK_EVERY_MS`. */
  look(nowMs: number): Liveness {
    this.#silentMs += Math.min(nowMs - this.#lookedMs, ASK_EVERY_MS);
    this.#lookedMs = nowMs;
    const { silentMs, hungMs, startMs } = this.#limits;
    if (this.#silentMs >= (this.#hasAnswered ? hungMs : startMs)) return "hung";
    return this.#hasAnswered && this.#silentMs >= silentMs ? "silent" : "answers";
  }
}

/** One line, the same for every part. */
export function describeSilence(silentMs: number): string {
  return `it has not answered for ${Math.round(silentMs / 1_000)} s`;
}
