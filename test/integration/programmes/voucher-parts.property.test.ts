/** Offers that several shards define at once, and voucher codes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { VNODES } from "../../../src/actors/ledger/routing.ts";
import type { Offer } from "../../../src/actors/programmes/vouchers/acts.ts";
import { codeOf, makeCode, vnodeOfCode } from "../../../src/actors/programmes/vouchers/codes.ts";
import { Offers } from "../../../src/actors/programmes/vouchers/offers.ts";
import { randomBytes } from "../../../src/random.ts";

const percent = fc.integer({ min: 1, max: 10_000 });
const amount = fc.record({
  amount: fc.integer({ min: 1, max: 3 }),
  asset: fc.constantFrom("USD/2", "EUR/2"),
});
const discount = fc.oneof(percent, amount);

test("concurrent definitions of an offer converge on all shards", () => {
  const SHARDS = 3;
  const event = fc.record({ shard: fc.nat(SHARDS - 1), from: fc.nat(SHARDS - 1), discount });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80, size: "max" }), (events) => {
      const shards = Array.from({ length: SHARDS }, (_, shard) => new Offers(shard));
      const onTheWay = shards.map(() => shards.map((): Offer[] => []));
      const deliver = (from: number, to: number) => {
        const delivered = onTheWay[from]?.[to]?.shift();
        if (delivered !== undefined) shards[to]?.put(delivered, 0);
      };
      for (const { shard, from, discount: worth } of events) {
        // Each step delivers a broadcast or defines a new version.
        if (from !== shard) deliver(from, shard);
        else {
          const defined = shards[shard]?.define("o", worth) as Offer;
          shards[shard]?.put(defined, 0);
          for (const [to, queue] of (onTheWay[shard] ?? []).entries()) if (to !== shard) queue.push(defined);
        }
      }
      for (let from = 0; from < SHARDS; from++)
        for (let to = 0; to < SHARDS; to++) while (onTheWay[from]?.[to]?.length) deliver(from, to);
      const seen = shards.map((offers) => offers.get("o"));
      for (const each of seen) expect(each).toEqual(seen[0]);
    }),
  );
});

test("a code contains its vnode, has no look-alike characters, and is read in any case", () => {
  for (let vnode = 0; vnode < VNODES; vnode++) {
    const code = makeCode(vnode, randomBytes);
    expect(code).toMatch(/^[2-9A-HJ-NP-Z]{14}$/);
    expect(vnodeOfCode(code)).toBe(vnode);
    expect(codeOf(code.toLowerCase())).toBe(code);
  }
  for (const bad of ["", "short", "0".repeat(14), "O".repeat(14), "1".repeat(14), "2".repeat(15)])
    expect(codeOf(bad)).toBeUndefined();
  const all = new Set([...Array(2_000)].flatMap(() => makeCode(0, randomBytes).slice(2).split("")));
  expect(all.size).toBe(32);
});
