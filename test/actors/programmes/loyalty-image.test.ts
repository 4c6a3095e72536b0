import { expect, it } from "vitest";
import type { LoyaltyAct, LoyaltyEffect } from "../../../src/actors/programmes/loyalty/acts.ts";
import { Loyalty } from "../../../src/actors/programmes/loyalty/loyalty.ts";
import type { ProgrammeContext } from "../../../src/actors/programmes/programme.ts";

function newLoyalty(): Loyalty {
  const scheduler = { add: () => undefined, remove: () => undefined };
  const context: ProgrammeContext = {
    shard: 0,
    shards: 1,
    account: () => undefined,
    random: (bytes) => new Uint8Array(bytes),
    scheduler,
  };
  return new Loyalty(context);
}

const names = { programme: "loyalty", subject: "points:ann" } as const;

it("the snapshot item of a member contains the history of its lots only if there is any", () => {
  const loyalty = newLoyalty();
  const apply = (act: LoyaltyAct, effect: LoyaltyEffect, amount: number, transfer: string | null) =>
    loyalty.apply(act, effect, { partner: "acme", timeMs: 1, transfer, amount });
  const images = () => [...loyalty.items()].filter(([kind]) => kind === "member");
  apply({ ...names, act: "create_member", name: null }, null, 0, null);
  expect(images()[0]).toHaveLength(7);
  apply({ ...names, act: "delete_member" }, null, 0, null);
  apply({ ...names, act: "create_member", name: null }, { since: 4 }, 0, null);
  for (const lot of ["a", "b"]) apply({ ...names, act: "accrual", expiresAtMs: 9 }, null, 10, lot);
  const expired: LoyaltyEffect = { lots: [["a", 10, 9]], ended: "a" };
  apply({ ...names, act: "expiry", lot: "a" }, expired, 10, "x");
  const undone: LoyaltyEffect = { lots: [["b", 10, 9]], undone: "b" };
  apply({ ...names, act: "take_back", of: "accrual", lots: [], lot: "b" }, undone, 10, "y");
  expect(images()).toEqual([["member", "acme", "ann", null, 1, [10, 0, 10], [], 4, [["a", 10]], ["b"]]]);
  const restored = newLoyalty();
  for (const item of loyalty.items()) restored.restore(item);
  expect([...restored.items()]).toEqual([...loyalty.items()]);
});
