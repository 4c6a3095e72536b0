/** Customers with encrypted data: what effects and views have of it, their erasure, and their memory. */
import { expect, test } from "vitest";
import { factsOfAct } from "../../../../src/actors/programmes/programmes.ts";
import {
  askCodes,
  askCustomer,
  askCustomers,
  askOwner,
  askVoucher,
  askVouchers,
  customerSubject,
  type VoucherEffect,
} from "../../../../src/actors/programmes/vouchers/acts.ts";
import { of, PARTNER, Shop } from "../voucher-fixture.ts";

const ANN = "~ann";
const PERSON = "0a0b0c0d-1:sealed";
const person = PERSON;

function create(shop: Shop, email: string, name: string | null, sealed?: string): unknown {
  const act = of("create_customer", customerSubject(email));
  return shop.do({ ...act, email, name, ...(sealed !== undefined && { person: sealed }) });
}

function shopOfAnn(): Shop {
  const shop = new Shop();
  create(shop, ANN, null, PERSON);
  shop.put("o", 500);
  return shop;
}

const issue = (shop: Shop, usesMax = 1) =>
  (shop.issue(ANN, "o", null, 100, usesMax) as VoucherEffect<"issue">).code;
const bytesOf = (shop: Shop) => shop.run.ledger.state.book(PARTNER).usage.bytes;

test("every effect and view of a voucher has the encrypted data of its customer", () => {
  const shop = shopOfAnn();
  expect(shop.issue(ANN, "o", 600)).toMatchObject({ person, offer: { discount: 600 } });
  expect(shop.issue(ANN, "o", null)).toMatchObject({ person, offer: null });
  const code = issue(shop, 2);
  expect(shop.use("redeem", ANN, code)).toMatchObject({ person });
  expect(shop.use("rollback", ANN, code)).toMatchObject({ person });
  expect(shop.use("cancel", ANN, code)).toMatchObject({ person });
  const customer = { email: ANN, name: null, createdAtMs: shop.run.nowMs, person };
  expect([shop.ask(askCustomer(ANN)), shop.ask(askOwner(code))]).toEqual([customer, customer]);
  expect(shop.ask(askCodes([code]))).toMatchObject([{ email: ANN, person }]);
  const { id } = shop.batch("o", [1]) as VoucherEffect<"create_batch">;
  shop.run.nowMs += 1;
  const act = { ...of("issue_portion", "vouchers"), batch: id };
  const decided = shop.run.ledger.state.programmes.decide(act, {
    partner: PARTNER,
    nowMs: shop.run.nowMs,
    amount: 0,
  });
  expect(decided).toMatchObject({ effect: { issued: [[ANN, expect.any(String), PERSON]] } });
  expect(decided).not.toHaveProperty("effect.passed");
});

test("a customer without encrypted data has none anywhere", () => {
  const shop = new Shop();
  create(shop, "bob@x", "Bob");
  shop.put("o", 500);
  const effect = shop.issue("bob@x", "o", null) as VoucherEffect<"issue">;
  expect(effect).not.toHaveProperty("person");
  expect(shop.ask(askCustomer("bob@x"))).toEqual({
    email: "bob@x",
    name: "Bob",
    createdAtMs: shop.run.nowMs,
  });
  expect(shop.ask(askVoucher("bob@x", effect.code))).not.toHaveProperty("person");
});

test("a customer takes memory with its texts, and an erasure gives back all but the place and the key", () => {
  const shop = shopOfAnn();
  const taken = (act: () => void) => {
    const before = bytesOf(shop);
    act();
    return bytesOf(shop) - before;
  };
  const one = taken(() => create(shop, "~bob", null, PERSON.replace("-1:", "-2:")));
  expect(one).toBeGreaterThan(200);
  expect(taken(() => create(shop, "~carl", null, `${PERSON.replace("-1:", "-3:")}12345`))).toBe(one + 6);
  const named = taken(() => create(shop, "~dan", "Dan"));
  expect(taken(() => create(shop, "~eve", "Evelyn"))).toBe(named + 3);
  expect(taken(() => create(shop, "~eva1", "Eve"))).toBe(named + 1);
  const erase = (email: string) =>
    taken(() => shop.do({ ...of("erase_customer", customerSubject(email)), email }));
  const left = one + erase("~bob");
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(one);
  // With vouchers, settled ones too, and what was scheduled for them.
  const before = bytesOf(shop);
  create(shop, "~fay", null, PERSON.replace("-1:", "-4:"));
  for (const uses of [1, 3, 2]) shop.issue("~fay", "o", null, 100, uses);
  const { code } = shop.issue("~fay", "o", null, 100) as VoucherEffect<"issue">;
  shop.use("redeem", "~fay", code);
  erase("~fay");
  expect(bytesOf(shop) - before).toBe(left);
  shop.restart();
  expect(bytesOf(shop) - before).toBe(left);
});

