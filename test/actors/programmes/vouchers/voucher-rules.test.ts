/** What refuses an act about vouchers, the places of offers and batches, and what vouchers take in memory. */
import { expect, test } from "vitest";
import type { ScheduledCommand } from "../../../../src/actors/programmes/programme.ts";
import { SETTLED_KEPT_MS } from "../../../../src/actors/programmes/settled-items.ts";
import {
  askOffer,
  askOwner,
  askVoucher,
  customerSubject,
  keyOfPerson,
  type VoucherEffect,
} from "../../../../src/actors/programmes/vouchers/acts.ts";
import { Batches, partOf, sizeOf } from "../../../../src/actors/programmes/vouchers/batches.ts";
import { codeOf, makeCode, vnodeOfCode } from "../../../../src/actors/programmes/vouchers/codes.ts";
import { Offers } from "../../../../src/actors/programmes/vouchers/offers.ts";
import { bytesOfUses, REDEMPTIONS_KEPT, unusedOf } from "../../../../src/actors/programmes/vouchers/uses.ts";
import { ANN, PARTNER, Shop } from "../voucher-fixture.ts";

const USD = { amount: 500, asset: "USD/2" } as const;
const BOB = "bob@x";

test("an amount is another discount if its number or its asset differs", () => {
  const shop = new Shop();
  const versions = [USD, { ...USD }, { ...USD, amount: 501 }, { ...USD, asset: "EUR/2" }, 500, 500, USD].map(
    (discount) => {
      shop.put("o", discount);
      return shop.ask(askOffer("o"))?.version;
    },
  );
  expect(versions).toEqual([1, 1, 2, 3, 4, 4, 5]);
});

test("of two definitions of an offer the later version counts, or that of the higher shard", () => {
  const offer = { name: "o", discount: 5, pricing: "live", version: 2, shard: 1 } as const;
  const offers = new Offers(1);
  offers.put(offer, 1);
  for (const older of [
    { ...offer, version: 1, shard: 9 },
    { ...offer, shard: 0 },
    { ...offer, discount: 9 },
  ])
    offers.put(older, 2);
  expect(offers.get("o")).toBe(offer);
  for (const newer of [
    { ...offer, shard: 2 },
    { ...offer, version: 3, shard: 0 },
  ]) {
    offers.put(newer, 2);
    expect(offers.get("o")).toBe(newer);
  }
  expect(offers.define("o", 5)).toBe(offers.get("o"));
  expect(offers.define("o", 5, "snapshot")).toEqual({ ...offer, pricing: "snapshot", version: 4, shard: 1 });
  expect(offers.define("new", 5)).toEqual({ ...offer, name: "new", version: 1, shard: 1 });
});

test("a voucher is known to its own customer, and its code alone leads to that customer", () => {
  const shop = new Shop();
  for (const email of [ANN, BOB]) shop.customer(email, "A");
  const { code } = shop.issue(ANN, "o", 500) as VoucherEffect<"issue">;
  expect(shop.ask(askVoucher(BOB, code))).toBeNull();
  expect(shop.ask(askOwner(code))).toEqual({ email: ANN, name: "A", createdAtMs: shop.run.nowMs });
  expect(shop.ask(askOwner("none"))).toBeNull();
  for (const act of ["redeem", "rollback", "cancel"] as const)
    expect(shop.use(act, BOB, code)).toEqual(["voucher_not_found", null]);
  expect(shop.customer(ANN)).toEqual(["customer_exists", ANN]);
  expect(shop.issue("none@x", "new", 500)).toEqual(["customer_not_found", "none@x"]);
  expect(shop.ask(askOffer("new"))).toBeNull();
});

test("a voucher is cancelled once, until the millisecond of its expiry, with all its uses or some", () => {
  const shop = new Shop();
  shop.customer(ANN);
  const codes = [1, 2].map(() => (shop.issue(ANN, "o", 500, 100, 2) as VoucherEffect<"issue">).code);
  const [first = "", second = ""] = codes;
  const createdAtMs = shop.run.nowMs;
  shop.use("redeem", ANN, first);
  shop.run.nowMs += 99;
  const terms = { offer: "o", discount: 500, expiresAtMs: createdAtMs + 100, createdAtMs };
  expect(shop.use("cancel", ANN, first)).toEqual({
    ...terms,
    cancelledAtMs: createdAtMs + 99,
    usesMax: 2,
    usesLeft: 1,
    usedAtMs: createdAtMs,
  });
  expect(shop.use("cancel", ANN, first)).toEqual(["voucher_cancelled", first]);
  shop.run.nowMs += 1;
  expect(shop.use("cancel", ANN, second)).toEqual(["voucher_expired", second]);
  expect(shop.use("redeem", ANN, second)).toEqual(["voucher_expired", second]);
});

test("subjects and keys are taken from an e-mail and from encrypted data", () => {
  expect(customerSubject("a/b/c")).toBe("customer:a%2Fb%2Fc");
  expect(keyOfPerson("0a0b-12:se:aled")).toBe("0a0b-12");
});

