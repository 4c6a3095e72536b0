/**
 * How long this thread has kept its own messages waiting: what has come meanwhile was not late. A thread that parses, or that
 * the system gives no core to, would otherwise take a shard to be slow.
 */
const EVERY_MS = 50;

export class LoopLag {
  #lagMs = 0;
  #lookedMs = performance.now();

  constructor() {
    setInterval(() => {
      const nowMs = performance.now();
      this.#lagMs = this.totalMs(nowMs);
      this.#lookedMs = nowMs;
    }, EVERY_MS).unref();
  }

  /** Of all times so far, up to `nowMs` of `performance.now()`. */
  totalMs(nowMs: number): number {
    return this.#lagMs + Math.max(0, nowMs - this.#lookedMs - EVERY_MS);
  }
}
