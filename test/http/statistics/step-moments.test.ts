import { describe, expect, it } from "vitest";
import {
  MOMENTS_MAX,
  type Step,
  stepMoments,
  stepsBefore,
} from "../../../src/http/core/statistics/step-moments.ts";
import { isTimeZone } from "../../../src/http/input/time-zone.ts";

function moments(step: Step, zone: string, from: string, to: string): readonly string[] | undefined {
  return stepMoments(step, zone, Date.parse(from), Date.parse(to))?.map((at) => new Date(at).toISOString());
}

describe("stepMoments", () => {
  it("begins each step at a full minute, hour or day, and adds the end of the last one", () => {
    expect(moments("1m", "UTC", "2026-11-20T10:00:00.001Z", "2026-11-20T10:02:30Z")).toEqual([
      "2026-11-20T10:01:00.000Z",
      "2026-11-20T10:02:00.000Z",
      "2026-11-20T10:03:00.000Z",
    ]);
    expect(moments("1h", "UTC", "2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z")).toEqual([
      "2026-11-20T10:00:00.000Z",
      "2026-11-20T11:00:00.000Z",
      "2026-11-20T12:00:00.000Z",
    ]);
    expect(moments("1d", "UTC", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")).toEqual([
      "2026-11-20T00:00:00.000Z",
      "2026-11-21T00:00:00.000Z",
    ]);
  });

  it("has days of 23 and 25 hours where clocks change", () => {
    expect(moments("1d", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-30T00:00:00Z")).toEqual([
      "2026-03-28T23:00:00.000Z",
      "2026-03-29T22:00:00.000Z",
      "2026-03-30T22:00:00.000Z",
    ]);
    expect(moments("1d", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-26T00:00:00Z")).toEqual([
      "2026-10-24T22:00:00.000Z",
      "2026-10-25T23:00:00.000Z",
      "2026-10-26T23:00:00.000Z",
    ]);
  });

  it("has both hours where an hour is repeated", () => {
    expect(moments("1h", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z")).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-10-25T01:00:00.000Z",
      "2026-10-25T02:00:00.000Z",
    ]);
  });

  it("begins hours at the half hour in a time zone with such an offset", () => {
    expect(moments("1h", "Asia/Kolkata", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")).toEqual([
      "2026-11-20T10:30:00.000Z",
      "2026-11-20T11:30:00.000Z",
    ]);
  });

  it("has none in a range without a beginning of a step", () => {
    expect(moments("1d", "UTC", "2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z")).toEqual([]);
  });

  it("has a maximum", () => {
    const toMs = MOMENTS_MAX * 60_000;
    expect(stepMoments("1m", "UTC", 0, toMs)).toHaveLength(MOMENTS_MAX + 1);
    expect(stepMoments("1m", "UTC", 0, toMs + 1)).toBeUndefined();
  });

  it("works up to the last time that requests may name", () => {
    const lastMs = Date.parse("9999-12-31T23:59:59.999Z");
    expect(stepMoments("1d", "Pacific/Kiritimati", lastMs - 1, lastMs)).toEqual([]);
  });
});

describe("isTimeZone", () => {
  it("knows IANA names and offsets", () => {
    const names = ["UTC", "Europe/Berlin", "+03:30", "Mars/Olympus", "", "UTC\0"];
    expect(names.map(isTimeZone)).toEqual([true, true, true, false, false, false]);
  });
});

describe("stepsBefore", () => {
  it("does not go before 1970", () => {
    expect(stepsBefore("1h", 60, 61 * 3_600_000)).toBe(3_600_000);
    expect(stepsBefore("1d", 60, 5)).toBe(0);
  });
});
