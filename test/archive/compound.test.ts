import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACME, ALL, CompoundWorld } from "./compound-world.ts";

let world: CompoundWorld;

beforeEach(() => {
  world = new CompoundWorld();
});
afterEach(() => world.remove());

describe("a pending transfer on one shard", () => {
  it("is in the lists of both its accounts from its creation", () => {
    world.transfer([["alice-0", "bob-0", 10]], { pending: true });
    expect([world.listed("alice-0"), world.listed("bob-0")]).toEqual([["pending 0"], ["pending 0"]]);
    world.write(0, world.compound.post(world.opened, 4, false));
    expect([world.listed("alice-0"), world.listed("bob-0")]).toEqual([["pending 4"], ["pending 4"]]);
    world.write(0, world.compound.post(world.opened, 1, false), world.compound.post(world.opened, 2, true));
    expect([world.listed("alice-0"), world.listed("bob-0")]).toEqual([["posted 7"], ["posted 7"]]);
    expect(world.entries("alice-0")).toEqual([
      [3, -2, -7, "bob-0"],
      [2, -1, -5, "bob-0"],
      [1, -4, -4, "bob-0"],
    ]);
  });

  it("shows its current state to its partner only", () => {
    for (const [end, status] of [
      ["void_transfer", "voided"],
      ["expire_transfer", "expired"],
    ] as const) {
      world.transfer([["alice-0", "bob-0", 10]], { pending: true });
      const open = world.opened;
      const { id } = open.view;
      expect(world.archive.answers.transfer({ ...ACME, id })?.status).toBe("pending");
      world.write(0, world.compound.post(open, 3, false));
      world.write(0, world.compound.end(open, end));
      expect(world.archive.answers.transfer({ ...ACME, id })).toMatchObject({ id, status, postedAmount: 3 });
      expect(world.archive.answers.transfer({ partner: "zen", id })).toBeUndefined();
    }
    expect(world.archive.answers.transfers(ALL).data.map(({ status }) => status)).toEqual([
      "expired",
      "voided",
    ]);
    expect(world.listed("alice-0")).toEqual(["expired 3", "voided 3"]);
  });

  it("keeps its memo when it expires, although the expiry record omits it", () => {
    world.transfer([["alice-0", "bob-0", 10]], { pending: true });
    const { id } = world.opened.view;
    const record = world.compound.end(world.opened, "expire_transfer");
    expect(JSON.stringify(record)).not.toContain("memo");
    world.write(0, record);
    expect(world.archive.answers.transfer({ ...ACME, id })).toMatchObject({ status: "expired", memo: "m" });
    expect(world.archive.answers.transfers(ALL).data).toMatchObject([{ id, status: "expired", memo: "m" }]);
  });

  it("has no entry and counts in no sum until it is posted", () => {
    world.transfer([["alice-0", "bob-0", 10]], { pending: true });
    const sum = (seq: number) => world.archive.answers.sum({ ...ACME, account: "alice-0", seq });
    expect([sum(9), world.entries("alice-0")]).toEqual([{ sum: 0, count: 0 }, []]);
    world.write(0, world.compound.post(world.opened, 4, true));
    expect([sum(0), sum(9), world.entries("alice-0")]).toEqual([
      { sum: 0, count: 0 },
      { sum: -4, count: 1 },
      [[1, -4, -4, "bob-0"]],
    ]);
  });

  it("is also in the lists of accounts without a hold", () => {
    world.transfer(
      [
        ["alice-0", "bob-0", 10],
        ["bob-0", "carol-0", 8],
      ],
      { pending: true },
    );
    expect([world.listed("alice-0"), world.listed("bob-0"), world.listed("carol-0")]).toEqual([
      ["pending 0"],
      ["pending 0"],
      ["pending 0"],
    ]);
    world.write(0, world.compound.post(world.opened, null, true));
    expect([world.listed("alice-0"), world.listed("bob-0"), world.listed("carol-0")]).toEqual([
      ["posted 18"],
      ["posted 18"],
      ["posted 18"],
    ]);
  });
});

