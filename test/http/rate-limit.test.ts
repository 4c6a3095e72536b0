import { expect, test } from "vitest";
import { Problem } from "../../src/http/problem.ts";
import { RateLimit } from "../../src/http/rate-limit.ts";

function limitOf(limit: number): { rate: RateLimit; elapse: (ms: number) => void } {
  let nowMs = 0;
  const rate = new RateLimit({ limit, windowMs: 60_000, elapsedMs: () => nowMs });
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

test("so many failures are let through in a window, of each for itself", () => {
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

test("what did not fail does not count, once it is known", () => {
  const { rate } = limitOf(2);
  const first = rate.take("a");
  rate.take("a");
  expect(refusalOf(rate, "a").code).toBe("rate_limited");
  first();
  expect(() => rate.take("a")).not.toThrow();
});

test("tries at once are all made as long as none fails, and are refused once too many have", async () => {
  const { rate } = limitOf(2);
  const succeed = () =>
    rate.attempt(
      "a",
      async () => "good",
      (result) => result === "bad",
    );
  const fail = () =>
    rate.attempt(
      "a",
      async () => "bad",
      (result) => result === "bad",
    );
  expect(await Promise.all(Array.from({ length: 9 }, succeed))).toHaveLength(9);
  await expect(
    rate.attempt(
      "a",
      () => Promise.reject(new TypeError("broken")),
      () => true,
    ),
  ).rejects.toThrow("broken");
  const tries = await Promise.allSettled(Array.from({ length: 9 }, fail));
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  await expect(succeed()).rejects.toThrow(Problem);
});
