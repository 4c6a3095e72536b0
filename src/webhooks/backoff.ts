/** When a failed delivery is tried again. */

/** The first retry comes after 2 to 5 s; each later one waits twice as long as the one before. */
const FIRST_MS_MIN = 2_000;
const FIRST_MS_MAX = 5_000;
const WAIT_MS_MAX = 60 * 60 * 1000;
/** An endpoint that is down gets its next event at most this long after the one before. */
const PROBE_MS_MAX = 5 * 60 * 1000;
/** After this time an event is parked, if the endpoint has accepted others meanwhile. */
export const TRIED_MS_MAX = 24 * 60 * 60 * 1000;

/** @param tries failed tries so far, at least 1. @param random from 0 to 1, so that retries spread out. */
export function retryAfterMs(tries: number, random: number): number {
  return Math.min(doubled(tries, random), WAIT_MS_MAX * (0.75 + random / 4));
}

/** @param failures failures in a row. */
export function probeAfterMs(failures: number, random: number): number {
  return Math.min(doubled(failures, random), PROBE_MS_MAX * (0.75 + random / 4));
}

function doubled(count: number, random: number): number {
  return (FIRST_MS_MIN + random * (FIRST_MS_MAX - FIRST_MS_MIN)) * 2 ** (count - 1);
}
