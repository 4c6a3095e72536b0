/** The query parameter `time_zone`, and what it makes of hours and days. */
import { z } from "@hono/zod-openapi";

const ZONE_LENGTH_MAX = 64;

/** Whether it is a name of the IANA time zone database, or an offset such as `+03:30`. */
export function isTimeZone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

export const TimeZone = z
  .string()
  .max(ZONE_LENGTH_MAX)
  .refine(isTimeZone, "must be an IANA time zone, such as Europe/Berlin")
  .default("UTC");

export type Day = Readonly<{ date: string; fromMs: number; toMs: number }>;

/** Whether it is a day of the calendar, as 2026-11-20. */
export function isDate(text: string): boolean {
  return dateOf(text) !== undefined;
}

/**
 * The days of a time zone from `from` (inclusive) to `to` (exclusive), both valid dates. A day begins with its first moment in
 * the zone and ends with the next day, so it may have 23 or 25 hours; a day that the zone has left out is empty.
 */
export function* daysIn(timeZone: string, from: string, to: string): Generator<Day> {
  const end = Temporal.PlainDate.from(to);
  let date = Temporal.PlainDate.from(from);
  let fromMs = beginningMs(date, timeZone);
  while (Temporal.PlainDate.compare(date, end) < 0) {
    const next = date.add({ days: 1 });
    const toMs = beginningMs(next, timeZone);
    yield { date: date.toString(), fromMs, toMs };
    [date, fromMs] = [next, toMs];
  }
}

/** The day after a valid date. */
export function dateAfter(date: string): string {
  return Temporal.PlainDate.from(date).add({ days: 1 }).toString();
}

function beginningMs(date: Temporal.PlainDate, timeZone: string): number {
  return date.toZonedDateTime(timeZone).epochMilliseconds;
}

function dateOf(text: string): Temporal.PlainDate | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text < "0001-01-01") return undefined;
  try {
    return Temporal.PlainDate.from(text, { overflow: "reject" });
  } catch {
    return undefined;
  }
}
