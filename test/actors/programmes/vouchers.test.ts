/** Vouchers on one ledger: effects, rejections and lists. */
import { describe, expect, test } from "vitest";
import { vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import type { ListPosition } from "../../../src/actors/programmes/paged-index.ts";
import { timeFaultOf } from "../../../src/actors/programmes/programmes.ts";
import { SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  askBatch,
  askCount,
  askCustomer,
  askOffer,
  askOffers,
  askOwner,
  askPlaces,
  askVoucher,
  askVouchers,
  customerSubject,
  offerSubject,
  VOUCHERS_SUBJECT,
  type VoucherEffect,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { vnodeOfCode } from "../../../src/actors/programmes/vouchers/codes.ts";
import { unusedOf } from "../../../src/actors/programmes/vouchers/uses.ts";
import { VoucherStore } from "../../../src/actors/programmes/vouchers/voucher-store.ts";

import { ANN, header, of, PARTNER, Shop } from "./voucher-fixture.ts";

/** A ledger with one customer and one voucher. */
function withVoucher(
  discount = 500,
  inMs = 100,
): Readonly<{ shop: Shop; code: string; expiresAtMs: number }> {
  const shop = new Shop();
  shop.customer(ANN);
  const { code } = shop.issue(ANN, "spring", discount, inMs) as VoucherEffect<"issue">;
  return { shop, code, expiresAtMs: shop.run.nowMs + inMs };
}

describe("a voucher", () => {
  test("is issued, redeemed, rolled back and redeemed again, and each answer has its discount", () => {
    const { shop, code, expiresAtMs } = withVoucher(500);
    const createdAtMs = shop.run.nowMs;
    const seen = { code, offer: "spring", expiresAtMs, createdAtMs };
    expect(shop.ask(askVoucher(ANN, code))).toEqual({
      ...seen,
      discount: 500,
      status: "valid",
      usedAtMs: null,
      usesMax: 1,
      usesLeft: 1,
    });
    shop.run.nowMs += 7;
    const first = { redemption: 1, usesLeft: 0 };
    expect(shop.use("redeem", ANN, code)).toEqual({ offer: "spring", discount: 500, ...first });
    shop.put("spring", 900);
    const used = { status: "redeemed", usedAtMs: createdAtMs + 7, usesMax: 1, usesLeft: 0 };
    expect(shop.ask(askVoucher(ANN, code))).toEqual({ ...seen, discount: 500, ...used });
    expect(shop.use("rollback", ANN, code)).toEqual({
      offer: "spring",
      discount: 900,
      expiresAtMs,
      createdAtMs,
      redemption: 1,
      usesMax: 1,
      usesLeft: 1,
      usedAtMs: null,
    });
    expect(shop.ask(askVoucher(ANN, code))).toMatchObject({ discount: 900, status: "valid", usedAtMs: null });
    const second = { redemption: 2, usesLeft: 0 };
    expect(shop.use("redeem", ANN, code)).toEqual({ offer: "spring", discount: 900, ...second });
  });

  test("expires at its exact millisecond, before that is logged too, and after a rollback", () => {
    const { shop, code, expiresAtMs } = withVoucher();
    shop.use("redeem", ANN, code);
    expect(shop.statusAt(expiresAtMs, ANN, code)).toBe("redeemed");
    shop.use("rollback", ANN, code);
    expect(shop.statusAt(expiresAtMs - 1, ANN, code)).toBe("valid");
    expect(shop.statusAt(expiresAtMs, ANN, code)).toBe("expired");
    expect(shop.run.ledger.nextExpiryMs).toBe(expiresAtMs);
    shop.run.nowMs = expiresAtMs;
    expect(shop.use("redeem", ANN, code)).toEqual(["voucher_expired", code]);
    expect(shop.statusAt(0, ANN, code)).toBe("expired");
    expect(shop.run.ledger.nextExpiryMs).toBeGreaterThanOrEqual(expiresAtMs + SETTLED_KEPT_MS);
  });

  test("that was redeemed stays redeemed after its expiry, and expires when it is rolled back", () => {
    const { shop, code, expiresAtMs } = withVoucher();
    shop.use("redeem", ANN, code);
    shop.run.nowMs = expiresAtMs;
    expect(shop.ask(askVoucher(ANN, code))).toMatchObject({ status: "redeemed" });
    expect(shop.use("rollback", ANN, code)).toMatchObject({ offer: "spring" });
    expect(shop.ask(askVoucher(ANN, code))).toMatchObject({ status: "expired" });
  });

  test.each([
    ["valid", [], { rollback: "not_redeemed" }],
    ["redeemed", ["redeem"], { redeem: "voucher_already_redeemed", cancel: "voucher_already_redeemed" }],
    [
      "cancelled",
      ["cancel"],
      { redeem: "voucher_cancelled", rollback: "not_redeemed", cancel: "voucher_cancelled" },
    ],
    ["expired", ["wait"], { redeem: "voucher_expired", rollback: "not_redeemed", cancel: "voucher_expired" }],
  ] as const)("that is %s rejects what its status no longer allows", (status, steps, refusals) => {
    for (const act of ["redeem", "rollback", "cancel"] as const) {
      const { shop, code } = withVoucher();
      for (const step of steps) {
        if (step === "wait") shop.run.nowMs += 100;
        else shop.use(step, ANN, code);
      }
      expect(shop.ask(askVoucher(ANN, code))?.status).toBe(status);
      const refusal = (refusals as Partial<Record<typeof act, string>>)[act];
      if (refusal === undefined) expect(shop.use(act, ANN, code)).toMatchObject({ offer: "spring" });
      else expect(shop.use(act, ANN, code)).toEqual([refusal, code]);
    }
  });

  test("of another customer is treated as unknown", () => {
    const { shop, code } = withVoucher();
    shop.customer("bo@x");
    for (const act of ["redeem", "rollback", "cancel"] as const) {
      expect(shop.use(act, "bo@x", code)).toEqual(["voucher_not_found", null]);
      expect(shop.use(act, ANN, "23456789ABCDEF")).toEqual(["voucher_not_found", null]);
    }
    expect(shop.ask(askVoucher("bo@x", code))).toBeNull();
    expect(shop.ask(askVoucher(ANN, "23456789ABCDEF"))).toBeNull();
    expect(shop.ask(askOwner(code))).toMatchObject({ email: ANN });
    expect(shop.ask(askOwner("23456789ABCDEF"))).toBeNull();
  });

  test("is expired by its shard, together with the customer's other expired vouchers", () => {
    const { shop, expiresAtMs } = withVoucher();
    const { scheduler } = shop.run.ledger.state.programmes;
    const subject = customerSubject(ANN);
    const act = { ...of("expire", subject), email: ANN };
    const over = scheduler.nextDueOf(PARTNER, subject, expiresAtMs);
    expect(over?.command()).toEqual({ op: "act", ...header, act });
    expect(scheduler.nextDueOf(PARTNER, subject, expiresAtMs - 1)).toBeUndefined();
    expect(scheduler.nextDueOf("other", subject, expiresAtMs)).toBeUndefined();
  });

  test("has a unique code that contains its vnode", () => {
    let drawn = 0;
    const pool = new VoucherStore(PARTNER, {
      shard: 0,
      shards: 1,
      account: () => undefined,
      random: (bytes) => new Uint8Array(bytes).fill(drawn++ < 2 ? 5 : 6),
      scheduler: { add: () => {}, remove: () => {} },
    });
    pool.addCustomer({ email: "a/b@x", name: null, person: undefined, createdAtMs: 0 });
    const code = pool.newCode("a/b@x");
    expect(vnodeOfCode(code)).toBe(vnodeOfAccount(PARTNER, "customer:a%2Fb@x"));
    const plain = {
      offer: "o",
      endsAtMs: 1,
      createdAtMs: 0,
      snapshot: null,
      status: "valid",
      uses: unusedOf(1),
      cancelledAtMs: null,
      serial: null,
    } as const;
    pool.addVoucher("a/b@x", { id: code, ...plain });
    expect(pool.newCode("a/b@x")).toBe(code.replaceAll("7", "8"));
  });
});

test("customers are found by e-mail and by creation index", () => {
  const shop = new Shop();
  expect(shop.ask(askCustomer(ANN))).toBeNull();
  expect(shop.ask(askCount())).toBe(0);
  expect(shop.customer(ANN, "Ann")).toBeNull();
  expect(shop.customer(ANN)).toEqual(["customer_exists", ANN]);
  shop.customer("a/b@x");
  expect(shop.ask(askCustomer(ANN))).toEqual({ email: ANN, name: "Ann", createdAtMs: shop.run.nowMs });
  expect(shop.ask(askPlaces(["a/b@x", "none@x", ANN]))).toEqual([1, null, 0]);
  expect(shop.ask(askCount())).toBe(2);
  expect(shop.issue("none@x", "o", 5)).toEqual(["customer_not_found", "none@x"]);
  expect(shop.ask(askOffer("o"))).toBeNull();
});

test("vouchers are listed in pages, newest first, of one status or of any", () => {
  const shop = new Shop();
  shop.customer(ANN);
  const codes = Array.from({ length: 5 }, () => {
    shop.run.nowMs += 1;
    return (shop.issue(ANN, "o", 5, 1000) as VoucherEffect<"issue">).code;
  });
  const [first = "", , third = ""] = codes;
  shop.use("cancel", ANN, third);
  const page = (status: "valid" | "cancelled" | null, limit: number, before: ListPosition | null) => {
    const { rows, upTo } = shop.ask(askVouchers(ANN, status)([limit, before]));
    return [rows.map(([, { code }]) => codes.indexOf(code)), upTo] as const;
  };
  const place = (at: number): ListPosition => [shop.run.nowMs - 4 + at, 0, at];
  expect(page(null, 9, null)).toEqual([[4, 3, 2, 1, 0], null]);
  expect(page(null, 2, null)).toEqual([[4, 3], place(3)]);
  expect(page(null, 2, place(3))).toEqual([[2, 1], place(1)]);
  expect(page(null, 1, place(1))).toEqual([[0], null]);
  expect(page("valid", 3, null)).toEqual([[4, 3, 1], place(1)]);
  expect(page("cancelled", 3, null)).toEqual([[2], null]);
  expect(page(null, 9, [shop.run.nowMs, 0, 99])).toEqual([[4, 3, 2, 1, 0], null]);
  expect(shop.ask(askVouchers(ANN, null)([1, place(1)])).rows[0]?.[0]).toEqual(place(0));
  expect(shop.ask(askVouchers("none@x", null)([9, null]))).toEqual({ rows: [], upTo: null });
  expect(shop.ask(askVoucher(ANN, first))).toMatchObject({ code: first });
});

test("a page scans at most 5000 vouchers, and reports how far it got", () => {
  const shop = new Shop();
  shop.customer(ANN);
  const { programmes } = shop.run.ledger.state;
  const endsAtMs = shop.run.nowMs;
  for (let i = 0; i < 5002; i++)
    programmes.restore("vouchers", [
      "voucher",
      PARTNER,
      ANN,
      `c${i}`,
      "o",
      endsAtMs,
      i,
      5,
      "cancelled",
      null,
    ]);
  const list = (before: ListPosition | null) => shop.ask(askVouchers(ANN, "valid")([9, before]));
  expect(list(null)).toEqual({ rows: [], upTo: [2, 0, 2] });
  expect(list([2, 0, 2])).toEqual({ rows: [], upTo: null });
});

test("the expiry of a voucher must be in the future, for single vouchers and for batches", () => {
  const fault = { path: "expires_at", message: "must be in the future" };
  const issue = { ...of("issue", customerSubject(ANN)), email: ANN, offer: "o", discount: 5, expiresAtMs: 9 };
  const batch = { ...of("create_batch", VOUCHERS_SUBJECT), offer: "o", expiresAtMs: 9 };
  for (const act of [issue, batch]) {
    expect(timeFaultOf(act, 8)).toBeUndefined();
    expect(timeFaultOf(act, 9)).toEqual(fault);
  }
  expect(timeFaultOf({ ...issue, act: "redeem" }, 9)).toBeUndefined();
});

test("queries go to the shard of the customer, the code or the offer, or to all shards", () => {
  const programme = "vouchers";
  expect(customerSubject("a/b/c@x")).toBe("customer:a%2Fb%2Fc@x");
  expect(offerSubject("a/b/c")).toBe("offer:a%2Fb%2Fc");
  expect(VOUCHERS_SUBJECT).toBe("vouchers");
  const subject = customerSubject(ANN);
  expect(askCustomer(ANN)).toEqual({ programme, subject, ask: ["customer", ANN] });
  expect(askVoucher(ANN, "C")).toEqual({ programme, subject, ask: ["voucher", ANN, "C"] });
  expect(askVouchers(ANN, null)([1, null])).toEqual({
    programme,
    subject,
    ask: ["vouchers", ANN, null, 1, null],
  });
  expect(askOwner("32456789ABCDEF")).toEqual({
    programme,
    subject: "",
    vnode: 32,
    ask: ["owner", "32456789ABCDEF"],
  });
  expect(askOffer("a")).toEqual({ programme, subject: "offer:a", ask: ["offer", "a"] });
  expect(askOffers([1, null])).toEqual({ programme, subject: VOUCHERS_SUBJECT, ask: ["offers", 1, null] });
  expect(askCount()).toEqual({ programme, subject: null, ask: ["count"] });
  expect(askPlaces([ANN])).toEqual({ programme, subject: null, ask: ["places", [ANN]] });
  expect(askBatch("b")).toEqual({ programme, subject: null, ask: ["batch", "b"] });
});