test("an erasure tells gateways the key that they must destroy, and no other act does", () => {
  const shop = shopOfAnn();
  const act = { ...of("erase_customer", customerSubject(ANN)), email: ANN };
  expect(factsOfAct(act, { key: "0a0b0c0d-1" }, PARTNER)).toEqual([
    { fact: "person_erased", key: "0a0b0c0d-1" },
  ]);
  expect(factsOfAct({ ...act, act: "create_customer" }, null, PARTNER)).toEqual([]);
  shop.do(act);
  expect([...shop.run.ledger.state.programmes.facts()]).toEqual([
    { fact: "person_erased", key: "0a0b0c0d-1" },
  ]);
});

test("the newest key of each store is named, whatever the order of the customers", () => {
  const shop = new Shop();
  for (const [i, key] of ["0a-7", "0b-2", "0a-3", "0b-5"].entries())
    create(shop, `~c${i}`, null, `${key}:sealed`);
  create(shop, "clear@x", "C");
  expect([...shop.run.ledger.state.programmes.personKeys()]).toEqual([
    { store: "0a", upTo: 7 },
    { store: "0b", upTo: 5 },
  ]);
});

test("settled and valid vouchers are the same after a restart, in their places in the list", () => {
  const shop = shopOfAnn();
  const codes = Array.from({ length: 6 }, () => issue(shop, 2));
  const [, second = "", third = "", fourth = ""] = codes;
  shop.use("redeem", ANN, second);
  shop.run.nowMs += 1;
  for (let use = 0; use < 2; use++) shop.use("redeem", ANN, third);
  shop.use("cancel", ANN, fourth);
  const shown = () => shop.ask(askVouchers(ANN, null)([9, null]));
  const before = shown();
  expect(before.rows.map(([, { code, status, usesLeft }]) => [code, status, usesLeft])).toEqual(
    codes
      .map((code) => [
        code,
        code === third ? "redeemed" : code === fourth ? "cancelled" : "valid",
        code === third ? 0 : code === second ? 1 : 2,
      ])
      .toReversed(),
  );
  const bytes = bytesOf(shop);
  shop.restart();
  expect(shown()).toEqual(before);
  expect(bytesOf(shop)).toBe(bytes);
  expect(shop.use("rollback", ANN, third)).toMatchObject({ redemption: 2, usesLeft: 1 });
  expect(shop.ask(askVoucher(ANN, third))).toMatchObject({ status: "valid", usedAtMs: shop.run.nowMs });
});

test("a page of customers ends with the oldest, and begins below any customer, erased ones too", () => {
  const shop = new Shop();
  for (let i = 0; i < 5; i++) {
    create(shop, `~c${i}`, null, `0a-${i}:sealed`);
    shop.run.nowMs += 1;
  }
  for (const email of ["~c3", "~c0"]) shop.do({ ...of("erase_customer", customerSubject(email)), email });
  const ids = ({ rows }: ReturnType<typeof page>) => rows.map(([, { email }]) => email);
  const page = (limit: number, before: Parameters<typeof askCustomers>[0][1] = null) =>
    shop.ask(askCustomers([limit, before]));
  expect(ids(page(9))).toEqual(["~c4", "~c2", "~c1"]);
  const first = page(1);
  expect([ids(first), first.rows[0]?.[0]]).toEqual([["~c4"], first.upTo]);
  const second = page(1, first.upTo);
  expect(ids(second)).toEqual(["~c2"]);
  const third = page(1, second.upTo);
  expect(ids(third)).toEqual(["~c1"]);
  expect(page(1, third.upTo)).toEqual({ rows: [], upTo: null });
});
