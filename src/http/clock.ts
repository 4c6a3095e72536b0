/** What time it is, handed in so that tests choose it. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  nowMs(): number;
  /** Milliseconds, with fractions, of a clock that never goes back. */
  elapsedMs(): number;
}
