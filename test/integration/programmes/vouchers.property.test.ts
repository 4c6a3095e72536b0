/** Compares the voucher programme with a plain model, and with its replay and its restored snapshot. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  customerSubject,
  offerSubject,
  type Recipients,
  VOUCHERS_SUBJECT,
  type VoucherEffect,
  type VoucherView,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";
import { runs } from "../../actors/ledger/property-runs.ts";
import { itemsOf, Model, newProgramme, PARTNER, restored, Shard } from "./voucher-model.ts";

const EMAILS = ["a@x", "b@x", "c@x"];
const OFFERS = ["one", "two"];

const email = fc.constantFrom(...EMAILS);
const offer = fc.constantFrom(...OFFERS);
const percent = fc.integer({ min: 1, max: 10_000 });
const amount = fc.record({
  amount: fc.integer({ min: 1, max: 3 }),
  asset: fc.constantFrom("USD/2", "EUR/2"),
});
const discount = fc.oneof(percent, amount);
const usesMax = fc.integer({ min: 1, max: 4 });
const inMs = fc.integer({ min: 1, max: 40 });
const which = fc.nat(20);

const step = fc.oneof(
  fc.record({ do: fc.constant("customer" as const), email }),
  fc.record({
    do: fc.constant("offer" as const),
    offer,
    discount,
    pricing: fc.constantFrom("live", "snapshot"),
  }),
  fc.record({
    do: fc.constant("issue" as const),
    email,
    offer,
    discount: fc.option(discount),
    inMs,
    usesMax,
  }),
  fc.record({ do: fc.constantFrom("redeem", "cancel"), email, which, own: fc.boolean() }),
  fc.record({
    do: fc.constant("rollback" as const),
    email,
    which,
    own: fc.boolean(),
    redemption: fc.option(fc.integer({ min: 1, max: 5 })),
  }),
  fc.record({
    do: fc.constant("batch" as const),
    offer,
    all: fc.boolean(),
    inMs,
    delayMs: fc.nat(10),
    usesMax,
  }),
  fc.record({ do: fc.constant("wait" as const), inMs }),
  fc.record({ do: fc.constant("wait" as const), inMs: fc.constant(SETTLED_KEPT_MS - 20) }),
  fc.record({ do: fc.constant("restart" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run {
  readonly shard = new Shard();
  readonly model = new Model();

  take(what: Step): void {
    const { shard, model } = this;
    switch (what.do) {
      case "customer": {
        const { email: who } = what;
        const act = { programme: "vouchers", act: "create_customer", subject: customerSubject(who) } as const;
        const answer = shard.do({ ...act, email: who, name: null });
        if (model.customers.includes(who)) expect(answer).toEqual({ code: "customer_exists" });
        else model.customers.push(who);
        return;
      }
      case "offer": {
        const { offer: name, discount: worth } = what;
        const pricing = what.pricing;
        const act = { programme: "vouchers", act: "put_offer", subject: offerSubject(name) } as const;
        shard.do({ ...act, name, discount: worth, pricing });
        model.offers.set(name, { discount: worth, pricing });
        return;
      }
      case "issue":
        return this.#issue(what);
      case "batch":
        return this.#batch(what);
      case "wait":
        shard.timeMs += what.inMs;
        return;
      case "restart":
        shard.programme = restored(itemsOf(shard.programme));
        return;
      default:
        return this.#use(what);
    }
  }

  /** Compares all that can be read with the model. */
  check(): void {
    const { shard, model } = this;
    shard.end();
    this.#catchUp();
    for (const who of EMAILS) {
      const { rows } = shard.ask("vouchers", who, null, 500, null) as { rows: [JsonValue, VoucherView][] };
      expect(rows.map(([, row]) => row)).toEqual(model.list(who, shard.timeMs));
    }
    for (const [name, { discount: worth, pricing }] of model.offers)
      expect(shard.ask("offer", name)).toMatchObject({ discount: worth, pricing });
    expect(shard.ask("count")).toBe(model.customers.length);
  }

  #issue(what: Extract<Step, { do: "issue" }>): void {
    const { shard, model } = this;
    const { email: who, offer: name, discount: worth, usesMax: uses } = what;
    const expiresAtMs = shard.timeMs + what.inMs;
    const named = { programme: "vouchers", act: "issue", subject: customerSubject(who) } as const;
    const answer = shard.do({
      ...named,
      email: who,
      offer: name,
      discount: worth,
      expiresAtMs,
      usesMax: uses,
    });
    if (!model.customers.includes(who)) return expect(answer).toEqual({ code: "customer_not_found" });
    const known = model.offers.get(name);
    if (known === undefined && worth === null) return expect(answer).toEqual({ code: "offer_not_found" });
    if (worth !== null) model.offers.set(name, { pricing: known?.pricing ?? "live", discount: worth });
    const { code, discount: given } = answer as VoucherEffect<"issue">;
    expect(given).toEqual(model.offers.get(name)?.discount);
    this.#catchUp();
    model.add(code, who, name, expiresAtMs, shard.timeMs, uses);
    return undefined;
  }

  #use(what: Extract<Step, { do: "redeem" | "rollback" | "cancel" }>): void {
    const { shard, model } = this;
    const { do: act, email: who, which: index, own: isOwn } = what;
    shard.end();
    this.#catchUp();
    const voucher = model.vouchers[index];
    if (voucher === undefined) return;
    const by = isOwn ? voucher.email : who;
    const named = {
      programme: "vouchers",
      subject: customerSubject(by),
      email: by,
      code: voucher.code,
    } as const;
    const redemption = what.do === "rollback" ? what.redemption : null;
    const answer =
      act === "rollback"
        ? shard.do({ ...named, act, ...(redemption !== null && { redemption }) })
        : shard.do({ ...named, act });
    const status = model.statusOf(voucher, shard.timeMs);
    if (voucher.email !== by) return expect(answer).toEqual({ code: "voucher_not_found" });
    if (act !== "rollback" && status !== "valid") {
      const why = status === "redeemed" ? "voucher_already_redeemed" : `voucher_${status}`;
      return expect(answer).toEqual({ code: why });
    }
    const { redemptions } = voucher;
    if (act === "redeem") {
      const worth = model.worth(voucher);
      voucher.redeemed += 1;
      redemptions.push({ number: voucher.redeemed, atMs: shard.timeMs, discount: worth });
      if (redemptions.length === voucher.usesMax) voucher.status = "redeemed";
      const usesLeft = voucher.usesMax - redemptions.length;
      return expect(answer).toEqual({
        offer: voucher.offer,
        discount: worth,
        redemption: voucher.redeemed,
        usesLeft,
      });
    }
    if (act === "rollback") {
      const at =
        redemption === null
          ? redemptions.length - 1
          : redemptions.findIndex(({ number }) => number === redemption);
      if (at < 0) return expect(answer).toEqual({ code: "not_redeemed" });
      redemptions.splice(at, 1);
      if (voucher.status === "redeemed") voucher.status = "valid";
    } else {
      voucher.status = "cancelled";
      voucher.settledAtMs = shard.timeMs;
    }
    expect(answer).toMatchObject({
      offer: voucher.offer,
      discount: model.worth(voucher),
      usesLeft: voucher.usesMax - redemptions.length,
      usedAtMs: redemptions.at(-1)?.atMs ?? null,
    });
    return undefined;
  }

  #batch(what: Extract<Step, { do: "batch" }>): void {
    const { shard, model } = this;
    const { offer: name, all: isForAll, delayMs, inMs, usesMax: uses } = what;
    const places = model.customers.map((_, place) => place).filter((place) => place % 2 === 0);
    const recipients: Recipients = isForAll ? model.customers.length : places;
    const runAtMs = shard.timeMs + delayMs;
    const answer = shard.do({
      programme: "vouchers",
      act: "create_batch",
      subject: VOUCHERS_SUBJECT,
      offer: name,
      expiresAtMs: runAtMs + inMs,
      runAtMs,
      recipients: [recipients],
      unknown: null,
      usesMax: uses,
    });
    if (!model.offers.has(name)) return expect(answer).toEqual({ code: "offer_not_found" });
    for (const [place, who] of model.customers.entries())
      if (isForAll || places.includes(place))
        model.waiting.push({
          email: who,
          offer: name,
          expiresAtMs: runAtMs + inMs,
          atMs: runAtMs,
          usesMax: uses,
        });
    return undefined;
  }

  #read = 0;

  /** Takes the random codes of portions from the log; the model computes who gets a voucher, and when. */
  #catchUp(): void {
    const { shard, model } = this;
    for (const [act, effect, timeMs] of shard.log.slice(this.#read)) {
      this.#read += 1;
      if (act.act === "forget") model.forget((effect as VoucherEffect<"forget">).forgotten, timeMs);
      if (act.act !== "issue_portion") continue;
      const {
        issued,
        offer: name,
        expiresAtMs,
        usesMax: uses = 1,
      } = effect as VoucherEffect<"issue_portion">;
      for (const [who, code] of issued) {
        const at = model.waiting.findIndex(
          (each) =>
            each.email === who &&
            each.offer === name &&
            each.expiresAtMs === expiresAtMs &&
            each.usesMax === uses &&
            each.atMs <= timeMs,
        );
        expect(at).toBeGreaterThanOrEqual(0);
        model.waiting.splice(at, 1);
        model.add(code, who, name, expiresAtMs, timeMs, uses);
      }
    }
  }
}

