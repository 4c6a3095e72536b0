/** Random steps in the life of a loyalty programme. */
import fc from "fast-check";

export const MEMBERS = ["ann", "bo/1"];

const member = fc.constantFrom(...MEMBERS);
const name = fc.option(fc.constantFrom("Ann", "Bo"), { nil: null });
const points = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 51, 2 ** 53 - 1) },
);
const reference = fc.option(fc.constantFrom("r1", "r2"), { nil: undefined });
export const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("create" as const), member, name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rename" as const), member, name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), member }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant("accrue" as const),
      member,
      points,
      inMs: fc.option(fc.constantFrom(3, 5, 5, 9), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("accrue later" as const),
      member,
      points,
      beginsInMs: fc.constantFrom(1, 3, 5),
      lastsMs: fc.option(fc.constantFrom(1, 4, 8), { nil: undefined }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("redeem" as const), member, points, reference }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("redeem all" as const), member }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("revert" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("set" as const), threshold: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
