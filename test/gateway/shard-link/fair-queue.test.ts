/** Waiting partners are served round-robin by cost, and so are the owners within a partner. */
import { expect, test } from "vitest";
import { FairQueue } from "../../../src/gateway/shard-link/fair-queue.ts";
import { Flows } from "../../../src/gateway/shard-link/flows.ts";

type Item = Readonly<{ name: string; cost: number; bytes: number }>;

const LARGE = { cost: 1_000, bytes: 1_000_000 };

function queueOf(inFlightMax = Number.POSITIVE_INFINITY) {
  const flows = new Flows<Item>(1_000_000);
  const queue = new FairQueue<Item>({ inFlightMax: () => inFlightMax });
  const push = (partner: string, names: readonly string[], cost = 1, owner = "", bytes = 1) => {
    for (const name of names) queue.push(flows.find(partner, owner), { name, cost, bytes });
  };
  const take = (portion = LARGE) => queue.take(portion).map(({ name }) => name);
  return { flows, queue, push, take };
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);

test("requests of a single partner come out at once, in order", () => {
  const { queue, push, take } = queueOf();
  push("a", numbered("a", 500));
  expect(take()).toEqual(numbered("a", 500));
  expect([queue.isEmpty, queue.cost, take()]).toEqual([true, 0, []]);
});

test("a request behind many of another partner is served with the next portion", () => {
  const { push, take } = queueOf();
  push("greedy", numbered("g", 50), 500);
  push("other", ["o0", "o1"]);
  expect(take()).toEqual(["o0", "o1", "g0"]);
  expect(take()).toEqual(["g1", "g2"]);
});

test("two greedy partners get half each, whatever the size of their items", () => {
  const { push, take } = queueOf();
  push("a", numbered("a", 1_000), 1);
  push("b", numbered("b", 100), 50);
  const served = [...take(), ...take()];
  const costOfA = served.filter((name) => name.startsWith("a")).length;
  const costOfB = 50 * served.filter((name) => name.startsWith("b")).length;
  expect(costOfA + costOfB).toBeGreaterThan(1_800);
  expect(Math.abs(costOfA - costOfB)).toBeLessThan(200);
});

test("a partner with many owners gets no more than one without, and its owners get equal shares", () => {
  const { push, take } = queueOf();
  for (const owner of ["ann", "bob", "eve"]) push("platform", numbered(owner, 400), 1, owner);
  push("acme", numbered("acme", 1_000));
  const served = [...take(), ...take()];
  const count = (name: string) => served.filter((each) => each.startsWith(name)).length;
  expect(Math.abs(count("acme") - 1_000)).toBeLessThan(100);
  for (const owner of ["ann", "bob", "eve"]) expect(Math.abs(count(owner) - 333)).toBeLessThan(65);
});

test("a portion ends at its cost or bytes; one item may exceed them", () => {
  const { push, take } = queueOf();
  push("a", ["a0", "a1"], 1, "", 600_000);
  push("a", ["a2"], 5_000);
  push("a", ["a3"]);
  expect([take(), take(), take(), take()]).toEqual([["a0"], ["a1"], ["a2"], ["a3"]]);
});

test("a flow with too much in flight is paused until some is done, and delays no other flow", () => {
  const { flows, queue, push, take } = queueOf(100);
  push("a", numbered("a", 5), 60);
  push("b", ["b0"]);
  expect(take().toSorted()).toEqual(["a0", "a1", "b0"]);
  expect([queue.isEmpty, take()]).toEqual([true, []]);
  const flow = flows.find("a", "");
  queue.done(flow, { name: "a0", cost: 60, bytes: 1 });
  expect(take()).toEqual(["a2"]);
  push("a", ["a5"], 1);
  expect(queue.drain().map(({ name }) => name)).toEqual(["a3", "a4", "a5"]);
  expect([queue.isEmpty, queue.cost]).toEqual([true, 0]);
});