test("random acts give what a plain model gives; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 80, size: "max" }), (steps) => {
      const run = new Run();
      for (const what of steps) {
        run.shard.end();
        run.take(what);
        run.check();
      }
      const { shard, model } = run;
      // Execute everything that is scheduled: first the portions, then all expiries.
      for (let ends = 0; ends < Number.POSITIVE_INFINITY; ends = shard.programme.scheduler.nextDueMs) {
        shard.timeMs = Math.max(shard.timeMs, ends);
        shard.end();
      }
      run.check();
      expect(model.waiting).toEqual([]);
      expect(model.vouchers.filter((voucher) => voucher.status !== "valid")).toEqual([]);
      const items = itemsOf(shard.programme);
      const replayed = newProgramme();
      for (const [act, effect, timeMs] of shard.log)
        replayed.vouchers.apply(act, effect, { partner: PARTNER, timeMs, transfer: null, amount: 0 });
      expect(itemsOf(replayed)).toEqual(items);
      expect(itemsOf(restored(items))).toEqual(items);
    }),
    { numRuns: runs(150) },
  );
});

test("a portion has at most 128 vouchers, and batches take turns", () => {
  const { shard, do: act } = { shard: new Shard(), do: { programme: "vouchers" } as const };
  for (let i = 0; i < 600; i++) {
    const who = `m${i}@x`;
    shard.do({ ...act, act: "create_customer", subject: customerSubject(who), email: who, name: null });
  }
  shard.do({ ...act, act: "put_offer", subject: "offer:o", name: "o", discount: 1, pricing: "live" });
  const batch = { ...act, act: "create_batch", subject: VOUCHERS_SUBJECT, offer: "o" } as const;
  for (let i = 0; i < 2; i++)
    shard.do({ ...batch, expiresAtMs: 1e6, runAtMs: null, recipients: [600], unknown: null });
  for (let i = 0; i < 12; i++) {
    shard.end();
    shard.timeMs += 1;
  }
  const portions = shard.log.filter(([each]) => each.act === "issue_portion");
  expect(
    portions.map(([, effect, timeMs]) => [(effect as VoucherEffect<"issue_portion">).issued.length, timeMs]),
  ).toEqual([128, 128, 128, 128, 128, 128, 128, 128, 88, 88].map((count, i) => [count, 1000 + i]));
  expect(new Set(portions.slice(0, 2).map(([each]) => "batch" in each && each.batch)).size).toBe(2);
  const middle = restored(itemsOf(shard.programme));
  expect(itemsOf(middle)).toEqual(itemsOf(shard.programme));
});

