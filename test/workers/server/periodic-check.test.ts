import { expect, test } from "vitest";
import { PeriodicCheck } from "../../../src/workers/server/periodic-check.ts";

test("a check shows what was read last, also after it has failed", async () => {
  const results = [Promise.resolve(1), Promise.reject(new Error("a shard is away")), Promise.resolve(3)];
  const check = new PeriodicCheck(() => results.shift() ?? Promise.resolve(4));
  const seen: (number | undefined)[] = [check.last];
  for (let i = 0; i < 3; i++) {
    await check.check();
    seen.push(check.last);
  }
  expect(seen).toEqual([undefined, 1, 1, 3]);
});
