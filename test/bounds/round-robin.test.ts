import { expect, test } from "vitest";
import { RoundRobin } from "../../src/bounds/round-robin.ts";

/** The names of items are a partner, an owner and a number. */
function filled(names: readonly string[]): RoundRobin<string> {
  const waiting = new RoundRobin<string>();
  for (const name of names) waiting.push(name.charAt(0), name.charAt(1), name);
  return waiting;
}

function drain(waiting: RoundRobin<string>): readonly string[] {
  const taken: string[] = [];
  for (let item = waiting.take(); item !== undefined; item = waiting.take()) taken.push(item);
  return taken;
}

test("partners take turns, and owners within a partner; items of one owner keep their order", () => {
  const waiting = filled(["ax0", "ax1", "ax2", "ay0", "bx0", "bx1"]);
  expect([waiting.size, waiting.sizeOf("a"), waiting.sizeOfOwner("a", "x")]).toEqual([6, 4, 3]);
  expect(drain(waiting)).toEqual(["ax0", "bx0", "ay0", "bx1", "ax1", "ax2"]);
  expect([waiting.size, waiting.sizeOf("a"), waiting.sizeOfOwner("a", "x")]).toEqual([0, 0, 0]);
});

test("an owner whose first item may not be taken keeps its turn", () => {
  const waiting = filled(["ax0", "ay0", "bx0"]);
  expect(waiting.take((name) => !name.startsWith("ax"))).toBe("ay0");
  expect(waiting.take(() => false)).toBeUndefined();
  expect(drain(waiting)).toEqual(["bx0", "ax0"]);
});

test("nothing is left after it was cleared", () => {
  const waiting = filled(["ax0", "bx0"]);
  waiting.clear();
  expect([waiting.size, waiting.take()]).toEqual([0, undefined]);
});
