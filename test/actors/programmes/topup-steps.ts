/** Steps of random histories of the top-up programme. */
import fc from "fast-check";

export const SELLERS = ["a", "b/1"];
export const PHONES = ["+989121111111", "+989122222222"];

const seller = fc.constantFrom(...SELLERS);
const which = fc.nat(9);
const bound = fc.option(fc.integer({ min: 1, max: 60 }), { nil: null });
const limits = fc.option(
  fc.record({ minAmount: bound, maxAmount: bound, dailyAmount: bound, dailyCount: bound }),
  { nil: null },
);
export const step = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant("create" as const), seller }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("suspend" as const, "resume" as const), seller }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      seller,
      amount: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: -20, max: -1 })),
      note: fc.option(fc.constant("please"), { nil: null }),
      by: fc.constantFrom("key_1", "key_3", undefined),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("approve" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("withdraw" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("limit" as const), seller, limits }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("limitPhones" as const), limits }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      which,
      status: fc.constantFrom("completed" as const, "failed" as const),
      by: fc.constantFrom("key_1", null),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("unknown" as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("late" as const),
      which,
      answer: fc.constantFrom("completed" as const, "failed" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("reject" as const),
      which,
      reason: fc.option(fc.constant("no"), { nil: null }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("sell" as const, "start" as const),
      seller,
      phone: fc.constantFrom(...PHONES),
      amount: fc.integer({ min: 1, max: 30 }),
      reference: fc.option(fc.constantFrom("r1", "r2", "r3", "r4"), { nil: null }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("revert" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  // More than the window of the daily limits.
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), days: fc.constantFrom(2, 10, 31) }) },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
