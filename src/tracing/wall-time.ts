/** Translates the machine's monotonic clock into wall time, for spans. */
import { monotonicMs } from "./shard-times.ts";

/** A larger difference is a wall clock that was set or slewed; `Date.now()` itself is exact to 1 ms. */
const DRIFT_MS_MAX = 5;

export class WallTime {
  #offsetMs = Date.now() - monotonicMs();

  /** Follows the wall clock. Called once for each trace, so that the spans of one fit together. */
  adjust(): void {
    const driftMs = Date.now() - this.nowMs();
    if (Math.abs(driftMs) > DRIFT_MS_MAX) this.#offsetMs += driftMs;
  }

  /** In ms since 1970. */
  nowMs(): number {
    return this.at(monotonicMs());
  }

  /** The wall time, in ms since 1970, of a time of the monotonic clock. */
  at(monotonicAtMs: number): number {
    return monotonicAtMs + this.#offsetMs;
  }
}
