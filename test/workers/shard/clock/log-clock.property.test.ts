import fc from "fast-check";
import { expect, test } from "vitest";
import { JUMP_MS, LogClock, unjudgedClock } from "../../../../src/workers/shard/clock/log-clock.ts";

const BEGIN_MS = Date.UTC(2026, 10, 28);
const DAY = 86_400_000;

/** A machine's clocks, and a log clock that reads them. Honest time is the wall clock without its jumps. */
class Machine {
  uptimeMs = 1_000;
  jumpedMs = 0;
  readonly clock: LogClock;

  constructor() {
    const clocks = { wallMs: () => this.honestMs + this.jumpedMs, uptimeMs: () => this.uptimeMs };
    this.clock = new LogClock(clocks, unjudgedClock(clocks));
  }

  get honestMs(): number {
    return BEGIN_MS + this.uptimeMs;
  }
}

type Step = Readonly<{ afterMs: number; jumpedMs: number; raisedMs: number | null }>;

const offset = fc.oneof(
  fc.integer({ min: -2 * JUMP_MS, max: 2 * JUMP_MS }),
  fc.integer({ min: -400 * DAY, max: 400 * DAY }),
);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: DAY })),
    jumpedMs: fc.oneof(fc.constant(0), offset),
    raisedMs: fc.option(offset),
  }),
  { maxLength: 40 },
);

test("log time never goes back, advances at least half as fast as real time, and is never more than a minute ahead", () => {
  fc.assert(
    fc.property(steps, (walk) => {
      const machine = new Machine();
      const { clock } = machine;
      let lastMs = clock.now();
      for (const { afterMs, jumpedMs, raisedMs } of walk) {
        machine.uptimeMs += afterMs;
        machine.jumpedMs = jumpedMs;
        const nowMs = clock.now();
        expect(nowMs).toBeGreaterThanOrEqual(Math.floor(lastMs + afterMs / 2) - 1);
        expect(nowMs).toBeGreaterThanOrEqual(lastMs);
        if (raisedMs !== null) {
          const askedMs = machine.honestMs + raisedMs;
          const raised = clock.raise(askedMs);
          expect(raised).toBe(raisedMs <= JUMP_MS ? askedMs : Math.min(askedMs, nowMs));
          expect(clock.now()).toBe(Math.max(nowMs, raised));
        }
        lastMs = clock.now();
        expect(lastMs).toBeLessThanOrEqual(machine.honestMs + JUMP_MS);
        expect(lastMs).toBeGreaterThanOrEqual(machine.honestMs - JUMP_MS);
      }
    }),
  );
});

test("whatever the clock does, an expiry after h of log time comes by h plus two minutes or 2 h of real time", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: DAY }), steps, (lengthMs, walk) => {
      const machine = new Machine();
      for (const { jumpedMs, raisedMs } of walk) {
        machine.jumpedMs = jumpedMs;
        if (raisedMs !== null) machine.clock.raise(machine.honestMs + raisedMs);
      }
      const endsMs = machine.clock.now() + lengthMs;
      const beganMs = machine.uptimeMs;
      // First to the latest time at which the hold may still be open, then to the time at which it must have expired.
      machine.uptimeMs = beganMs + Math.min(lengthMs + 2 * JUMP_MS, 2 * lengthMs) + 2;
      expect(machine.clock.now()).toBeGreaterThanOrEqual(endsMs);
    }),
  );
});

test("log time that is a year ahead advances slowly until the clock has caught up, and then follows it", () => {
  const machine = new Machine();
  const yearMs = 365 * DAY;
  machine.clock.begin(machine.honestMs + yearMs);
  machine.uptimeMs += DAY;
  expect(machine.clock.aheadMs).toBe(yearMs - DAY / 2);
  machine.uptimeMs += 2 * yearMs;
  expect(machine.clock.aheadMs).toBe(0);
});

test("the duration of a start is not added to the last time in the log", () => {
  const machine = new Machine();
  machine.uptimeMs += DAY;
  // Another owner has written until this time.
  machine.clock.begin(machine.honestMs);
  expect(machine.clock.now()).toBe(machine.honestMs);
});

test("an accepted clock is followed immediately", () => {
  const machine = new Machine();
  machine.jumpedMs = 3 * DAY;
  expect(machine.clock.now()).toBe(machine.honestMs);
  machine.clock.judge({ baselineMs: BEGIN_MS + 3 * DAY, bootId: undefined });
  expect(machine.clock.now()).toBe(machine.honestMs + 3 * DAY);
});
