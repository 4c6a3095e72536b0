/** Waits for what tests cannot be told of. */

const POLL_MS_MIN = 5;
const POLL_MS_MAX = 50;
const POLL_GROWTH = 1.2;

/**
 * Polls until the condition holds; rejects after `msMax`. An exception counts as "not yet". The pauses grow, because
 * most conditions are requests to a server that needs the processor itself.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  msMax = 15_000,
): Promise<void> {
  const endMs = performance.now() + msMax;
  let last: unknown;
  let pauseMs = POLL_MS_MIN;
  while (performance.now() < endMs) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(POLL_MS_MAX, pauseMs * POLL_GROWTH);
  }
  throw new Error(`not within ${msMax} ms: ${what}`, { cause: last });
}

/** Looks at what no longer changes, in some hundred milliseconds. */
const QUIET_TIMES = 10;

/** Polls until `look` returns the same text again and again; `undefined` counts as a change. */
export async function untilQuiet(what: string, look: () => Promise<string | undefined>): Promise<void> {
  let before: string | undefined;
  let times = 0;
  await until(what, async () => {
    const now = await look();
    times = now !== undefined && now === before ? times + 1 : 0;
    before = now;
    return times === QUIET_TIMES;
  });
}
