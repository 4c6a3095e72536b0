/** How late this thread's event loop runs. */
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Period of the measurement. */
const PERIOD_MS = 10_000;
const RESOLUTION_MS = 10;

export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #p99Ms = 0;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      // The histogram holds the length of each interval, not only the delay.
      this.#p99Ms = Math.max(0, this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS);
      this.#histogram.reset();
    }, PERIOD_MS);
    this.#timer.unref();
  }

  /** The 99th percentile of the last full period; 0 before. */
  get p99Ms(): number {
    return this.#p99Ms;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}
