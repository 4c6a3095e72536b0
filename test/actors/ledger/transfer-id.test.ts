import fc from "fast-check";
import { expect, test } from "vitest";
import { VNODES } from "../../../src/actors/ledger/routing.ts";
import { countedTransferId, parseTransferId, TransferIds } from "../../../src/actors/ledger/transfer-id.ts";
import { randomBytes } from "../../../src/random.ts";

const vnodes = fc.integer({ min: 0, max: VNODES - 1 });
const epochs = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 2 ** 40 }));

test("parsing a transfer id returns its vnode and epoch, and rejects other texts", () => {
  fc.assert(
    fc.property(vnodes, epochs, (vnode, epoch) => {
      const id = new TransferIds(epoch, randomBytes).next(vnode);
      expect(parseTransferId(id), id).toEqual({ vnode, epoch });
      for (const other of [
        `${id}0`,
        id.slice(0, -1),
        id.toUpperCase(),
        `${id.slice(0, -1)}w`,
        `${id.slice(0, -1)}'`,
      ])
        expect(parseTransferId(other), other).toBeUndefined();
    }),
    { numRuns: 30 },
  );
  const tail = "0123456789abcdef";
  for (const text of [
    "",
    "tr_",
    `tr_zz11${tail}`,
    `TR_0011${tail}`,
    `tr_00201${tail}`,
    `tr_00zz${tail}`,
    `tr_00${tail}`,
  ])
    expect(parseTransferId(text), text).toBeUndefined();
});

test("an id of an older version, with a counter, is still parsed", () => {
  const counters = fc.oneof(fc.nat(100_000), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
  fc.assert(
    fc.property(vnodes, epochs, counters, (vnode, epoch, counter) => {
      expect(parseTransferId(countedTransferId(vnode, epoch, counter))).toEqual({ vnode, epoch });
    }),
  );
  expect(countedTransferId(10, 1, 1)).toBe("tr_0a11001");
  for (const text of ["tr_zz11001", "tr_001100001", "TR_0011001", "tr_0011001'", "tr_00zz001"])
    expect(parseTransferId(text), text).toBeUndefined();
});

test("ids use each random byte once", () => {
  let drawn = 0;
  const bytes: number[] = [];
  const ids = new TransferIds(7, (count) => {
    const some = Uint8Array.from({ length: count }, () => (drawn++ * 7) % 256);
    bytes.push(...some);
    return some;
  });
  const tails = Array.from({ length: 1000 }, (_, i) => ids.next(i % VNODES).slice(-16)).join("");
  const digits = bytes.slice(0, tails.length).map((byte) => (byte & 31).toString(32));
  expect(tails).toBe(digits.join(""));
});

test("a hundred thousand ids of one vnode differ", () => {
  const ids = new TransferIds(1, randomBytes);
  expect(new Set(Array.from({ length: 100_000 }, () => ids.next(5))).size).toBe(100_000);
});
