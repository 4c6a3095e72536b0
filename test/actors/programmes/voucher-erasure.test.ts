/** Customers whose personal data is encrypted, and their erasure. */
import { expect, test } from "vitest";
import { SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  askBatch,
  askCount,
  askCustomer,
  askCustomers,
  askPlaces,
  askVoucher,
  customerSubject,
  type VoucherAct,
  type VoucherEffect,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { VOUCHER_EVENTS } from "../../../src/actors/programmes/vouchers/events.ts";
import { Vouchers } from "../../../src/actors/programmes/vouchers/vouchers.ts";
import { of, PARTNER, Shop } from "./voucher-fixture.ts";

const ANN = "~ann";
const BOB = "~bob";

function create(shop: Shop, email: string, key: string): unknown {
  const act = of("create_customer", customerSubject(email));
  return shop.do({ ...act, email, name: null, person: `0a0b0c0d-${key}:sealed` });
}

function erase(shop: Shop, email: string): unknown {
  return shop.do({ ...of("erase_customer", customerSubject(email)), email });
}

/** Ann and Bob, and an offer. */
function shopOfTwo(): Shop {
  const shop = new Shop();
  create(shop, ANN, "1");
  create(shop, BOB, "2");
  shop.put("spring", 500);
  return shop;
}

test("an erasure removes the customer and its vouchers, and names the key to destroy", () => {
  const shop = shopOfTwo();
  const { code } = shop.issue(ANN, "spring", null) as VoucherEffect<"issue">;
  const { code: bobs } = shop.issue(BOB, "spring", null) as VoucherEffect<"issue">;
  expect(erase(shop, ANN)).toEqual({ key: "0a0b0c0d-1" });
  expect(shop.ask(askCustomer(ANN))).toBeNull();
  expect(shop.ask(askVoucher(ANN, code))).toBeNull();
  expect(shop.use("redeem", ANN, code)).toEqual(["voucher_not_found", null]);
  expect(shop.issue(ANN, "spring", null)).toEqual(["customer_not_found", ANN]);
  expect(erase(shop, ANN)).toEqual(["customer_not_found", ANN]);
  expect(shop.use("redeem", BOB, bobs)).toMatchObject({ discount: 500, person: "0a0b0c0d-2:sealed" });
  expect(shop.ask(askCustomers([10, null])).rows.map(([, { email }]) => email)).toEqual([BOB]);
});

test("a customer from an older version, without encryption, cannot be erased", () => {
  const shop = new Shop();
  shop.customer("ann@example.com");
  expect(erase(shop, "ann@example.com")).toEqual(["customer_not_encrypted", "ann@example.com"]);
  expect(shop.ask(askCustomer("ann@example.com"))).not.toBeNull();
  const facts = [...shop.run.ledger.state.programmes.facts()];
  expect(facts).toEqual([{ fact: "clear_customers", partner: PARTNER }]);
});

test("an erased key encrypts nothing new; with another key the customer begins empty", () => {
  const shop = shopOfTwo();
  shop.issue(ANN, "spring", null);
  erase(shop, ANN);
  expect(create(shop, ANN, "1")).toEqual(["customer_erased", ANN]);
  expect(create(shop, ANN, "3")).toBeNull();
  expect(shop.ask(askCustomer(ANN))).toMatchObject({ person: "0a0b0c0d-3:sealed" });
  expect(shop.ask(askPlaces([ANN, BOB]))).toEqual([2, 1]);
});

test("gateways are told of all erased keys, and the server of the newest key that is needed", () => {
  const shop = shopOfTwo();
  erase(shop, BOB);
  const { programmes } = shop.run.ledger.state;
  expect([...programmes.facts()]).toEqual([{ fact: "person_erased", key: "0a0b0c0d-2" }]);
  expect([...programmes.personKeys()]).toEqual([{ store: "0a0b0c0d", upTo: 2 }]);
});

test("an expiry that was scheduled is gone with its customer", () => {
  const shop = shopOfTwo();
  shop.issue(ANN, "spring", null, 10);
  shop.issue(BOB, "spring", null, 10);
  erase(shop, ANN);
  shop.run.nowMs += 20;
  shop.run.end();
  expect(shop.ask(askCount())).toBe(2);
  const { nextDueMs } = shop.run.ledger.state.programmes.scheduler;
  // Only Bob's voucher has expired, and will be forgotten.
  expect(nextDueMs).toBeGreaterThanOrEqual(shop.run.nowMs - 10 + SETTLED_KEPT_MS);
});

test("a batch passes over recipients who are erased before their turn, and ends", () => {
  const shop = shopOfTwo();
  create(shop, "~carl", "3");
  const { id, requested } = shop.batch("spring", [3], 5) as VoucherEffect<"create_batch">;
  erase(shop, BOB);
  shop.run.nowMs += 5;
  shop.run.end();
  expect(requested).toBe(3);
  expect(shop.ask(askBatch(id))).toMatchObject({ requested: 3, issued: 2, isDone: true });
  // Another one for the same places, of which one is empty.
  const again = shop.batch("spring", [[1, 2]]) as VoucherEffect<"create_batch">;
  shop.run.nowMs += 5;
  shop.run.end();
  expect(shop.ask(askBatch(again.id))).toMatchObject({ requested: 2, issued: 1, isDone: true });
});

test("a restored state has the same places, erased keys and batches as the one that was saved", () => {
  const shop = shopOfTwo();
  create(shop, "~carl", "3");
  const { id } = shop.batch("spring", [3], 5) as VoucherEffect<"create_batch">;
  erase(shop, ANN);
  shop.run.nowMs += 5;
  shop.run.end();
  const saved = [...shop.run.ledger.state.programmes.items()].filter(([name]) => name === "vouchers");
  const restored = new Vouchers({
    shard: 0,
    shards: 1,
    account: () => undefined,
    random: () => new Uint8Array(),
    scheduler: { add: () => {}, remove: () => {} },
  });
  for (const [, item] of saved) restored.restore(item);
  expect([...restored.items()]).toEqual(saved.map(([, item]) => item));
  expect([...restored.facts()]).toEqual([{ fact: "person_erased", key: "0a0b0c0d-1" }]);
  expect(restored.answer(PARTNER, ["batch", id], shop.run.nowMs)).toMatchObject({
    requested: 3,
    issued: 2,
    isDone: true,
  });
  expect(restored.answer(PARTNER, ["places", [ANN, BOB, "~carl"]], 0)).toEqual([null, 1, 2]);
  const anew = { ...of("create_customer", customerSubject(ANN)), email: ANN, name: null };
  const context = { partner: PARTNER, nowMs: 0, amount: 0 };
  expect(restored.decide({ ...anew, person: "0a0b0c0d-1:x" }, context)).toMatchObject({
    ok: false,
    code: "customer_erased",
  });
});

test("an event has the personal data of its customer, encrypted", () => {
  const context = { timeMs: 0, transfer: null, changes: [] };
  const expired = { expired: [["C", "spring"]] as const, person: "0a0b0c0d-1:sealed" };
  const act = { ...of("expire", customerSubject(ANN)), email: ANN } as VoucherAct<"expire">;
  const [event] = VOUCHER_EVENTS.expire?.(act, { ...context, effect: expired }) ?? [];
  expect(event).toMatchObject({ subject: "C", data: { email: ANN, person: "0a0b0c0d-1:sealed" } });
});
