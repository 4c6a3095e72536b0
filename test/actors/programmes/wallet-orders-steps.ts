/** Random steps of two people with wallets, a bank and support. */
import fc from "fast-check";

const who = fc.nat(1);
const which = fc.nat(4);
const amount = fc.integer({ min: 1, max: 20 });
const timeoutMs = fc.constantFrom(3, 5, 9);
const memo = fc.option(fc.constant("rent"), { nil: null });
/** Mostly a wallet that is allowed to act. */
const isOther = fc.nat(5).map((dice) => dice === 3);
export const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("deposit" as const), who, amount }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("send" as const), who, amount }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("hold" as const),
      who,
      amount,
      memo,
      timeoutMs,
      to: fc.constantFrom("nobody" as const, "other" as const, "other" as const, "self" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("freeze" as const, "unfreeze" as const, "unfreeze" as const),
      who,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("correct" as const),
      which,
      part: fc.option(fc.integer({ min: 1, max: 20 }), { nil: null }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("issue" as const, "reset" as const), who }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("capture" as const),
      which,
      part: fc.option(fc.integer({ min: 1, max: 9 }), { nil: null }),
      isFinal: fc.boolean(),
      toSelf: isOther,
      isOther,
      byPayee: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("void" as const), which, isOther, byPayee: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("withdraw" as const), who, amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("confirm" as const, "fail" as const), which }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      who,
      payer: fc.constantFrom(0, 1, 0, 1, 2),
      amount,
      memo,
      timeoutMs,
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom("accept" as const, "decline" as const, "cancel" as const),
      which,
      isOther,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(10, 20, 31).map((days) => days * 24 * 60 * 60_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
/** The step of this kind. */
export type Of<K extends Step["do"]> = Extract<Step, Readonly<{ do: K }>>;
