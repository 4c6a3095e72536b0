/** When a failed delivery is tried again. */

/** The first retry comes after 2 to 5 s; each later one waits twice as long as the one before. */
const FIRST_MS_MIN = 2_000;
const FIRST_MS_MAX = 5_000;
const WAIT_MS_MAX = 60 * 60 * 1000;
/** Tries of one event before it is parked, while the endpoint accepts other events. */
export const TRIED_MS_MAX = 24 * 60 * 60 * 1000;

/** @param tries failed tries so far, at least 1. @param random from 0 to 1, so that retries spread out. */
export function retryAfterMs(tries: number, random: number): number {
  const firstMs = FIRST_MS_MIN + random * (FIRST_MS_MAX - FIRST_MS_MIN);
  return Math.min(firstMs * 2 ** (tries - 1), WAIT_MS_MAX * (0.75 + random / 4));
}
