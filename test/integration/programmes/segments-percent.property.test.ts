/** Percentages of segments that are raised and lowered many times. */
import { expect, test } from "vitest";
import {
  changeUser,
  createSegment,
  createUser,
  lowerPercent,
  raisePercent,
} from "../../../src/actors/programmes/segments/acts.ts";
import { drawPosition, lanesOf, shareOf } from "../../../src/actors/programmes/segments/draw.ts";
import { World } from "./segments-world.ts";

function place(id: string): number {
  return drawPosition(lanesOf("AAA"), lanesOf(id));
}

test("a percentage leaves after any changes of it exactly those whom a new draw would select, without those removed by hand", async () => {
  const world = new World();
  const all = Array.from({ length: 400 }, (_, i) => `user-${i}`);
  for (const id of all) {
    world.submit(createUser(id));
  }
  const lowest = (share: number) =>
    all.toSorted((a, b) => place(a) - place(b)).slice(0, shareOf(all.length, share));
  world.submit(createSegment("AAA", await world.draw("AAA", 50)));
  world.finishJobs();
  const removed = new Set<string>();
  // More changes than are kept one by one.
  for (let i = 0; i < 130; i++) {
    const share = 1 + ((i * 37) % 100);
    const from = world.segment("AAA")[0]?.percent ?? null;
    const draw = await world.draw("AAA", share);
    world.submit(
      share < (from ?? 0) ? lowerPercent("AAA", 1, draw, from) : raisePercent("AAA", 1, draw, from),
    );
    world.finishJobs();
    const members = all.filter((id) => world.memberships(id).some(({ slug: name }) => name === "AAA"));
    expect(members.toSorted()).toEqual(
      lowest(share)
        .filter((id) => !removed.has(id))
        .toSorted(),
    );
    const [first] = members;
    if (i % 9 === 0 && first !== undefined) {
      world.submit(changeUser(first, { add: [], remove: ["AAA"] }));
      removed.add(first);
    }
  }
  expect(world.replayed()).toEqual(world.items());
  expect(world.restored()).toEqual(world.items());
  const [roundsOfA] = world
    .items()
    .flat()
    .filter((item) => Array.isArray(item) && item[0] === "segment" && item[3] === "AAA")
    .map((item) => (item as unknown as readonly [unknown[], ...unknown[]])[7] as unknown[]);
  expect(roundsOfA?.length).toBeLessThan(100);
}, 60_000);
