/** The events of vouchers, in every field. */
import { expect, test } from "vitest";
import { eventsOf } from "../../../../src/actors/events/events-of.ts";
import {
  customerSubject,
  type VoucherAct,
  type VoucherEffect,
  voucherSubject,
} from "../../../../src/actors/programmes/vouchers/acts.ts";
import { VOUCHER_EVENTS } from "../../../../src/actors/programmes/vouchers/events.ts";
import type { LedgerEvent } from "../../../../src/actors/records/event.ts";
import { ANN, counted, of, Shop } from "../voucher-fixture.ts";

const USD = { amount: 500, asset: "USD/2" } as const;

class EventsFixture {
  readonly #events: LedgerEvent[] = [];
  readonly shop = new Shop(counted(), (record) => void this.#events.push(...eventsOf(record, record.timeMs)));

  constructor() {
    this.shop.customer(ANN);
  }

  /** The events since the last call. */
  events(): readonly LedgerEvent[] {
    return this.#events.splice(0);
  }

  issue(usesMax = 1): string {
    return (this.shop.issue(ANN, "spring", USD, 100, usesMax) as VoucherEffect<"issue">).code;
  }
}

test("a voucher has an event when it is issued, redeemed, rolled back and cancelled", () => {
  const fixture = new EventsFixture();
  const { shop } = fixture;
  const code = fixture.issue(3);
  const voucher = { code, email: ANN, offer: "spring", discount: USD };
  const expiresAtMs = shop.run.nowMs + 100;
  const one = (type: string, data: object) => [{ type, subject: code, data: { ...voucher, ...data } }];
  expect(fixture.events()).toEqual(one("voucher.issued", { expiresAtMs, usesMax: 3 }));
  shop.do({ ...of("redeem", customerSubject(ANN)), email: ANN, code, by: "till 7" });
  expect(fixture.events()).toEqual(
    one("voucher.redeemed", { expiresAtMs: null, redemption: 1, usesLeft: 2, by: "till 7" }),
  );
  shop.use("redeem", ANN, code);
  expect(fixture.events()).toEqual(
    one("voucher.redeemed", { expiresAtMs: null, redemption: 2, usesLeft: 1, by: null }),
  );
  shop.rollBack(ANN, code, 1);
  expect(fixture.events()).toEqual(one("voucher.rolled_back", { expiresAtMs, redemption: 1, usesLeft: 2 }));
  shop.use("cancel", ANN, code);
  expect(fixture.events()).toEqual(one("voucher.cancelled", { expiresAtMs }));
  shop.use("redeem", ANN, code);
  expect(fixture.events()).toEqual([]);
});

test("each voucher that expires has an event", () => {
  const fixture = new EventsFixture();
  const codes = [fixture.issue(), fixture.issue()];
  fixture.events();
  fixture.shop.run.nowMs += 100;
  fixture.shop.run.end();
  const data = { email: ANN, offer: "spring", discount: null, expiresAtMs: null };
  expect(fixture.events()).toEqual(
    codes.map((code) => ({ type: "voucher.expired", subject: code, data: { ...data, code } })),
  );
});

test("each voucher of a batch has an event, with the discount that it keeps and its uses", () => {
  const fixture = new EventsFixture();
  const { shop } = fixture;
  const expiresAtMs = shop.run.nowMs + 1_000;
  for (const [pricing, discount] of [
    ["live", null],
    ["snapshot", USD],
  ] as const) {
    shop.put("spring", USD, pricing);
    const act: VoucherAct<"create_batch"> = {
      ...of("create_batch", "vouchers"),
      offer: "spring",
      expiresAtMs,
      runAtMs: null,
      recipients: [1],
      unknown: null,
      usesMax: 4,
    };
    shop.run.nowMs += 1;
    shop.do(act);
    shop.run.end();
    const events = fixture.events();
    const code = events[0]?.subject;
    const data = { code, email: ANN, offer: "spring", discount, expiresAtMs, usesMax: 4 };
    expect(events).toEqual([{ type: "voucher.issued", subject: code, data }]);
  }
});

test("records of an older version say nothing of uses: their vouchers had one", () => {
  const at = { partner: "acme", timeMs: 1, transfer: null, changes: [] } as const;
  const act = { email: ANN, code: "C" } as const;
  const terms = { offer: "o", discount: 500, expiresAtMs: 9, createdAtMs: 1 };
  const redeemed = VOUCHER_EVENTS.redeem?.(
    { ...of("redeem", "s"), ...act },
    { ...at, effect: { offer: "o", discount: 500 } },
  );
  expect(redeemed).toMatchObject([{ data: { redemption: 0, usesLeft: 0, by: null } }]);
  const back = VOUCHER_EVENTS.rollback?.({ ...of("rollback", "s"), ...act }, { ...at, effect: terms });
  expect(back).toMatchObject([{ data: { redemption: 0, usesLeft: 1, expiresAtMs: 9 } }]);
  expect(voucherSubject("C")).toBe("voucher:C");
});
