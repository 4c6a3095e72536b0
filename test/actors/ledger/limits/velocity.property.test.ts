/** Velocity limits against a naive model: a list of everything that was ever counted. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  countUse,
  exceeds,
  uncountUse,
  type Velocity,
  velocitiesOf,
} from "../../../../src/actors/ledger/limits/velocity.ts";
import type { Limit } from "../../../../src/actors/records/command.ts";
import { runs } from "../property-runs.ts";
import { WindowModel } from "./window-model.ts";

const direction = fc.constantFrom("debit" as const, "credit" as const);
const bound = (max: number) => fc.option(fc.nat(max), { nil: null, freq: 3 });
const limits = fc.uniqueArray(
  fc.record({
    windowS: fc.constantFrom(1, 60, 86_400),
    direction,
    maxAmount: bound(60),
    maxCount: bound(9),
  }),
  { maxLength: 3, selector: ({ windowS, direction: of }) => `${windowS} ${of}` },
);
const use = { direction, amount: fc.nat(30), count: fc.nat(4) };
/** Around the length of one bucket of each window, and around that of the whole window. */
const afterMs = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  fc.constantFrom(1, 16, 17, 983, 1000, 1001, 1017, 59_000, 60_000, 61_000, 1_440_000, 86_400_000),
);
const step = fc.oneof(
  { weight: 9, arbitrary: fc.record({ do: fc.constant("count" as const), afterMs, ...use }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constant("ask" as const), afterMs, ...use }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("uncount" as const), which: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("limit" as const), limits }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Used = Readonly<{ direction: Limit["direction"]; amount: number; count: number; atMs: number }>;

class Run {
  #nowMs = 1_700_000_000_000;
  #velocities: readonly Velocity[] | null = null;
  #model: readonly WindowModel[] = [];
  readonly #used: Used[] = [];

  limit(of: readonly Limit[]): void {
    this.#velocities = velocitiesOf(of, this.#velocities, this.#nowMs);
    this.#model = of.map(
      (limit) =>
        this.#model.find((window) => window.covers(limit))?.limitedTo(limit) ??
        new WindowModel(limit, this.#nowMs),
    );
    expect(this.#velocities?.map(({ limit }) => limit) ?? null).toEqual(of.length === 0 ? null : of);
  }

  take(what: Step): void {
    switch (what.do) {
      case "limit":
        return this.limit(what.limits);
      case "uncount": {
        const [used] = this.#used.splice(-1 - what.which, 1);
        if (used === undefined) return undefined;
        uncountUse(this.#velocities, used.direction, used.amount, used.count, used.atMs);
        for (const window of this.#of(used.direction))
          window.uncount(BigInt(used.amount), used.count, used.atMs);
        return undefined;
      }
      default: {
        this.#nowMs += what.afterMs;
        const { direction: of, amount, count } = what;
        const exceeded = this.#of(of).map((window) => {
          const undo = window.mark();
          window.count(BigInt(amount), count, this.#nowMs);
          const isExceeded = window.isExceeded(this.#nowMs);
          if (what.do === "ask") undo();
          return isExceeded;
        });
        expect(exceeds(this.#velocities ?? [], of, amount, count, this.#nowMs)).toBe(exceeded.includes(true));
        if (what.do === "ask") return undefined;
        countUse(this.#velocities, of, amount, count, this.#nowMs);
        this.#used.push({ direction: of, amount, count, atMs: this.#nowMs });
        for (const { buckets } of this.#velocities ?? []) expect(buckets.length).toBeLessThanOrEqual(61);
      }
    }
    return undefined;
  }

  #of(of: Limit["direction"]): readonly WindowModel[] {
    return this.#model.filter(({ limit }) => limit.direction === of);
  }
}

test("in any sequence of counts, uncounts and changes, a limit allows what the naive model allows", () => {
  fc.assert(
    fc.property(limits, fc.array(step, { minLength: 20, maxLength: 60 }), (first, steps) => {
      const run = new Run();
      run.limit(first);
      for (const each of steps) run.take(each);
    }),
    { numRuns: runs(1000) },
  );
});

test("a window keeps 61 buckets, however long it is used", () => {
  const limit = { windowS: 60, direction: "debit", maxAmount: null, maxCount: null } as const;
  const velocities = velocitiesOf([limit], null, 0);
  for (let second = 0; second < 200; second++) countUse(velocities, "debit", 1, 1, second * 1000);
  expect(velocities?.[0]?.buckets.map(({ number }) => number)).toEqual(
    Array.from({ length: 61 }, (_, i) => 139 + i),
  );
});