test("many vouchers of one customer expire at the same time, 32 per record", () => {
  const shard = new Shard();
  const named = { programme: "vouchers", subject: customerSubject("a@x"), email: "a@x" } as const;
  shard.do({ ...named, act: "create_customer", name: null });
  for (let i = 0; i < 100; i++)
    shard.do({ ...named, act: "issue", offer: "o", discount: 5, expiresAtMs: 2_000 });
  shard.timeMs = 2_000;
  shard.end();
  const ended = shard.log
    .filter(([each]) => each.act === "expire")
    .map(([, effect]) => effect as VoucherEffect<"expire">);
  expect(ended.map(({ expired }) => expired.length)).toEqual([32, 32, 32, 4]);
  expect(new Set(ended.flatMap(({ expired }) => expired.map(([code]) => code))).size).toBe(100);
  expect(shard.programme.scheduler.nextDueMs).toBeGreaterThan(SETTLED_KEPT_MS);
});

test("the broadcast of a batch may arrive before that of its offer", () => {
  const shard = new Shard();
  const named = { programme: "vouchers", subject: customerSubject("a@x"), email: "a@x" } as const;
  shard.do({ ...named, act: "create_customer", name: null });
  const offer = { name: "o", discount: 7, pricing: "snapshot", version: 2, shard: 1 } as const;
  const order = { offer: "o", expiresAtMs: 1e9, runAtMs: 1_000 };
  shard.programme.vouchers.receiveBroadcast(
    { offer, batch: { id: "b", order, recipients: [1] } },
    PARTNER,
    1_000,
  );
  // A broadcast that arrives late has an older version, and is ignored.
  shard.programme.vouchers.receiveBroadcast({ offer: { ...offer, discount: 6, version: 1 } }, PARTNER, 1_000);
  expect(shard.ask("vouchers", "a@x", "valid", 50, null)).toMatchObject({
    rows: [[[1_000, 0, 0], { discount: 7 }]],
  });
  expect(shard.ask("batch", "b")).toMatchObject({ requested: 1, issued: 1, isDone: true });
});

