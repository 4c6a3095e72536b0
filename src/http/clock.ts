/** The clock, passed in so that tests can set it. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  nowMs(): number;
  /** Fractional milliseconds of a monotonic clock. */
  elapsedMs(): number;
}