describe("a transfer with several postings", () => {
  it("has one entry per posting of an account, in order, and is one item of its list", () => {
    world.transfer([
      ["alice-0", "bob-0", 10],
      ["bob-0", "carol-0", 8],
      ["alice-0", "bob-0", 3],
    ]);
    const expected = [
      [3, 3, 5, "alice-0"],
      [2, -8, 2, "carol-0"],
      [1, 10, 10, "alice-0"],
    ];
    expect(world.entries("bob-0")).toEqual(expected);
    const paged: unknown[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = world.archive.answers.entries({ ...ACME, account: "bob-0", limit: 1, cursor });
      paged.push(...page.data.map(({ seq }) => seq));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(paged).toEqual([3, 2, 1]);
    const lines = world.archive.answers.transfers({ ...ACME, account: "bob-0", limit: 1 });
    expect(lines.data.map(({ postedAmount }) => postedAmount)).toEqual([21]);
    expect(lines.nextCursor).toBeNull();
  });

  it("takes 64 postings, all on two accounts", () => {
    world.transfer(Array.from({ length: 64 }, (_, i) => ["alice-0", "bob-0", i + 1] as const));
    world.transfer([["alice-0", "bob-0", 1]]);
    expect(world.entries("bob-0").map(([seq]) => seq)).toEqual(Array.from({ length: 65 }, (_, i) => 65 - i));
    expect(world.archive.answers.sum({ ...ACME, account: "bob-0", seq: 64 })).toEqual({
      sum: 2_080,
      count: 64,
    });
    expect(world.listed("bob-0")).toEqual(["posted 1", "posted 2080"]);
  });

  it("is once in the list of a system account, although that has a slice on every shard", () => {
    world.transfer([
      ["@issuance", "alice-0", 1],
      ["@issuance", "bob-1", 2],
      ["@issuance", "carol-2", 4],
    ]);
    world.settle();
    expect(world.listed("@issuance")).toEqual(["posted 7"]);
    expect(world.entries("@issuance").map(([, amount]) => amount)).toEqual([-4, -2, -1]);
    world.transfer([
      ["alice-0", "bob-1", 5],
      ["bob-1", "@bank", 2],
      ["carol-2", "@bank", 1],
    ]);
    world.settle();
    expect(world.listed("@bank")).toEqual(["posted 8"]);
  });

  it("is listed for a system account at its first hold, if there is one", () => {
    world.transfer(
      [
        ["alice-0", "@bank", 5],
        ["@bank", "bob-1", 5],
      ],
      { pending: true },
    );
    world.settle();
    expect(world.listed("@bank")).toEqual(["pending 0"]);
    world.write(0, world.compound.post(world.opened, null, true));
    world.settle();
    expect(world.listed("@bank")).toEqual(["posted 10"]);
  });
});

describe("a transfer with parts on other shards", () => {
  const ACROSS = [
    ["alice-0", "carol-2", 10],
    ["bob-1", "carol-2", 20],
  ] as const;

  it("is in the lists of all its accounts as soon as it is created", () => {
    world.transfer(ACROSS, { pending: true });
    world.arrive(1);
    expect([world.listed("alice-0"), world.listed("bob-1"), world.listed("carol-2")]).toEqual([[], [], []]);
    world.arrive(0);
    expect([world.listed("alice-0"), world.listed("bob-1"), world.listed("carol-2")]).toEqual([
      ["pending 0"],
      ["pending 0"],
      ["pending 0"],
    ]);
    world.write(0, world.compound.post(world.opened, null, true));
    expect([world.listed("alice-0"), world.listed("bob-1"), world.listed("carol-2")]).toEqual([
      ["posted 30"],
      ["posted 30"],
      ["posted 30"],
    ]);
    world.settle();
    expect(["alice-0", "bob-1", "carol-2"].map((each) => world.listed(each))).toEqual([
      ["posted 30"],
      ["posted 30"],
      ["posted 30"],
    ]);
    expect(world.entries("carol-2")).toEqual([
      [2, 20, 30, "bob-1"],
      [1, 10, 10, "alice-0"],
    ]);
  });

  it("a failed attempt leaves no trace in lists and entries", () => {
    for (const pending of [true, false]) {
      world.transfer(ACROSS, { pending, fails: true });
      world.settle();
    }
    expect(["alice-0", "bob-1", "carol-2"].map((each) => world.listed(each))).toEqual([[], [], []]);
    expect([world.archive.answers.transfers(ALL).data, world.entries("bob-1")]).toEqual([[], []]);
  });

  it("shows moves on other shards as soon as they are decided", () => {
    world.transfer(ACROSS);
    world.arrive(1);
    world.arrive(0);
    expect([world.listed("alice-0"), world.listed("bob-1")]).toEqual([["posted 30"], ["posted 30"]]);
    world.settle();
    expect([world.listed("bob-1"), world.listed("carol-2")]).toEqual([["posted 30"], ["posted 30"]]);
  });

  it("identifies its parts by sender, receiver and message number, whether credit, portion or release of a hold", () => {
    world.transfer([
      ["alice-0", "bob-1", 1],
      ["alice-0", "carol-2", 2],
    ]);
    world.settle();
    const id = world.compound.posted.at(-1)?.view.id ?? "";
    const part = (to: number, no = 1) => world.archive.answers.part({ id, from: 0, to, no });
    expect([part(1), part(2)].map((found) => found?.at.shard)).toEqual([1, 2]);
    expect([part(0), part(1, 2), world.archive.answers.part({ id, from: 2, to: 1, no: 1 })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    world.transfer(ACROSS, { pending: true });
    world.settle();
    const open = world.opened;
    world.write(0, world.compound.end(open, "void_transfer"));
    world.settle();
    const end = world.archive.answers.part({ id: open.view.id, from: 0, to: 1, no: 2 });
    expect(end?.record.command).toMatchObject({ op: "portion", legs: [] });
    expect(world.listed("bob-1")).toEqual(["voided 0", "posted 3"]);
  });

  it("is listed once for an account that receives it in several captures", () => {
    world.transfer([["alice-0", "bob-1", 10]], { pending: true });
    for (let i = 0; i < 5; i++) {
      world.write(0, world.compound.post(world.opened, 1, false));
      world.settle();
    }
    expect([world.listed("alice-0"), world.listed("bob-1")]).toEqual([["pending 5"], ["pending 5"]]);
    expect(world.entries("bob-1").map(([seq]) => seq)).toEqual([5, 4, 3, 2, 1]);
  });

  it("has the state of its home shard, even if another shard applies older parts late", () => {
    world.transfer([["alice-0", "bob-1", 10]], { pending: true });
    const open = world.opened;
    world.write(0, world.compound.post(open, 3, false));
    world.write(0, world.compound.end(open, "void_transfer"));
    world.settle();
    expect(world.archive.answers.transfer({ ...ACME, id: open.view.id })?.status).toBe("voided");
    expect([world.listed("alice-0"), world.listed("bob-1")]).toEqual([["voided 3"], ["voided 3"]]);
  });

  it("a revert is another transfer", () => {
    world.transfer([["alice-0", "bob-1", 10]]);
    world.settle();
    const original = world.archive.answers.transfers(ALL).data[0];
    world.compound.revert(0, "acme", [{ debit: "bob-1", credit: "alice-0", amount: 10 }], original?.id ?? "");
    world.settle();
    const [back, ...rest] = world.archive.answers.transfers(ALL).data;
    expect(rest).toEqual([original]);
    expect(back).toMatchObject({ status: "posted", postedAmount: 10, reverts: original?.id });
    expect(world.archive.answers.transfer({ ...ACME, id: back?.id ?? "" })).toEqual(back);
    for (const account of ["alice-0", "bob-1"])
      expect(world.archive.answers.transfers({ ...ALL, account }).data).toEqual([back, original]);
    expect(world.entries("alice-0")).toEqual([
      [2, 10, 0, "bob-1"],
      [1, -10, -10, "bob-1"],
    ]);
  });
});

function more(): void {
  world.transfer([
    ["alice-0", "bob-1", 1],
    ["alice-0", "bob-1", 2],
  ]);
  world.transfer([["alice-0", "bob-1", 3]], { pending: true });
  world.write(0, world.compound.post(world.opened, 1, false));
  world.write(0, world.log(0).transfer({ ...ACME, debit: "alice-0", credit: "dora-0", amount: 4 }));
  world.settle();
}

describe("pages of transfers", () => {
  it.each([undefined, "alice-0", "bob-1"])(
    "do not change while more is appended, of account %s",
    (account) => {
      for (let i = 0; i < 5; i++) more();
      const query = { ...ACME, account };
      const all = world.archive.answers.transfers({ ...query, limit: 500 }).data.map(({ id }) => id);
      expect(all).toHaveLength(account === "bob-1" ? 10 : 15);
      const paged: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = world.archive.answers.transfers({ ...query, limit: 2, cursor });
        paged.push(...page.data.map(({ id }) => id));
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
        more();
      }
      expect(paged).toEqual(all);
    },
  );

  it("end early if few transfers have the requested status, and lead on", () => {
    world.transfer([["alice-0", "bob-0", 10]], { pending: true });
    const { id } = world.opened.view;
    const plain = { ...ACME, debit: "alice-0", credit: "bob-0", amount: 1 };
    for (let i = 0; i < 3; i++)
      world.write(0, ...Array.from({ length: 1_000 }, () => world.log(0).transfer(plain)));
    for (const account of [undefined, "alice-0"]) {
      const query = { ...ACME, account, status: "pending", limit: 5 } as const;
      const first = world.archive.answers.transfers(query);
      expect(first.data).toEqual([]);
      const second = world.archive.answers.transfers({ ...query, cursor: first.nextCursor ?? "none" });
      expect(second.data.map((each) => each.id)).toEqual([id]);
      expect(second.nextCursor).toBeNull();
    }
  });
});
