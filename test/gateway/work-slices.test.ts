import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { WorkSlices } from "../../src/gateway/work-slices.ts";

/** Work of `steps` steps of 1 ms each. Notes when each step is done. */
function worker() {
  let nowMs = 0;
  const slices = new WorkSlices(() => nowMs);
  const steps: string[] = [];
  const work = async (partner: string, count: number, owner = ""): Promise<void> => {
    for (let i = 0; i < count; i++) {
      if (slices.isOver) await slices.next(partner, owner);
      nowMs += 1;
      steps.push(partner + owner);
    }
  };
  return { slices, steps, work };
}

test("short work is done at once", () => {
  const { steps, work } = worker();
  void work("a", 2);
  expect(steps).toEqual(["a", "a"]);
});

test("long work of one partner is done in slices, and other events get a turn after each", async () => {
  const { steps, work } = worker();
  const counts: number[] = [];
  const done = work("a", 9);
  for (let i = 0; i < 4; i++) {
    counts.push(steps.length);
    await nextTurn();
  }
  await done;
  expect(counts).toEqual([2, 4, 6, 8]);
  expect(steps).toHaveLength(9);
});

test("partners take turns, however many works each has", async () => {
  const { steps, work } = worker();
  await Promise.all([work("greedy", 6), work("greedy", 6), work("greedy", 6), work("other", 4)]);
  expect(steps.lastIndexOf("other")).toBeLessThan(12);
  expect(steps).toHaveLength(22);
});

test("owners of one partner take turns", async () => {
  const { steps, work } = worker();
  await Promise.all([work("p", 6, ".a"), work("p", 6, ".a"), work("p", 6, ".a"), work("p", 4, ".b")]);
  expect(steps.lastIndexOf("p.b")).toBeLessThan(12);
  expect(steps).toHaveLength(22);
});

test("work that begins in a turn whose slice is used up waits for a turn of its own", async () => {
  const { steps, work } = worker();
  const done = Promise.all([work("a", 2), work("b", 1)]);
  expect(steps).toEqual(["a", "a"]);
  await done;
  expect(steps).toEqual(["a", "a", "b"]);
});
