import { expect, test } from "vitest";
import {
  homeOwnerOfTransfer,
  ownerKeyOf,
  shardOfVnode,
  VNODES,
  vnodeOf,
} from "../../../src/actors/ledger/routing.ts";

test("the hash never changes, so that accounts stay on the vnodes of existing logs", () => {
  expect([vnodeOf("acme", "alice"), vnodeOf("acme", "bob"), vnodeOf("", "")]).toMatchInlineSnapshot(`
    [
      476,
      199,
      795,
    ]
  `);
});

test("the hash separates partner and owner key", () => {
  expect(vnodeOf("ab", "c")).not.toBe(vnodeOf("a", "bc"));
});

test("owners spread evenly over the vnodes", () => {
  const counts = new Array<number>(VNODES).fill(0);
  for (let i = 0; i < 100 * VNODES; i++) {
    const vnode = vnodeOf("acme", `user-${i}`);
    counts[vnode] = (counts[vnode] ?? 0) + 1;
  }
  // 100 on average, a standard deviation of 10.
  expect(Math.max(...counts)).toBeLessThan(160);
  expect(Math.min(...counts)).toBeGreaterThan(50);
});

test("every vnode belongs to one shard, and vnodes are spread evenly over shards", () => {
  for (const shards of [1, 2, 3, 7, 64]) {
    const owned = new Array<number>(shards).fill(0);
    for (let vnode = 0; vnode < VNODES; vnode++) {
      const shard = shardOfVnode(vnode, shards);
      owned[shard] = (owned[shard] ?? 0) + 1;
    }
    expect(Math.min(...owned)).toBeGreaterThanOrEqual(Math.floor(VNODES / shards));
  }
});

test("a transfer's home owner is that of its debit account, else of its credit account, else its key", () => {
  for (const id of ["alice", "alice/points", "alice/a/b"]) expect(ownerKeyOf(id)).toBe("alice");
  expect(ownerKeyOf("/points")).toBe("");
  expect(homeOwnerOfTransfer("alice/points", "bob", "k")).toBe("alice");
  expect(homeOwnerOfTransfer("@issuance", "bob/points", "k")).toBe("bob");
  expect(homeOwnerOfTransfer("@issuance", "@bank", "k")).toBe("k");
});
