/**
 * Measures how long this thread's event loop was blocked. Replies that arrived meanwhile were not late: without
 * this, a thread that parses a large body, or gets no CPU, would take its shards for slow.
 */
const CHECK_INTERVAL_MS = 50;

export class LoopLag {
  #lagMs = 0;
  #checkedMs = performance.now();

  constructor() {
    setInterval(() => {
      const nowMs = performance.now();
      this.#lagMs = this.totalMs(nowMs);
      this.#checkedMs = nowMs;
    }, CHECK_INTERVAL_MS).unref();
  }

  /** Total lag so far, in ms, up to `nowMs` of `performance.now()`. */
  totalMs(nowMs: number): number {
    return this.#lagMs + Math.max(0, nowMs - this.#checkedMs - CHECK_INTERVAL_MS);
  }
}
