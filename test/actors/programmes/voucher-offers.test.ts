/** Offers and batches of vouchers: broadcasts, effects and limits. */
import { describe, expect, test } from "vitest";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import {
  askBatch,
  askOffers,
  askVoucher,
  askVouchers,
  customerSubject,
  offerSubject,
  type Pricing,
  VOUCHERS_SUBJECT,
  type VoucherAct,
  type VoucherEffect,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import type { Act } from "../../../src/actors/records/act.ts";
import type { ActAlone } from "../../../src/actors/records/command.ts";

import { ANN, counted, header, of, PARTNER, Shop } from "./voucher-fixture.ts";

/** The outcome of defining an offer on the first of three shards. */
function putOn(ledger: Ledger, name: string, discount: number, pricing: Pricing) {
  const act = { ...of("put_offer", offerSubject(name)), name, discount, pricing };
  const command = { op: "act", ...header, act } as const;
  const outcome = ledger.decide(command, 0, () => "");
  ledger.apply(command, outcome, { epoch: 1, seq: 1, index: 0, timeMs: 0 }, 0);
  return outcome;
}

describe("an offer", () => {
  test("is broadcast to all shards when it changes, and not otherwise", () => {
    const ledger = new Ledger(0, 3, counted());
    const offer = { name: "o", discount: 5, pricing: "live", version: 1, shard: 0 } as const;
    expect(putOn(ledger, "o", 5, "live")).toMatchObject({ effect: offer, notice: { offer } });
    expect(putOn(ledger, "o", 5, "live")).toEqual({ ok: true, effect: offer });
    const next = { ...offer, discount: 6, version: 2 };
    expect(putOn(ledger, "o", 6, "live")).toMatchObject({ effect: next, notice: { offer: next } });
    const last = { ...next, pricing: "snapshot", version: 3 } as const;
    expect(putOn(ledger, "o", 6, "snapshot")).toMatchObject({ effect: last, notice: { offer: last } });
  });

  test("is created or changed by an issue with a discount, and unchanged by one without", () => {
    const ledger = new Ledger(0, 3, counted());
    const place = { epoch: 1, seq: 1, index: 0, timeMs: 0 };
    const act = (given: VoucherAct) => {
      const command = { op: "act", ...header, act: given } as const;
      const outcome = ledger.decide(command, 0, () => "");
      ledger.apply(command, outcome, place, 0);
      return outcome;
    };
    const subject = customerSubject(ANN);
    act({ ...of("create_customer", subject), email: ANN, name: null });
    const issue = (discount: number | null) =>
      act({ ...of("issue", subject), email: ANN, offer: "o", discount, expiresAtMs: 9 });
    expect(issue(null)).toEqual({ ok: false, code: "offer_not_found", subject: "o" });
    const offer = { name: "o", discount: 5, pricing: "live", version: 1, shard: 0 };
    expect(issue(5)).toMatchObject({ effect: { discount: 5, snapshot: null, offer }, notice: { offer } });
    for (const discount of [5, null]) {
      const again = issue(discount);
      expect(again).toMatchObject({ effect: { discount: 5, offer: null } });
      expect(again).not.toHaveProperty("notice");
    }
    putOn(ledger, "o", 7, "snapshot");
    expect(issue(8)).toMatchObject({
      effect: { discount: 8, snapshot: 8, offer: { pricing: "snapshot", version: 3 } },
    });
  });

  test("keeps its position in the list, newest first; its vouchers keep their discount or follow it", () => {
    const shop = new Shop();
    shop.customer(ANN);
    shop.put("live", 5);
    shop.run.nowMs += 1;
    shop.put("kept", 6, "snapshot");
    const [live, kept] = ["live", "kept"].map(
      (offer) => (shop.issue(ANN, offer, null) as VoucherEffect<"issue">).code,
    );
    shop.put("live", 7);
    shop.put("kept", 8, "snapshot");
    const { rows } = shop.ask(askOffers([9, null]));
    expect(rows.map(([[atMs], { name, discount }]) => [atMs, name, discount])).toEqual([
      [shop.run.nowMs, "kept", 8],
      [shop.run.nowMs - 1, "live", 7],
    ]);
    expect(shop.ask(askVoucher(ANN, live ?? ""))).toMatchObject({ discount: 7 });
    expect(shop.ask(askVoucher(ANN, kept ?? ""))).toMatchObject({ discount: 6 });
  });

  test("is one of at most 10,000, however it is created", () => {
    const shop = new Shop();
    shop.customer(ANN);
    const { programmes } = shop.run.ledger.state;
    const made = { discount: 5, pricing: "live", version: 1, shard: 0 } as const;
    for (let i = 0; i < 9_999; i++)
      programmes.restore("vouchers", ["offer", PARTNER, { name: `o${i}`, ...made }, 0]);
    expect(shop.put("last", 5)).toMatchObject({ name: "last" });
    expect(shop.put("more", 5)).toEqual(["too_many_offers", "more"]);
    expect(shop.issue(ANN, "more", 5)).toEqual(["too_many_offers", "more"]);
    expect(shop.issue(ANN, "last", 6)).toMatchObject({ discount: 6 });
  });
});

function command(act: VoucherAct): ActAlone {
  return { op: "act", ...header, act };
}

describe("a batch", () => {
  test("is broadcast to all shards with its offer, and issued on the shards of its customers", () => {
    const ledger = new Ledger(0, 3, counted());
    const put = command({ ...of("put_offer", "offer:o"), name: "o", discount: 5, pricing: "live" });
    const known = ledger.decide(put, 0, () => "");
    ledger.apply(put, known, { epoch: 1, seq: 1, index: 0, timeMs: 0 }, 0);
    const recipients = [2, [0, 4, 7], 0];
    const rest = { offer: "o", expiresAtMs: 50, runAtMs: null, recipients, unknown: null };
    const decided = ledger.decide(command({ ...of("create_batch", VOUCHERS_SUBJECT), ...rest }), 9, () => "");
    const id = `vb_${"03".repeat(11)}02`;
    const order = { offer: "o", expiresAtMs: 50, runAtMs: 9 };
    const offer = { name: "o", discount: 5, pricing: "live", version: 1, shard: 0 };
    expect(decided).toMatchObject({
      effect: { id, requested: 5, order },
      notice: { offer, batch: { id, order, recipients } },
    });
  });

  test("needs an existing offer and existing customers", () => {
    const shop = new Shop();
    expect(shop.batch("o", [0], null, "none@x")).toEqual(["offer_not_found", "o"]);
    shop.put("o", 5);
    expect(shop.batch("o", [0], null, "none@x")).toEqual(["customer_not_found", "none@x"]);
    for (let i = 0; i < 100; i++) expect(shop.batch("o", [0], 1000)).toMatchObject({ requested: 0 });
    expect(shop.batch("o", [0], 1000)).toEqual(["too_many_batches", PARTNER]);
  });

  test("starts at its time, for the named customers, and reports its progress", () => {
    const shop = new Shop();
    for (const email of ["a@x", "b@x", "c@x"]) shop.customer(email);
    shop.put("o", 5, "snapshot");
    const { id } = shop.batch("o", [[2, 0]], 10) as VoucherEffect<"create_batch">;
    expect(shop.ask(askBatch(id))).toMatchObject({
      requested: 2,
      issued: 0,
      isDone: false,
      isScheduled: true,
    });
    expect(shop.ask(askBatch("none"))).toBeNull();
    shop.put("o", 6, "snapshot");
    shop.run.nowMs += 9;
    expect(shop.ask(askBatch(id))).toMatchObject({ issued: 0, isScheduled: true });
    const { scheduler } = shop.run.ledger.state.programmes;
    const act = { ...of("issue_portion", VOUCHERS_SUBJECT), batch: id };
    expect(scheduler.nextDue(shop.run.nowMs + 1)?.command()).toEqual({ op: "act", ...header, act });
    shop.run.nowMs += 1;
    expect(shop.ask(askBatch(id))).toMatchObject({
      requested: 2,
      issued: 2,
      isDone: true,
      isScheduled: false,
    });
    for (const [email, count] of [
      ["a@x", 1],
      ["b@x", 0],
      ["c@x", 1],
    ] as const) {
      const { rows } = shop.ask(askVouchers(email, "valid")([9, null]));
      expect(rows.map(([, { discount, createdAtMs }]) => [discount, createdAtMs])).toEqual(
        Array.from({ length: count }, () => [6, shop.run.nowMs]),
      );
    }
  });

  test("continues after a portion, one millisecond later", () => {
    const shop = new Shop((bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
    for (let i = 0; i < 300; i++) shop.customer(`c${i}@x`);
    shop.put("o", 5);
    const { id } = shop.batch("o", [
      Array.from({ length: 290 }, (_, i) => i),
    ]) as VoucherEffect<"create_batch">;
    const issued = [128, 256, 290].map((so) => {
      const part = shop.ask(askBatch(id));
      const { nextExpiryMs } = shop.run.ledger;
      if (so < 290) expect(nextExpiryMs).toBe(shop.run.nowMs + 1);
      shop.run.nowMs += 1;
      return part?.issued;
    });
    expect(issued).toEqual([128, 256, 290]);
    for (const [email, count] of [
      ["c289@x", 1],
      ["c290@x", 0],
    ] as const)
      expect(shop.ask(askVouchers(email, null)([9, null])).rows).toHaveLength(count);
  });

  test("gives each voucher of a portion a unique code, also when a random code repeats", () => {
    let drawn = 0;
    const shop = new Shop((bytes) => new Uint8Array(bytes).fill(drawn++ >> 1));
    // Each random value is drawn twice; both vouchers go to one customer, so that their codes have the same vnode.
    for (const email of ["x", "x2"]) shop.customer(email);
    shop.put("o", 5);
    const { programmes } = shop.run.ledger.state;
    const { id } = shop.batch("o", [[0, 0]], 10) as VoucherEffect<"create_batch">;
    shop.run.nowMs += 5;
    const act: Act = { ...of("issue_portion", VOUCHERS_SUBJECT), batch: id } as Act;
    const decided = programmes.decide(act, { partner: PARTNER, nowMs: shop.run.nowMs, amount: 0 });
    const { issued } = (decided as { effect: unknown }).effect as VoucherEffect<"issue_portion">;
    expect(new Set(issued.map(([, code]) => code)).size).toBe(2);
  });
});