test("a code has its vnode in the first two characters, and is read in any letter case", () => {
  const code = makeCode(1_023, (bytes) => Uint8Array.from({ length: bytes }, (_, i) => 31 - i));
  expect(code).toBe("ZZZYXWVUTSRQPN");
  expect(vnodeOfCode(code)).toBe(1_023);
  expect(vnodeOfCode(makeCode(33, (bytes) => new Uint8Array(bytes)))).toBe(33);
  expect(codeOf(code.toLowerCase())).toBe(code);
  for (const text of [`${code}Z`, code.slice(1), `O${code.slice(1)}`, `1${code.slice(1)}`, "", ` ${code}`])
    expect(codeOf(text), text).toBeUndefined();
});

/** Batches, and what they have scheduled. */
function batchesWith(scheduled: Set<ScheduledCommand>) {
  const batches = new Batches({
    add: (item) => void scheduled.add(item),
    remove: (item) => void scheduled.delete(item),
  });
  const add = (id: string, runAtMs: number, recipients: number | readonly number[] = 3) => {
    const order = { offer: "o", expiresAtMs: 999, runAtMs };
    batches.add({
      partner: "acme",
      id,
      order,
      recipients,
      issued: 0,
      skipped: 0,
      isDone: false,
      endsAtMs: runAtMs,
    });
    const batch = batches.get("acme", id);
    if (batch === undefined) throw new Error("it was added");
    return batch;
  };
  return { batches, add };
}

test("one portion is scheduled at a time: of the batch that is due first, and 1 ms after the one before", () => {
  const scheduled = new Set<ScheduledCommand>();
  const { batches, add } = batchesWith(scheduled);
  const next = () => Array.from(scheduled, ({ id, endsAtMs }) => [id.split("\0")[1], endsAtMs]);
  add("late", 20);
  expect(next()).toEqual([["late", 20]]);
  const early = add("early", 10, [4, 5, 6]);
  expect(next()).toEqual([["early", 10]]);
  expect(partOf(early, 9)).toEqual({
    requested: 3,
    issued: 0,
    isDone: false,
    isScheduled: true,
    runAtMs: 10,
  });
  batches.issued(early, 1, 2, 10);
  expect(next()).toEqual([["early", 11]]);
  expect(partOf(early, 10)).toEqual({
    requested: 3,
    issued: 1,
    isDone: false,
    isScheduled: false,
    runAtMs: 10,
  });
  batches.issued(early, 1, 1, 20);
  expect(early).toMatchObject({ issued: 2, skipped: 1, isDone: true, recipients: 3 });
  expect(next()).toEqual([["late", 21]]);
  expect([sizeOf(7), sizeOf([1, 2])]).toEqual([7, 2]);
});

test("a partner has at most 100 batches that are not done", () => {
  const { batches, add } = batchesWith(new Set());
  expect(batches.isFullFor("acme")).toBe(false);
  for (let i = 0; i < 99; i++) add(`b${i}`, 5, 0);
  expect(batches.isFullFor("acme")).toBe(false);
  const last = add("last", 5, 0);
  expect([batches.isFullFor("acme"), batches.isFullFor("other")]).toEqual([true, false]);
  batches.issued(last, 0, 0, 5);
  expect(batches.isFullFor("acme")).toBe(false);
});

test("several uses take memory for the redemptions that are kept, counted when the voucher is issued", () => {
  expect(bytesOfUses(unusedOf(1))).toBe(0);
  const [two, three] = [2, 3].map((max) => bytesOfUses(unusedOf(max))) as [number, number];
  const [kept, more] = [REDEMPTIONS_KEPT, REDEMPTIONS_KEPT + 1].map((max) => bytesOfUses(unusedOf(max)));
  expect(kept).toBe(two + (REDEMPTIONS_KEPT - 2) * (three - two));
  expect(more).toBe(kept);
});

test("what vouchers take in memory is given back with them", () => {
  const shop = new Shop();
  const bytes = () => shop.run.ledger.state.book(PARTNER).usage.bytes;
  shop.customer(ANN);
  shop.put("o", 500);
  const before = bytes();
  const { code } = shop.issue(ANN, "o", null) as VoucherEffect<"issue">;
  const more = [1, 1, 5].map((usesMax) => {
    const so = bytes();
    shop.issue(ANN, "o", null, 100, usesMax);
    return bytes() - so;
  });
  const [one = 0] = more;
  expect(more).toEqual([one, one, one + bytesOfUses(unusedOf(5))]);
  expect(one).toBeGreaterThan(300);
  shop.use("redeem", ANN, code);
  shop.run.nowMs += SETTLED_KEPT_MS + 1_000_000;
  shop.run.end();
  expect(shop.ask(askVoucher(ANN, code))).toBeNull();
  expect(bytes()).toBe(before);
});