test("the numbers of offers and of unfinished batches are limited", () => {
  const shard = new Shard();
  const act = { programme: "vouchers" } as const;
  const { programme } = shard;
  for (let i = 0; i < 10_000; i++)
    programme.vouchers.receiveBroadcast(
      { offer: { name: `o${i}`, discount: 1, pricing: "live", version: 1, shard: 1 } },
      PARTNER,
      1_000,
    );
  const put = (name: string) =>
    programme.vouchers.decide(
      { ...act, act: "put_offer", subject: offerSubject(name), name, discount: 2, pricing: "live" },
      { partner: PARTNER, nowMs: 1_000, amount: 0 },
    );
  expect(put("more")).toMatchObject({ code: "too_many_offers" });
  expect(put("o7")).toMatchObject({ ok: true });
  const offer = { name: "o1", discount: 1, pricing: "live", version: 1, shard: 1 } as const;
  const order = { offer: "o1", expiresAtMs: 1e9, runAtMs: 1e8 };
  for (let i = 0; i < 100; i++)
    programme.vouchers.receiveBroadcast(
      { offer, batch: { id: `b${i}`, order, recipients: [0] } },
      PARTNER,
      1_000,
    );
  const batch = { ...act, act: "create_batch", subject: VOUCHERS_SUBJECT, ...order } as const;
  const context = { partner: PARTNER, nowMs: 1_000, amount: 0 };
  const decided = programme.vouchers.decide({ ...batch, recipients: [0], unknown: null }, context);
  expect(decided).toMatchObject({ code: "too_many_batches" });
});
