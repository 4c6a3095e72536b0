/** Which vnode decides each command, and under which owner key its idempotency key is stored. */
import { describe, expect, test } from "vitest";
import { keyScope } from "../../../src/actors/idempotency/key-table.ts";
import {
  aliasScopeOf,
  haveSameKey,
  homeOwnerOf,
  isKeyOf,
  isPlain,
  legacyScopeOf,
  originOf,
  revertOwnerOf,
  scopeOf,
  vnodeOfCommand,
} from "../../../src/actors/ledger/command-home.ts";
import { vnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Command } from "../../../src/actors/records/command.ts";

const header = { partner: "p", key: "k", fingerprint: 1 } as const;
const details = { memo: null, metadata: null, occurredAtMs: null } as const;
const act = { programme: "loyalty", act: "accrual", subject: "points:ann/x" } as const;
const sides = { debit: "a/1", credit: "b/1", amount: 1, vnode: 77 } as const;
const kind = { available: false, pending: false, timeoutMs: null, vnode: 77 } as const;
const posting = { debit: "a/1", credit: "b/1", amount: 1 };
const id = "tr_0911001";
const account = {
  op: "create_account",
  ...header,
  asset: "PTS/0",
  floor: null,
  ceiling: null,
  metadata: null,
} as const;

const plainTransfer = { op: "transfer", ...header, ...details, ...sides } as const;
const compound = { op: "compound_transfer", ...header, ...details, ...kind, postings: [posting] } as const;
const post = { op: "post_transfer", ...header, id, amount: null, final: false, settled: null } as const;
const revert = { op: "revert_transfer", ...header, id, original: null, vnode: 78 } as const;
const tick = { op: "tick", ...header } as const;

/** Expected owner key and vnode of each command; without a vnode, that of the owner key. */
const HOMES: readonly (readonly [name: string, command: Command, owner: string, vnode?: number])[] = [
  ["a transfer", plainTransfer, "a", 77],
  ["a transfer from a system account", { ...plainTransfer, debit: "@x" }, "b", 77],
  ["a transfer between system accounts", { ...plainTransfer, debit: "@x", credit: "@y" }, "k", 77],
  ["a transfer with an act", { ...plainTransfer, act }, "points:ann", 77],
  ["a compound transfer", compound, "a", 77],
  ["a compound transfer with an act", { ...compound, act }, "points:ann", 77],
  ["a post of an older version", post, `#${id}`, 9],
  ["a post", { ...post, owner: "o" }, "o", 9],
  ["a post with a malformed transfer id", { ...post, id: "x", owner: "o" }, "o", 0],
  ["a void", { op: "void_transfer", ...header, id, owner: "o", settled: null }, "o", 9],
  ["a revert", { ...revert, owner: "o" }, "o", 78],
  ["a tick", tick, ""],
  ["a tick for an owner", { ...tick, owner: "o" }, "o"],
  ["a tick for a vnode", { ...tick, owner: "o", vnode: 5 }, "o", 5],
  ["a new account", { ...account, id: "c/2" }, "c"],
  ["a change of an account", { op: "update_account", ...header, id: "c/2" }, "c"],
  ["a status of an account", { op: "set_account_status", ...header, id: "c/2", action: "close" }, "c"],
  ["an act", { op: "act", ...header, act }, "points:ann"],
  ["an act for a vnode", { op: "act", ...header, act: { ...act, vnode: 6 } }, "points:ann", 6],
  ["a credit", { op: "credit", ...header, ...details, ...posting, id, createdAtMs: 0, from: 0, no: 1 }, "b"],
  ["a key of a partner", { op: "revoke_key", ...header, keyId: "key_1" }, ""],
];

const TABLE = HOMES.map(([name, command, owner, vnode = vnodeOf("p", owner)]) => {
  return { name, command, owner, vnode };
});

test.each(TABLE)("$name is decided on its home vnode, and its key belongs to its owner key", (row) => {
  const { command, owner, vnode } = row;
  expect(homeOwnerOf(command)).toBe(owner);
  expect(vnodeOfCommand(command)).toBe(vnode);
  expect(scopeOf(command, "k")).toBe(keyScope("p", owner, "k"));
});

test("the origin of a transfer and the owner that decides its revert do not depend on a changed credit account", () => {
  const postings = [posting, { debit: "c/1", credit: "d/1", amount: 1 }];
  expect(originOf({ postings })).toEqual({ owner: "a", act: null });
  expect(originOf({ postings, act })).toEqual({ owner: "a", act });
  expect(revertOwnerOf({ postings })).toBe("d");
  expect(revertOwnerOf({ postings: [{ ...posting, credit: "@x" }] })).toBe("a");
  expect(revertOwnerOf({ postings, act })).toBe("points:ann");
});

test("isPlain separates commands that one shard decides alone from those that may need other shards", () => {
  for (const [, command] of HOMES) {
    const { op } = command;
    const isCompound = op === "tick" || /^(compound|post|void|revert)_transfer$/.test(op);
    expect(isPlain(command), op).toBe(!isCompound);
  }
  const rest = { ...header, id };
  for (const op of ["expire_transfer", "release"] as const) expect(isPlain({ op, ...rest })).toBe(false);
  for (const op of ["reserve", "portion"] as const) expect(isPlain({ op } as Command)).toBe(false);
});

describe("an idempotency key", () => {
  test("of a post, void or revert belongs to the transfer in older records", () => {
    const legacy = keyScope("p", `#${id}`, "k");
    for (const command of [post, revert, { op: "void_transfer", ...header, id, settled: null } as const]) {
      expect(legacyScopeOf({ ...command, owner: "o" }, "k")).toBe(legacy);
      expect(legacyScopeOf(command, "k")).toBeUndefined();
      expect(haveSameKey(command, { ...command, owner: "o" })).toBe(true);
    }
    expect(legacyScopeOf(plainTransfer, "k")).toBeUndefined();
  });

  test("can have a second owner, under which retries find it", () => {
    const alone = { op: "act", ...header, act: { ...act, aliasOwner: "#cr" } } as const;
    const moving = { ...plainTransfer, act: { ...act, aliasOwner: "#cr" } };
    for (const command of [alone, moving]) {
      expect(aliasScopeOf(command, "k")).toBe(keyScope("p", "#cr", "k"));
      expect([isKeyOf(command, "#cr"), isKeyOf(command, "points:ann"), isKeyOf(command, "ann")]).toEqual([
        true,
        true,
        false,
      ]);
    }
    for (const command of [plainTransfer, compound, { ...alone, act }])
      expect(aliasScopeOf(command, "k")).toBeUndefined();
  });

  test("matches only with the same partner, op, key text and owner", () => {
    const others: readonly Command[] = [
      { ...plainTransfer, partner: "q" },
      { ...plainTransfer, key: "other" },
      { ...plainTransfer, debit: "c" },
      compound,
    ];
    expect(haveSameKey(plainTransfer, { ...plainTransfer, amount: 9 })).toBe(true);
    for (const other of others) expect(haveSameKey(plainTransfer, other)).toBe(false);
  });
});
