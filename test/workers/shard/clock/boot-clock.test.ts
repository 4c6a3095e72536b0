import { uptime } from "node:os";
import { expect, test } from "vitest";
import { bootClock } from "../../../../src/workers/shard/clock/boot-clock.ts";

/** A machine whose uptime has a resolution of 10 ms. */
function machine() {
  const at = { runMs: 5_003, sleptMs: 0, steppedMs: 0, asked: 0 };
  const read = bootClock({
    uptimeMs: () => {
      at.asked += 1;
      return Math.floor((at.runMs + at.sleptMs) / 10) * 10;
    },
    monotonicMs: () => at.runMs,
    wallMs: () => 1e12 + at.runMs + at.sleptMs + at.steppedMs,
    uncertaintyMs: 50,
  });
  return { at, read };
}

test("it follows the monotonic clock, and reads the system's uptime only at intervals", () => {
  const { at, read } = machine();
  const beganMs = read();
  for (let i = 0; i < 10_000; i++) {
    at.runMs += 0.5;
    read();
  }
  expect(read() - beganMs).toBe(5_000);
  expect(at.asked).toBeLessThan(25);
});

test("a suspension of the machine counts immediately, a step of the wall clock does not", () => {
  const { at, read } = machine();
  const beganMs = read();
  at.sleptMs = 400;
  expect(Math.abs(read() - beganMs - 400)).toBeLessThanOrEqual(10);
  const awakeMs = read();
  at.steppedMs = 3_600_000;
  expect(read()).toBe(awakeMs);
  at.steppedMs = -3_600_000;
  expect(read()).toBe(awakeMs);
});

test("on this machine it agrees with the system's uptime", () => {
  const read = bootClock();
  const before = read();
  expect(Math.abs(read() - uptime() * 1000)).toBeLessThan(2_000);
  expect(read()).toBeGreaterThanOrEqual(before);
});
