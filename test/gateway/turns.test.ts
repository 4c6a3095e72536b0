/** Pages are made in turn, and only for callers who are there. */
import { expect, test } from "vitest";
import { CallerGone } from "../../src/caller.ts";
import { Turns } from "../../src/gateway/turns.ts";

test("eight are in hand at once, the others follow in order, and who is gone has his turn left off", async () => {
  const turns = new Turns(8);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const gone = new Set<number>();
  const all = Array.from({ length: 20 }, (_, no) =>
    turns
      .run({ isGone: () => gone.has(no) }, async () => {
        begun.push(no);
        await new Promise<void>((resolve) => ends.push(resolve));
        return no;
      })
      .catch((error: unknown) => error),
  );
  await expect.poll(() => begun.length).toBe(8);
  gone.add(8).add(10);
  ends[0]?.();
  await expect.poll(() => begun.length).toBe(9);
  expect(begun.at(-1)).toBe(9);
  for (let i = 1; i < 18; i++) {
    await expect.poll(() => ends.length).toBeGreaterThan(i);
    ends[i]?.();
  }
  const results = await Promise.all(all);
  expect(results.filter((result) => result instanceof CallerGone)).toHaveLength(2);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, no) => no).filter((no) => !gone.has(no)));
});

test("work that fails hands its turn over, too", async () => {
  const turns = new Turns(8);
  const failing = Array.from({ length: 30 }, () =>
    turns.run(undefined, async () => Promise.reject(new Error("no"))),
  );
  expect((await Promise.allSettled(failing)).every(({ status }) => status === "rejected")).toBe(true);
  expect(await turns.run(undefined, async () => "done")).toBe("done");
});
