/** Names that can be taken once, and what a shard still knows of them once it has forgotten the oldest. */
import { expect, test } from "vitest";
import { Claims } from "../../../../src/actors/ledger/limits/claims.ts";

const at = (epoch: number, seq: number) => ({ epoch, seq });

test("a name that nobody has taken is free, and certainly so while nothing was forgotten", () => {
  const claims = new Claims(2);
  expect(claims.takenBy("a")).toBeUndefined();
  expect(claims.isUncertain("a")).toBe(false);
  expect([claims.size, claims.forgotten]).toEqual([0, at(0, 0)]);
});

test("a name is taken once, and the shard says by whom", () => {
  const claims = new Claims(2);
  claims.take("a", "tr_1", at(1, 5));
  expect(claims.takenBy("a")).toBe("tr_1");
  expect(claims.isUncertain("a")).toBe(false);
  expect(() => claims.take("a", "tr_2", at(1, 6))).toThrow("taken once");
  expect([...claims.all()]).toEqual([["a", { by: "tr_1", ...at(1, 5) }]]);
});

test("the oldest name is forgotten when one more than the bound is taken, not before", () => {
  const claims = new Claims(2);
  claims.take("a", "1", at(1, 5));
  claims.take("b", "2", at(1, 6));
  expect([claims.size, claims.forgotten]).toEqual([2, at(0, 0)]);
  claims.take("c", "3", at(2, 1));
  expect([claims.size, claims.forgotten]).toEqual([2, at(1, 5)]);
  expect([...claims.all()].map(([name]) => name)).toEqual(["b", "c"]);
  expect(claims.takenBy("a")).toBeUndefined();
});

test.each([
  ["nothing was asked", undefined, true],
  ["the archive had read less than what was forgotten", { ...at(1, 4), by: null }, true],
  ["the archive had read an earlier epoch only", { ...at(0, 9), by: null }, true],
  ["the archive had read all that was forgotten", { ...at(1, 5), by: null }, false],
  ["the archive had read more", { ...at(2, 0), by: null }, false],
  ["the archive knows who has taken it", { ...at(1, 4), by: "1" }, false],
])("a forgotten name, where %s: uncertain is %s", (_, seen, isUncertain) => {
  const claims = new Claims(1);
  claims.take("a", "1", at(1, 5));
  claims.take("b", "2", at(1, 6));
  expect(claims.isUncertain("a", seen)).toBe(isUncertain);
  expect(claims.takenBy("a", seen)).toBe(seen?.by ?? undefined);
});

test("what the shard remembers outranks what the archive has said", () => {
  const claims = new Claims(1);
  claims.take("a", "mine", at(1, 5));
  expect(claims.takenBy("a", { ...at(1, 9), by: "other" })).toBe("mine");
});

test("a name that was taken without a transfer is taken by nobody in particular, and taken all the same", () => {
  const claims = new Claims(2);
  claims.take("a", "", at(1, 5));
  expect(claims.takenBy("a")).toBe("");
  expect(claims.isUncertain("a")).toBe(false);
});

test("restored names stand where the image says, in images of older versions where the image itself stands", () => {
  const claims = new Claims(2);
  claims.beginRestore(at(3, 7));
  claims.restoreForgotten(at(1, 1));
  claims.restore("a", "1", at(2, 2));
  claims.restore("b", "2");
  expect([...claims.all()]).toEqual([
    ["a", { by: "1", ...at(2, 2) }],
    ["b", { by: "2", ...at(3, 7) }],
  ]);
  expect(claims.forgotten).toEqual(at(1, 1));
  expect(claims.isUncertain("c")).toBe(true);
  claims.take("c", "3", at(3, 8));
  expect(claims.forgotten).toEqual(at(2, 2));
});
