/**
 * Estimates how long what a flow has queued will take, from how fast it was served lately. The time that the oldest item
 * has waited does not tell: while three times as much arrives as leaves, the newest one waits three times as long.
 */

/** One measurement takes so long. */
const MEASURED_MS = 500;

export class DrainTime {
  /** When the measurement began; `undefined` while nothing waits: then the rate says only how much arrives. */
  #sinceMs: number | undefined;
  #served = 0;
  /** Credits per ms; 0: unknown. */
  #rate = 0;

  /** @param isWaiting whether more of the flow waits. */
  served(credits: number, nowMs: number, isWaiting: boolean): void {
    if (!isWaiting) {
      this.#sinceMs = undefined;
      this.#rate = 0;
      return;
    }
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#served = 0;
      return;
    }
    this.#served += credits;
    const tookMs = nowMs - this.#sinceMs;
    if (tookMs < MEASURED_MS) return;
    this.#rate = this.#served / tookMs;
    this.#sinceMs = nowMs;
    this.#served = 0;
  }

  /** Time in ms until so much is served; 0 if that is unknown. */
  msFor(credits: number): number {
    return this.#rate === 0 ? 0 : credits / this.#rate;
  }
}
