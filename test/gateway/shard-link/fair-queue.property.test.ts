/** For random requests: a flow loses no item and keeps its order, and every waiting flow gets its share. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "../../../src/gateway/shard-link/fair-queue.ts";
import { Flows } from "../../../src/gateway/shard-link/flows.ts";

type Item = Readonly<{ no: number; partner: string; owner: string; cost: number; bytes: number }>;

const PORTION = { cost: 200, bytes: 10_000 };
const COST_MAX = 300;
const IN_HAND_MAX = 500;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("push" as const),
      partner: fc.constantFrom("a", "b", "house"),
      owner: fc.constantFrom("ann", "bob"),
      cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: COST_MAX })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("done" as const) }) },
);

test("each flow's items come out complete and in order, within the bounds of a portion and of work in flight", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const flows = new Flows<Item>(1_000_000);
      const queue = new FairQueue<Item>({ inFlightMax: () => IN_HAND_MAX });
      const flowOf = ({ partner, owner }: Pick<Item, "partner" | "owner">) => flows.find(partner, owner);
      const pushed: Item[] = [];
      const taken: Item[] = [];
      const inFlight: Item[] = [];
      const take = () => {
        const portion = queue.take(PORTION);
        const cost = portion.reduce((sum, item) => sum + item.cost, 0);
        if (portion.length > 1) expect(cost).toBeLessThanOrEqual(PORTION.cost);
        taken.push(...portion);
        inFlight.push(...portion);
        for (const item of portion) expect(flowOf(item).inFlight).toBeLessThan(IN_HAND_MAX + COST_MAX);
        return portion.length;
      };
      const done = () => {
        const item = inFlight.shift();
        if (item !== undefined) queue.done(flowOf(item), item);
      };
      for (const { kind, ...asked } of steps) {
        if (kind === "push" && "cost" in asked) {
          const owner = asked.partner === "house" ? asked.owner : "";
          const item = { ...asked, owner, no: pushed.length, bytes: 1 };
          pushed.push(item);
          flows.take(flowOf(item), 1);
          queue.push(flowOf(item), item);
        } else if (kind === "take") take();
        else done();
      }
      while (taken.length < pushed.length) {
        expect(take() > 0 || inFlight.length > 0).toBe(true);
        done();
      }
      const byFlow = (items: readonly Item[]) =>
        Object.groupBy(items, ({ partner, owner }) => `${partner}/${owner}`);
      expect(byFlow(taken)).toEqual(byFlow(pushed));
      expect([queue.isEmpty, queue.cost]).toEqual([true, 0]);
    }),
  );
});

test("of two flows that always wait, neither falls behind by more than one round and one item", () => {
  const cost = fc.integer({ min: 1, max: COST_MAX });
  fc.assert(
    fc.property(fc.array(fc.tuple(cost, cost), { minLength: 50, maxLength: 200 }), (costs) => {
      const flows = new Flows<Item>(1_000_000);
      const queue = new FairQueue<Item>({ inFlightMax: () => Number.POSITIVE_INFINITY });
      for (const [no, pair] of costs.entries())
        for (const [i, partner] of ["a", "b"].entries())
          queue.push(flows.find(partner, ""), { no, partner, owner: "", cost: pair[i] as number, bytes: 1 });
      const served = { a: 0, b: 0 };
      const remaining = { a: costs.length, b: costs.length };
      for (;;) {
        const portion = queue.take({ cost: 1, bytes: 1_000_000 });
        for (const { partner, cost } of portion) {
          served[partner as "a" | "b"] += cost;
          remaining[partner as "a" | "b"] -= 1;
        }
        if (remaining.a === 0 || remaining.b === 0) break;
        expect(Math.abs(served.a - served.b)).toBeLessThanOrEqual(2 * (COST_MAX + 64));
      }
    }),
  );
});
