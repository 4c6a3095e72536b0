/** Days of time zones: they follow each other without gap or overlap, whatever the clocks do. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { dateAfter, daysIn, isDate } from "../../../src/http/input/time-zone.ts";

const HOUR_MS = 60 * 60 * 1000;
/** Zones with changes of the clocks at midnight, by half an hour, and across the date line. */
const ODD = [
  "Asia/Tehran",
  "America/Sao_Paulo",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Africa/Cairo",
  "UTC",
];
const zone = fc.constantFrom(...ODD, ...Intl.supportedValuesOf("timeZone"));
const date = fc
  .integer({ min: 0, max: 24_000 })
  .map((days) => Temporal.PlainDate.from("1973-01-01").add({ days }).toString());

const formats = new Map<string, Intl.DateTimeFormat>();

/** The date on the clocks of the zone, by another calendar than that of `Temporal`. */
function dateOnClock(timeZone: string, atMs: number): string {
  const parts =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat("en-CA", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
  formats.set(timeZone, parts);
  return parts.format(atMs);
}

test("the days of a month tile it in every zone, and every moment of a day has its date on the clock", () => {
  fc.assert(
    fc.property(zone, date, fc.integer({ min: 1, max: 40 }), (timeZone, from, count) => {
      const to = Temporal.PlainDate.from(from).add({ days: count }).toString();
      const days = [...daysIn(timeZone, from, to)];
      expect(days).toHaveLength(count);
      expect(days[0]?.date).toBe(from);
      for (const [i, day] of days.entries()) {
        expect(isDate(day.date)).toBe(true);
        const next = days[i + 1];
        if (next !== undefined) {
          expect(next.fromMs).toBe(day.toMs);
          expect(next.date).toBe(dateAfter(day.date));
        }
        if (day.fromMs === day.toMs) continue;
        expect(dateOnClock(timeZone, day.fromMs), timeZone).toBe(day.date);
        expect(dateOnClock(timeZone, day.toMs - 1), timeZone).toBe(day.date);
      }
      const [whole] = [days[0]?.fromMs, days.at(-1)?.toMs];
      const sum = days.reduce((total, { fromMs, toMs }) => total + toMs - fromMs, 0);
      expect(sum).toBe((days.at(-1)?.toMs ?? 0) - (whole ?? 0));
    }),
    { numRuns: 100 },
  );
});

const hours = (timeZone: string, day: string) => {
  const [only] = daysIn(timeZone, day, dateAfter(day));
  return only === undefined ? undefined : (only.toMs - only.fromMs) / HOUR_MS;
};

test("a day has 23 or 25 hours where the clocks change, and a day that was left out is empty", () => {
  expect(hours("Asia/Tehran", "2022-03-22")).toBe(23);
  expect(hours("Asia/Tehran", "2022-09-21")).toBe(25);
  expect(hours("Asia/Tehran", "2026-03-22")).toBe(24);
  expect(hours("Europe/Berlin", "2026-03-29")).toBe(23);
  expect(hours("Australia/Lord_Howe", "2026-04-05")).toBe(24.5);
  expect(hours("Pacific/Apia", "2011-12-30")).toBe(0);
  expect(["2026-02-29", "2026-13-01", "0000-01-01", "26-01-01"].some(isDate)).toBe(false);
});
