import fc from "fast-check";
import { expect, test } from "vitest";
import type { WitnessedClock } from "../../../src/wal/witness.ts";
import { HELD_BACK_MS, ServerClock } from "../../../src/workers/server/server-clock.ts";
import { LogClock } from "../../../src/workers/shard/clock/log-clock.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BEGIN_MS = Date.UTC(2026, 10, 28);

/** A machine that booted an hour ago, and its server. */
class Machine {
  uptimeMs = HOUR;
  offsetMs = 0;
  bootId = "first";
  readonly clocks = {
    wallMs: () => BEGIN_MS + this.offsetMs + this.uptimeMs,
    uptimeMs: () => this.uptimeMs,
  };

  serverClock(witnessed: readonly WitnessedClock[] = []): ServerClock {
    return new ServerClock({ clocks: this.clocks, bootId: this.bootId, witnessed, jumpMsMax: DAY });
  }

  /** Lets time pass, in steps of one second. */
  pass(ms: number, clock: ServerClock): void {
    for (let passed = 0; passed < ms; passed += SECOND) {
      this.uptimeMs += SECOND;
      clock.check();
    }
  }
}

function witnessedOf(clock: ServerClock, machine: Machine): WitnessedClock {
  return new LogClock(machine.clocks, clock.judged).witnessed();
}

test.each([-HOUR, 2 * MINUTE, 25 * HOUR])("a jump by %i ms is not followed until it is accepted", (byMs) => {
  const machine = new Machine();
  const clock = machine.serverClock();
  const before = clock.judged;
  machine.offsetMs = byMs;
  machine.pass(HOUR, clock);
  expect([clock.state, clock.judged]).toEqual([{ kind: "jumped", byMs }, before]);
  clock.accept();
  expect([clock.state, clock.judged.baselineMs]).toEqual([{ kind: "followed" }, BEGIN_MS + byMs]);
});

test("after a jump that is corrected the clock is followed again", () => {
  const machine = new Machine();
  const clock = machine.serverClock();
  machine.offsetMs = DAY;
  machine.pass(MINUTE, clock);
  machine.offsetMs = 0;
  machine.pass(SECOND, clock);
  expect([clock.state, clock.judged.baselineMs]).toEqual([{ kind: "followed" }, BEGIN_MS]);
});

test("a clock that is slewed as fast as chrony does is followed to the end", () => {
  const machine = new Machine();
  const clock = machine.serverClock();
  for (let slewed = 0; slewed < HOUR; slewed += 83) {
    machine.offsetMs += 83;
    machine.pass(SECOND, clock);
    expect(clock.state.kind).toBe("followed");
  }
});

test("repeated jumps of less than a minute do not add up", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -59, max: 59 }), { minLength: 1, maxLength: 200 }), (jumps) => {
      const machine = new Machine();
      const clock = machine.serverClock();
      for (const [i, jump] of jumps.entries()) {
        machine.offsetMs += jump * SECOND;
        machine.pass(SECOND, clock);
        const movedMs = Math.abs(clock.judged.baselineMs - BEGIN_MS);
        expect(movedMs).toBeLessThanOrEqual(0.1 * SECOND * (i + 1) + 1);
      }
    }),
  );
});

test("a restart of the server does not make it follow a clock that jumped before or during the restart", () => {
  const machine = new Machine();
  const witnessed = [witnessedOf(machine.serverClock(), machine)];
  machine.uptimeMs += 3 * DAY;
  expect(machine.serverClock(witnessed).state.kind).toBe("followed");
  machine.offsetMs = -HOUR;
  expect(machine.serverClock(witnessed).state).toEqual({ kind: "jumped", byMs: -HOUR });
  machine.offsetMs = HOUR;
  const again = machine.serverClock(witnessed);
  expect(again.state).toEqual({ kind: "jumped", byMs: HOUR });
  const later = machine.serverClock([witnessedOf(again, machine)]);
  expect(later.state).toEqual({ kind: "jumped", byMs: HOUR });
});

test("small jumps before many restarts of the server do not add up", () => {
  const machine = new Machine();
  let clock = machine.serverClock();
  const { baselineMs } = clock.judged;
  for (let starts = 0; starts < 20; starts++) {
    const witnessed = [witnessedOf(clock, machine)];
    machine.offsetMs += 50 * SECOND;
    clock = machine.serverClock(witnessed);
  }
  expect(clock.judged.baselineMs).toBe(baselineMs);
  expect(clock.state).toMatchObject({ kind: "jumped" });
});

test.each(["second", undefined])(
  "after a reboot (%s) a clock a day ahead of the log is followed",
  (bootId) => {
    const machine = new Machine();
    const witnessed = [witnessedOf(machine.serverClock(), machine)];
    Object.assign(machine, { uptimeMs: MINUTE, offsetMs: DAY, bootId });
    expect(machine.serverClock(witnessed).state.kind).toBe("followed");
  },
);

test("a clock further ahead is held back for ten minutes, across restarts of the server, or until it is accepted", () => {
  const machine = new Machine();
  const witnessed = [witnessedOf(machine.serverClock(), machine)];
  Object.assign(machine, { uptimeMs: MINUTE, offsetMs: 400 * DAY, bootId: "second" });
  const accepted = machine.serverClock(witnessed);
  expect(accepted.state.kind).toBe("held_back");
  accepted.accept();
  expect(accepted.state.kind).toBe("followed");

  const held = machine.serverClock(witnessed);
  const lastMs = witnessed[0]?.timeMs ?? 0;
  const logClock = () => new LogClock(machine.clocks, held.judged).now();
  expect(logClock()).toBe(lastMs);
  machine.pass(HELD_BACK_MS - SECOND, held);
  expect([held.state.kind, logClock()]).toEqual(["held_back", lastMs + HELD_BACK_MS - SECOND]);
  // A restart of the server starts the wait again: the clock does not count as one that jumped since.
  expect(machine.serverClock([witnessedOf(held, machine)]).state.kind).toBe("held_back");
  machine.pass(SECOND, held);
  expect([held.state.kind, logClock()]).toEqual(["followed", machine.clocks.wallMs()]);
});

test("a clock that is corrected while it is held back is followed", () => {
  const machine = new Machine();
  const witnessed = [witnessedOf(machine.serverClock(), machine)];
  Object.assign(machine, { uptimeMs: MINUTE, offsetMs: 400 * DAY, bootId: "second" });
  const held = machine.serverClock(witnessed);
  machine.offsetMs = 2 * HOUR;
  machine.pass(SECOND, held);
  expect([held.state.kind, held.judged.baselineMs]).toEqual(["followed", BEGIN_MS + 2 * HOUR]);
});
