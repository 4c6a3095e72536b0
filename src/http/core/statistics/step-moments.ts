/** The moments at which steps of a statistic begin. Days and hours are those of a time zone, so a day may have 23 or 25 hours. */

export const STEPS = ["1m", "1h", "1d"] as const;
export type Step = (typeof STEPS)[number];

/** More rows than the minutes of a day would be slow to draw. */
export const MOMENTS_MAX = 1_500;

const MINUTE_MS = 60_000;

const UNITS = {
  "1h": { unit: "hour", duration: { hours: 1 } },
  "1d": { unit: "day", duration: { days: 1 } },
} as const;

/**
 * The beginnings of steps from `fromMs` (inclusive) to `toMs` (exclusive), and the end of the last one.
 *
 * @returns `undefined`: there are more than MOMENTS_MAX.
 */
export function stepMoments(
  step: Step,
  timeZone: string,
  fromMs: number,
  toMs: number,
): readonly number[] | undefined {
  const next = nextStep(step, timeZone, fromMs);
  const moments: number[] = [];
  let at = next();
  for (; at < toMs; at = next()) {
    if (moments.length === MOMENTS_MAX) return undefined;
    moments.push(at);
  }
  return moments.length === 0 ? [] : [...moments, at];
}

/** @returns a function that returns one beginning after the other, from `fromMs` on. */
function nextStep(step: Step, timeZone: string, fromMs: number): () => number {
  if (step === "1m") {
    // Offsets of time zones are whole minutes since 1972.
    let nextMs = Math.ceil(fromMs / MINUTE_MS) * MINUTE_MS;
    return () => {
      const atMs = nextMs;
      nextMs += MINUTE_MS;
      return atMs;
    };
  }
  const { unit, duration } = UNITS[step];
  const startOf = (time: Temporal.ZonedDateTime) =>
    unit === "day" ? time.startOfDay() : time.round({ smallestUnit: unit, roundingMode: "floor" });
  let next = startOf(Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(timeZone));
  if (next.epochMilliseconds < fromMs) next = startOf(next.add(duration));
  return () => {
    const { epochMilliseconds } = next;
    next = startOf(next.add(duration));
    return epochMilliseconds;
  };
}

/** The moment `count` steps before, for a range without a beginning. Of days it is exact but for changes of the clocks. */
export function stepsBefore(step: Step, count: number, toMs: number): number {
  const lengthMs = { "1m": MINUTE_MS, "1h": 60 * MINUTE_MS, "1d": 24 * 60 * MINUTE_MS }[step];
  return Math.max(0, toMs - count * lengthMs);
}
