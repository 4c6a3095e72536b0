import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACME, CompoundWorld } from "./compound-world.ts";

let world: CompoundWorld;

beforeEach(() => {
  world = new CompoundWorld();
});
afterEach(() => world.remove());

/** Status, floor, posted, held and seq at every millisecond from 999 on. */
function history(account: string, until: number): readonly unknown[] {
  return Array.from({ length: until - 998 }, (_, i) => {
    const view = world.archive.answers.accountAt({ ...ACME, account, atMs: 999 + i });
    return view && [view.status, view.floor, view.posted, view.held, view.seq];
  });
}

describe("an account in the past", () => {
  it("reflects all records logged up to that time", () => {
    world.write(0, world.log(0).created("acme", "alice-0"));
    world.write(0, world.log(0).transfer({ ...ACME, debit: "@issuance", credit: "alice-0", amount: 50 }));
    world.transfer([["alice-0", "bob-0", 10]], { pending: true });
    world.write(0, world.log(0).changed("acme", "alice-0", 4));
    world.write(0, world.compound.post(world.opened, 3, false));
    world.write(
      0,
      world.log(0).changed("acme", "alice-0", 5),
      world.compound.end(world.opened, "void_transfer"),
    );
    world.write(0, world.log(0).created("acme", "bob-0"));
    expect(history("alice-0", 1_006)).toEqual([
      undefined,
      ["open", 0, 0, 0, 0],
      ["open", 0, 50, 0, 1],
      ["open", 0, 50, 10, 1],
      ["open", -4, 50, 10, 1],
      ["open", -4, 47, 7, 2],
      ["frozen", 0, 47, 0, 2],
      ["frozen", 0, 47, 0, 2],
    ]);
    expect(history("bob-0", 1_006).map((each) => each !== undefined)).toEqual([
      ...Array.from({ length: 7 }, () => false),
      true,
    ]);
    expect(
      world.archive.answers.accountAt({ partner: "zen", account: "alice-0", atMs: 2_000 }),
    ).toBeUndefined();
  });

  it("reflects the last of several moves of one record, and log order among equal times", () => {
    const log = world.log(0);
    const created = log.created("acme", "alice-0");
    const spent = world.compound.transfer("acme", [
      { debit: "@issuance", credit: "alice-0", amount: 9 },
      { debit: "alice-0", credit: "bob-0", amount: 4 },
    ]);
    const held = world.compound.transfer("acme", [{ debit: "alice-0", credit: "bob-0", amount: 2 }], {
      pending: true,
    });
    world.write(0, created, spent, held);
    expect(history("alice-0", 1_000)).toEqual([undefined, ["open", 0, 5, 2, 2]]);
  });

  it("includes amounts held for other shards", () => {
    world.write(1, world.log(1).created("acme", "bob-1"));
    world.transfer(
      [
        ["alice-0", "carol-2", 1],
        ["bob-1", "carol-2", 2],
      ],
      { fails: true },
    );
    world.arrive(1);
    const at = world.log(1).timeMs;
    expect(world.archive.answers.accountAt({ ...ACME, account: "bob-1", atMs: at })).toMatchObject({
      held: 2,
    });
    world.settle();
    const now = world.archive.answers.accountAt({ ...ACME, account: "bob-1", atMs: world.log(1).timeMs });
    expect(now).toMatchObject({ posted: 0, held: 0, seq: 0 });
  });
});
