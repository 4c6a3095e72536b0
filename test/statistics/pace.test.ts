import { expect, test } from "vitest";
import { Pace } from "../../src/statistics/pace.ts";

const CORES = 2;

/** A machine whose time passes as it is told. */
class Machine {
  readonly #times = { idle: 0, all: 0, own: 0 };
  readonly now = () => ({ ...this.#times });

  /** Shares are of one core. */
  pass(ms: number, shares: Readonly<{ others: number; own: number }>): void {
    this.#times.all += CORES * ms;
    this.#times.own += shares.own * ms;
    this.#times.idle += (CORES - shares.own - shares.others) * ms;
  }
}

/** The rest after 10 ms of work, once a second of such use has been seen. */
function restWhile(others: number): number {
  const machine = new Machine();
  const pace = new Pace(machine.now);
  machine.pass(1_000, { others, own: 0.5 });
  pace.restMs();
  machine.pass(10, { others, own: 1 });
  return pace.restMs();
}

test("on a machine that nobody else uses, the service does not rest", () => {
  expect(restWhile(0)).toBe(0);
});

test("the service rests the longer, the more others use, and works a twelfth of the time on a busy machine", () => {
  // Half a core of two is a quarter of the machine, which leaves half of a core.
  expect(restWhile(0.5)).toBeCloseTo(10);
  expect(restWhile(1)).toBe(110);
  expect(restWhile(1.5)).toBe(110);
});

test("until the use of the machine is known, it counts as busy", () => {
  const machine = new Machine();
  const pace = new Pace(machine.now);
  machine.pass(10, { others: 0, own: 1 });
  expect(pace.restMs()).toBe(110);
});

test("the use of the machine is measured anew", () => {
  const machine = new Machine();
  const pace = new Pace(machine.now);
  machine.pass(1_000, { others: 2, own: 0 });
  expect(pace.restMs()).toBe(0);
  machine.pass(1_000, { others: 0, own: 1 });
  expect(pace.restMs()).toBe(0);
  machine.pass(10, { others: 0, own: 1 });
  expect(pace.restMs()).toBe(0);
});
