import fc from "fast-check";
import { expect, test } from "vitest";
import { VNODES } from "../../src/actors/routing.ts";
import { parseTransferId, TransferIds, transferId } from "../../src/actors/transfer-id.ts";

test("a transfer id gives back its parts, and no other text does", () => {
  const vnode = fc.integer({ min: 0, max: VNODES - 1 });
  const epoch = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 2 ** 40 }));
  const counter = fc.oneof(fc.nat(100_000), fc.integer({ min: 1, max: 2 ** 50 }));
  fc.assert(
    fc.property(vnode, epoch, counter, (...[v, e, c]) => {
      expect(parseTransferId(transferId(v, e, c))).toEqual({ vnode: v, epoch: e, counter: c });
    }),
  );
  for (const text of ["", "tr_", "tr_zz11001", "tr_001100001", "TR_0011001", "tr_0011001'", "tr_00zz001"]) {
    expect(parseTransferId(text), text).toBeUndefined();
  }
});

test("an epoch's ids are counted, without a gap or a repetition, past every change of their high part", () => {
  const ids = new TransferIds(7);
  for (let counter = 1; counter < 100_000; counter++) {
    const vnode = counter % VNODES;
    const id = ids.next(vnode);
    if (id !== transferId(vnode, 7, counter)) expect(id).toBe(transferId(vnode, 7, counter));
  }
  expect(parseTransferId(ids.next(5))).toEqual({ vnode: 5, epoch: 7, counter: 100_000 });
});
