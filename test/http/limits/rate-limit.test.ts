import { expect, test } from "vitest";
import { attempt, RateLimit } from "../../../src/http/limits/rate-limit.ts";
import { newWindowMemory, WindowCounters } from "../../../src/http/limits/window-counters.ts";
import { Problem } from "../../../src/http/problem.ts";

function limitOf(limit: number): { rate: RateLimit; elapse: (ms: number) => void } {
  let nowMs = 0;
  const counters = new WindowCounters(newWindowMemory(), () => nowMs);
  const rate = new RateLimit({ name: "test", limit, windowMs: 60_000, counters });
  return { rate, elapse: (ms) => (nowMs += ms) };
}

function refusalOf(rate: RateLimit, key: string): Problem {
  try {
    rate.take(key);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("it was let through");
}

test("each key may fail as often as the limit within a window", () => {
  const { rate, elapse } = limitOf(2);
  rate.take("a");
  rate.take("a");
  rate.take("b");
  elapse(20_500);
  expect(refusalOf(rate, "a")).toMatchObject({
    code: "rate_limited",
    headers: {
      "Retry-After": "40",
      "RateLimit-Limit": "2",
      "RateLimit-Remaining": "0",
      "RateLimit-Reset": "40",
    },
  });
  rate.take("b");
  elapse(39_500);
  expect(() => rate.take("a")).not.toThrow();
});

test("an attempt that succeeded gives its count back", () => {
  const { rate } = limitOf(2);
  const first = rate.take("a");
  rate.take("a");
  expect(refusalOf(rate, "a").code).toBe("rate_limited");
  first();
  expect(() => rate.take("a")).not.toThrow();
});

test("parallel attempts are all made while none fails, and refused once too many have failed", async () => {
  const { rate } = limitOf(2);
  const succeed = () =>
    attempt(
      [{ rate, key: "a" }],
      async () => "good",
      (result) => result === "bad",
    );
  const fail = () =>
    attempt(
      [{ rate, key: "a" }],
      async () => "bad",
      (result) => result === "bad",
    );
  expect(await Promise.all(Array.from({ length: 9 }, succeed))).toHaveLength(9);
  await expect(
    attempt(
      [{ rate, key: "a" }],
      () => Promise.reject(new TypeError("broken")),
      () => true,
    ),
  ).rejects.toThrow("broken");
  const tries = await Promise.allSettled(Array.from({ length: 9 }, fail));
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  await expect(succeed()).rejects.toThrow(Problem);
});

test("a failure counts against each of several limits, and an attempt refused by one counts against none", async () => {
  const { rate } = limitOf(2);
  const fail = (...keys: readonly string[]) =>
    attempt(
      keys.map((key) => ({ rate, key })),
      async () => "bad",
      () => true,
    );
  await fail("ann", "here");
  await fail("bob", "here");
  await expect(fail("cy", "here")).rejects.toMatchObject({ code: "rate_limited" });
  await fail("cy", "there");
  await fail("cy", "there");
  await expect(fail("cy", "anywhere")).rejects.toMatchObject({ code: "rate_limited" });
  await fail("ann", "anywhere");
  await expect(fail("ann", "elsewhere")).rejects.toMatchObject({ code: "rate_limited" });
});

test("all gateways share the counters, and after a window ends a new one starts", () => {
  let nowMs = 0;
  const memory = newWindowMemory();
  const gateways = [0, 1].map(() => {
    const counters = new WindowCounters(memory, () => nowMs);
    return new RateLimit({ name: "test", limit: 3, windowMs: 1000, counters });
  });
  const [one, other] = gateways as [RateLimit, RateLimit];
  const giveBack = one.take("a");
  other.take("a");
  one.take("a");
  expect(refusalOf(other, "a").code).toBe("rate_limited");
  giveBack();
  other.take("a");
  expect(refusalOf(one, "a").code).toBe("rate_limited");
  nowMs = 1000;
  one.take("a");
  giveBack();
  other.take("a");
  other.take("a");
  expect(refusalOf(one, "a").code).toBe("rate_limited");
});

test("limits with different names count separately, and so do many keys", () => {
  // With this seed no two keys share a counter.
  const counters = new WindowCounters(newWindowMemory(new Uint8Array(32)));
  const [first, second] = ["first", "second"].map(
    (name) => new RateLimit({ name, limit: 1, windowMs: 600_000, counters }),
  ) as [RateLimit, RateLimit];
  const refused = [];
  for (let i = 0; i < 10_000; i++) {
    for (const rate of [first, second]) if (rate.exhausted(`k${i}`) !== undefined) refused.push(i);
    first.take(`k${i}`);
  }
  expect(refused).toEqual([]);
  expect(refusalOf(first, "k9999").code).toBe("rate_limited");
  expect(() => second.take("k9999")).not.toThrow();
});
