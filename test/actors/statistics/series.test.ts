import { describe, expect, test } from "vitest";
import { eventsOf } from "../../../src/actors/events/events-of.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import { askSummary, loyaltyAct, pointsAccount } from "../../../src/actors/programmes/loyalty/acts.ts";
import { creditAccount, phoneAccount, topupAct } from "../../../src/actors/programmes/topup/acts.ts";
import { customerSubject, offerSubject, voucherAct } from "../../../src/actors/programmes/vouchers/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { Command, Outcome } from "../../../src/actors/records/command.ts";
import { keyless } from "../../../src/actors/records/command-header.ts";
import { seriesChangesOf } from "../../../src/actors/statistics/series.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

const header = keyless("p");
const details = { memo: null, metadata: null, occurredAtMs: null };

/** A ledger, and the series of everything that it has logged. */
class Counted {
  readonly series: Record<string, number> = {};
  #byte = 0;
  readonly run = new LedgerRun(
    (record) => {
      const events = eventsOf(record, record.timeMs);
      for (const [name, change] of seriesChangesOf(record, events, record.timeMs))
        this.series[name] = (this.series[name] ?? 0) + change;
    },
    (bytes) => new Uint8Array(bytes).fill(++this.#byte),
  );

  do(command: Command): Outcome {
    const { outcome } = this.run.do(command);
    expect(outcome).toMatchObject({ ok: true });
    return outcome;
  }

  act(act: Act): Outcome {
    return this.do({ op: "act", ...header, act });
  }

  move(debit: string, credit: string, amount: number, act: Act): string {
    const vnode = homeVnodeOf("p", debit, credit, null);
    const outcome = this.do({ op: "transfer", ...header, ...details, debit, credit, amount, vnode, act });
    return "id" in outcome ? outcome.id : "";
  }

  revert(id: string, debit: string, credit: string): void {
    const vnode = homeVnodeOf("p", debit, credit, null);
    this.do({ op: "revert_transfer", ...header, id, original: null, vnode });
  }

  pass(ms: number): void {
    this.run.nowMs += ms;
    this.run.end();
  }
}

describe("series", () => {
  test("outstanding points are those earned, but for those spent and expired", () => {
    const counted = new Counted();
    const alice = pointsAccount("alice");
    counted.act(loyaltyAct("create_member", alice, { name: null }));
    const first = counted.move("@issuance", alice, 100, loyaltyAct("accrual", alice, {}));
    const expiresAtMs = counted.run.nowMs + 1_000;
    counted.move("@issuance", alice, 50, loyaltyAct("accrual", alice, { expiresAtMs }));
    expect(counted.series).toEqual({ "loyalty.outstanding": 150 });
    counted.move(alice, "@redemption", 30, loyaltyAct("redemption", alice, {}));
    counted.pass(1_000);
    const { earned, spent, expired } = counted.run.ask("p", askSummary());
    expect([earned, spent, expired]).toEqual(["150", "30", "20"]);
    expect(counted.series).toEqual({ "loyalty.outstanding": 100 });
    counted.revert(first, alice, "@issuance");
    expect(counted.series).toEqual({ "loyalty.outstanding": 0 });
  });

  test("points of an account that is no member's do not count", () => {
    const counted = new Counted();
    const account = { id: "points:mine", asset: "PTS/0", floor: 0, ceiling: null, metadata: null };
    counted.do({ op: "create_account", ...header, ...account });
    const move = { debit: "@issuance", credit: "points:mine", amount: 5 };
    const vnode = homeVnodeOf("p", move.debit, move.credit, null);
    counted.do({ op: "transfer", ...header, ...details, ...move, vnode });
    expect(counted.series).toEqual({});
  });

  test("each voucher is counted under its status", () => {
    const counted = new Counted();
    const email = "ann@x";
    const subject = customerSubject(email);
    counted.act(voucherAct("create_customer", subject, { email, name: null }));
    counted.act(
      voucherAct("put_offer", offerSubject("ten"), { name: "ten", discount: 1_000, pricing: "live" }),
    );
    const codes = [1, 2, 3, 4].map(() => {
      const terms = { email, offer: "ten", discount: null, expiresAtMs: counted.run.nowMs + 1_000 };
      const outcome = counted.act(voucherAct("issue", subject, terms));
      return "effect" in outcome ? (outcome.effect as { code: string }).code : "";
    }) as [string, string, string, string];
    counted.act(voucherAct("redeem", subject, { email, code: codes[0] }));
    counted.act(voucherAct("redeem", subject, { email, code: codes[1] }));
    counted.act(voucherAct("rollback", subject, { email, code: codes[1] }));
    counted.act(voucherAct("cancel", subject, { email, code: codes[2] }));
    expect(counted.series).toEqual({
      "vouchers.valid": 2,
      "vouchers.redeemed": 1,
      "vouchers.cancelled": 1,
    });
    counted.pass(1_000);
    expect(counted.series).toEqual({
      "vouchers.valid": 0,
      "vouchers.redeemed": 1,
      "vouchers.cancelled": 1,
      "vouchers.expired": 2,
    });
  });

  test("a voucher with several uses is redeemed while none is left", () => {
    const counted = new Counted();
    const email = "ann@x";
    const subject = customerSubject(email);
    counted.act(voucherAct("create_customer", subject, { email, name: null }));
    const terms = { email, offer: "o", discount: 5, expiresAtMs: counted.run.nowMs + 1_000, usesMax: 2 };
    const outcome = counted.act(voucherAct("issue", subject, terms));
    const { code } = ("effect" in outcome ? outcome.effect : {}) as { code: string };
    const counts: unknown[] = [];
    for (const act of ["redeem", "redeem", "rollback", "rollback", "redeem"] as const) {
      counted.act(voucherAct(act, subject, { email, code }));
      counts.push([counted.series["vouchers.valid"], counted.series["vouchers.redeemed"] ?? 0]);
    }
    expect(counts).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    counted.act(voucherAct("cancel", subject, { email, code }));
    counted.act(voucherAct("rollback", subject, { email, code }));
    expect(counted.series).toEqual({ "vouchers.valid": 0, "vouchers.redeemed": 0, "vouchers.cancelled": 1 });
  });

  test("sales count with their amounts, and reverted sales beside them", () => {
    const counted = new Counted();
    const shop = creditAccount("shop");
    const phone = phoneAccount("+989120000001");
    counted.act(topupAct("create_seller", shop, { name: "Shop", asset: "IRT/0" }));
    const requested = counted.act(topupAct("request_credit", shop, { amount: 500, note: null }));
    const { request } = ("effect" in requested ? requested.effect : {}) as { request: string };
    counted.move("@credit", shop, 500, topupAct("approve", shop, { request, by: "key_1", amount: 500 }));
    const sale = topupAct("sale", shop, { phone: "+989120000001", reference: null });
    const id = counted.move(shop, phone, 200, sale);
    counted.move(shop, phone, 100, sale);
    counted.revert(id, phone, shop);
    expect(counted.series).toEqual({
      "topup.sales": 2,
      "topup.amount": 300,
      "topup.reverted_sales": 1,
      "topup.reverted_amount": 200,
    });
  });
});
