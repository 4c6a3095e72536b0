/** Vouchers with several uses, and with amounts instead of percentages. */
import { expect, test } from "vitest";
import {
  askCodes,
  askCustomers,
  askVoucher,
  customerSubject,
  type VoucherEffect,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { REDEMPTIONS_KEPT } from "../../../src/actors/programmes/vouchers/uses.ts";
import { Vouchers } from "../../../src/actors/programmes/vouchers/vouchers.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";
import { ANN, of, PARTNER, Shop } from "./voucher-fixture.ts";

const USD = { amount: 500, asset: "USD/2" } as const;

function withUses(usesMax: number, inMs = 100): Readonly<{ shop: Shop; code: string }> {
  const shop = new Shop();
  shop.customer(ANN);
  const { code } = shop.issue(ANN, "spring", 500, inMs, usesMax) as VoucherEffect<"issue">;
  return { shop, code };
}

function useOf(act: "redeem" | "rollback", code: string) {
  return { ...of(act, customerSubject(ANN)), email: ANN, code };
}

const numberOf = (effect: unknown) => (effect as VoucherEffect<"redeem">).redemption;

test("a voucher is valid until its last use is taken, and each redemption has its own discount", () => {
  const { shop, code } = withUses(2);
  const atMs = shop.run.nowMs;
  shop.run.nowMs += 1;
  expect(shop.use("redeem", ANN, code)).toMatchObject({ discount: 500, redemption: 1, usesLeft: 1 });
  shop.put("spring", 900);
  const valid = { status: "valid", discount: 900, usesMax: 2, usesLeft: 1, usedAtMs: atMs + 1 };
  expect(shop.ask(askVoucher(ANN, code))).toMatchObject(valid);
  shop.run.nowMs += 1;
  expect(shop.use("redeem", ANN, code)).toMatchObject({ discount: 900, redemption: 2, usesLeft: 0 });
  shop.put("spring", 100);
  const redeemed = { status: "redeemed", discount: 900, usesLeft: 0, usedAtMs: atMs + 2 };
  expect(shop.ask(askVoucher(ANN, code))).toMatchObject(redeemed);
  expect(shop.use("redeem", ANN, code)).toEqual(["voucher_already_redeemed", code]);
  expect(shop.use("cancel", ANN, code)).toEqual(["voucher_already_redeemed", code]);
});

test("a rollback names a redemption or takes the latest, and gives each back once", () => {
  const { shop, code } = withUses(3);
  expect(shop.use("rollback", ANN, code)).toEqual(["not_redeemed", code]);
  for (let use = 1; use <= 3; use++) {
    shop.run.nowMs += 1;
    expect(numberOf(shop.use("redeem", ANN, code))).toBe(use);
  }
  expect(shop.rollBack(ANN, code, 2)).toMatchObject({ redemption: 2, usesLeft: 1 });
  expect(shop.rollBack(ANN, code, 2)).toEqual(["not_redeemed", code]);
  expect(shop.rollBack(ANN, code, 4)).toEqual(["not_redeemed", code]);
  expect(shop.use("rollback", ANN, code)).toMatchObject({ redemption: 3, usesLeft: 2 });
  // A number is never used again.
  expect(numberOf(shop.use("redeem", ANN, code))).toBe(4);
  expect(shop.rollBack(ANN, code, 3)).toEqual(["not_redeemed", code]);
  for (const redemption of [4, 1]) expect(shop.use("rollback", ANN, code)).toMatchObject({ redemption });
  expect(shop.use("rollback", ANN, code)).toEqual(["not_redeemed", code]);
  expect(shop.ask(askVoucher(ANN, code))).toMatchObject({ usesLeft: 3, usedAtMs: null });
});

test("a redemption of an expired or cancelled voucher is rolled back, and the voucher stays as it is", () => {
  for (const ending of ["expired", "cancelled"] as const) {
    const { shop, code } = withUses(2);
    shop.use("redeem", ANN, code);
    if (ending === "cancelled") expect(shop.use("cancel", ANN, code)).toMatchObject({ usesLeft: 1 });
    else shop.run.nowMs += 100;
    const back = { status: ending, usesLeft: 2, usedAtMs: null };
    expect(shop.use("rollback", ANN, code)).toMatchObject(back);
    expect(shop.ask(askVoucher(ANN, code))).toMatchObject(back);
    expect(shop.use("rollback", ANN, code)).toEqual(["not_redeemed", code]);
    expect(shop.use("redeem", ANN, code)).toEqual([`voucher_${ending}`, code]);
  }
});

test("the latest 100 redemptions of a voucher can be rolled back", () => {
  const { shop, code } = withUses(1_000_000, 10_000);
  for (let use = 0; use < REDEMPTIONS_KEPT + 2; use++) {
    shop.run.nowMs += 1;
    shop.use("redeem", ANN, code);
  }
  const lastMs = shop.run.nowMs;
  expect(shop.rollBack(ANN, code, 2)).toEqual(["redemption_too_old", code]);
  for (let use = 0; use < REDEMPTIONS_KEPT; use++)
    expect(shop.use("rollback", ANN, code)).toMatchObject({ redemption: REDEMPTIONS_KEPT + 2 - use });
  expect(shop.use("rollback", ANN, code)).toEqual(["redemption_too_old", code]);
  expect(shop.rollBack(ANN, code, 50)).toEqual(["not_redeemed", code]);
  const usedAtMs = lastMs - REDEMPTIONS_KEPT;
  expect(shop.ask(askVoucher(ANN, code))).toMatchObject({ usesLeft: 999_998, usedAtMs });
});

test("an offer changes from a percentage to an amount: live vouchers follow, snapshot ones keep theirs", () => {
  const shop = new Shop();
  shop.customer(ANN);
  const issue = (offer: string) => (shop.issue(ANN, offer, null) as VoucherEffect<"issue">).code;
  shop.put("live", 500);
  shop.put("kept", 500, "snapshot");
  const [live, kept] = [issue("live"), issue("kept")];
  shop.put("live", USD);
  shop.put("kept", USD, "snapshot");
  expect(shop.use("redeem", ANN, live)).toMatchObject({ discount: USD });
  expect(shop.use("redeem", ANN, kept)).toMatchObject({ discount: 500 });
  const fixed = issue("kept");
  shop.put("live", 700);
  shop.put("kept", { ...USD, asset: "EUR/2" }, "snapshot");
  // What a redemption has granted stays.
  expect(shop.ask(askVoucher(ANN, live))).toMatchObject({ discount: USD });
  expect(shop.use("redeem", ANN, fixed)).toMatchObject({ discount: USD });
  expect(shop.issue(ANN, "live", USD)).toMatchObject({ discount: USD, offer: { version: 4 } });
  // The same amount again is no change.
  expect(shop.issue(ANN, "live", { ...USD })).toMatchObject({ discount: USD, offer: null });
});

test("records and items of an older version have one use, percentages, and redemptions without a number", () => {
  const scheduler = { add: () => {}, remove: () => {} };
  const place = { shard: 0, shards: 1, account: () => undefined, random: () => new Uint8Array(), scheduler };
  const used = { atMs: 5, discount: 700 };
  const offer = { name: "o", discount: 500, pricing: "live", version: 1, shard: 0 };
  const items: (readonly JsonValue[])[] = [
    ["offer", PARTNER, offer, 1],
    ["customer", PARTNER, ANN, null, 1],
    ["voucher", PARTNER, ANN, "A", "o", 1e9, 2, null, "redeemed", used],
    ["voucher", PARTNER, ANN, "B", "o", 1e9, 2, null, "valid", null],
  ];
  const old = new Vouchers(place);
  for (const item of items) old.restore(item);
  expect([...old.items()]).toEqual(items);
  const view = (code: string) => old.answer(PARTNER, askVoucher(ANN, code).ask, 10);
  expect(view("A")).toMatchObject({ discount: 700, usedAtMs: 5, usesMax: 1, usesLeft: 0 });
  expect(view("B")).toMatchObject({ discount: 500, usedAtMs: null, usesMax: 1, usesLeft: 1 });
  const done = { partner: PARTNER, timeMs: 7, transfer: null, amount: 0 };
  old.apply(useOf("rollback", "A"), { offer: "o", discount: 500, expiresAtMs: 1e9, createdAtMs: 2 }, done);
  old.apply(useOf("redeem", "B"), { offer: "o", discount: 500 }, done);
  expect(view("A")).toMatchObject({ status: "valid", usesLeft: 1, usedAtMs: null });
  expect(view("B")).toMatchObject({ status: "redeemed", usesLeft: 0, usedAtMs: 7 });
  // The redemption has no number, so only a rollback without one finds it.
  const decided = (redemption?: number) =>
    old.decide(
      { ...useOf("rollback", "B"), ...(redemption !== undefined && { redemption }) },
      {
        partner: PARTNER,
        nowMs: 8,
        amount: 0,
      },
    );
  expect(decided(1)).toMatchObject({ code: "not_redeemed" });
  expect(decided()).toMatchObject({ ok: true, effect: { redemption: 0, usesLeft: 1 } });
});

test("vouchers are found by their codes, and customers are listed in pages, newest first", () => {
  const { shop, code } = withUses(3);
  expect(shop.ask(askCodes([code, "none"]))).toMatchObject([{ code, email: ANN, usesLeft: 3 }]);
  for (const email of ["b@x", "c@x", "d@x"]) {
    shop.run.nowMs += 1;
    shop.customer(email);
  }
  const first = shop.ask(askCustomers([3, null]));
  expect(first.rows.map(([, { email }]) => email)).toEqual(["d@x", "c@x", "b@x"]);
  const second = shop.ask(askCustomers([3, first.upTo]));
  expect(second.rows.map(([, { email }]) => email)).toEqual([ANN]);
  expect(second.upTo).toBeNull();
});
