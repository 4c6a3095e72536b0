import { expect, test } from "vitest";
import { DrainTime } from "../../../src/gateway/shard-link/drain-time.ts";

/** Serves 10 credits each ms, from `fromMs` to `toMs`. */
function serve(drain: DrainTime, fromMs: number, toMs: number, isWaiting = true): void {
  for (let ms = fromMs; ms <= toMs; ms++) drain.served(10, ms, isWaiting);
}

test("the time follows from what was served while more waited", () => {
  const drain = new DrainTime();
  serve(drain, 0, 499);
  expect(drain.msFor(1_000_000)).toBe(0);
  serve(drain, 500, 500);
  expect(drain.msFor(40_000)).toBe(4_000);
  expect(drain.msFor(100)).toBe(10);
});

test("a flow that gets slower counts as slower after half a second", () => {
  const drain = new DrainTime();
  serve(drain, 0, 500);
  drain.served(50, 1_000, true);
  expect(drain.msFor(1_000)).toBe(10_000);
});

test("a flow that has nothing waiting has no rate, however little it sends", () => {
  const drain = new DrainTime();
  serve(drain, 0, 2_000, false);
  expect(drain.msFor(1_000_000)).toBe(0);
  serve(drain, 2_000, 3_000);
  expect(drain.msFor(10_000)).toBeGreaterThan(0);
  serve(drain, 3_001, 3_001, false);
  expect(drain.msFor(1_000_000)).toBe(0);
});
