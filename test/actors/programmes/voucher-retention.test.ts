/** Settled vouchers leave memory after 30 days. */
import { expect, test } from "vitest";
import { historiesOf } from "../../../src/actors/programmes/programmes.ts";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import { FORGOTTEN_PER_RECORD_MAX, SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  askCodes,
  askVoucher,
  askVouchers,
  customerSubject,
  type ForgottenVoucher,
  VOUCHERS_SUBJECT,
  type VoucherEffect,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { Vouchers } from "../../../src/actors/programmes/vouchers/vouchers.ts";
import type { TimedRecord } from "../ledger/ledger-run.ts";
import { ANN, of, PARTNER, Shop } from "./voucher-fixture.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const BOB = "bob@x";

/** A shop whose log times are full minutes at first, so that 30 days later is one too. */
function shopOfTwo(log?: (record: TimedRecord) => void): Shop {
  const shop = new Shop(random(), log);
  shop.run.nowMs = Math.ceil(shop.run.nowMs / MINUTE_MS) * MINUTE_MS;
  shop.customer(ANN);
  shop.customer(BOB);
  shop.put("spring", 500);
  return shop;
}

function issue(shop: Shop, email: string, inMs = 1_000 * DAY_MS, usesMax = 1): string {
  return (shop.issue(email, "spring", null, inMs, usesMax) as VoucherEffect<"issue">).code;
}

function isKnown(shop: Shop, email: string, code: string): boolean {
  return shop.ask(askVoucher(email, code)) !== null;
}

/** Whether the voucher is known to the last millisecond before `dueMs`, and not from then on. */
function expectForgottenAt(shop: Shop, code: string, dueMs: number): void {
  shop.run.nowMs = dueMs - 1;
  expect(isKnown(shop, ANN, code)).toBe(true);
  shop.run.nowMs = dueMs;
  expect(isKnown(shop, ANN, code)).toBe(false);
}

test("a redeemed voucher is forgotten 30 days after its last redemption, and not a millisecond before", () => {
  const shop = shopOfTwo();
  const code = issue(shop, ANN, 1_000 * DAY_MS, 2);
  shop.use("redeem", ANN, code);
  shop.run.nowMs += 40 * DAY_MS;
  // One use is left: it is not settled.
  expect(isKnown(shop, ANN, code)).toBe(true);
  shop.use("redeem", ANN, code);
  expectForgottenAt(shop, code, shop.run.nowMs + SETTLED_KEPT_MS);
  for (const act of ["redeem", "rollback", "cancel"] as const)
    expect(shop.use(act, ANN, code)).toEqual(["voucher_not_found", null]);
});

test("an expired voucher is forgotten 30 days after its expiry, a cancelled one after the cancellation", () => {
  const shop = shopOfTwo();
  const startMs = shop.run.nowMs;
  const [expired, cancelled] = [issue(shop, ANN, 5 * DAY_MS), issue(shop, ANN, 5 * DAY_MS)];
  shop.run.nowMs += 2 * DAY_MS;
  shop.use("cancel", ANN, cancelled);
  expectForgottenAt(shop, cancelled, startMs + 2 * DAY_MS + SETTLED_KEPT_MS);
  expectForgottenAt(shop, expired, startMs + 5 * DAY_MS + SETTLED_KEPT_MS);
});

test("the time is rounded up to the full minute, so that many vouchers share a record", () => {
  const shop = shopOfTwo();
  const startMs = shop.run.nowMs;
  const codes = Array.from({ length: 20 }, (_, i) => issue(shop, i % 2 === 0 ? ANN : BOB));
  for (const [i, code] of codes.entries()) {
    shop.run.nowMs += 1_000;
    shop.use("redeem", i % 2 === 0 ? ANN : BOB, code);
  }
  const { scheduler } = shop.run.ledger.state.programmes;
  expect(scheduler.nextDueMs).toBe(startMs + SETTLED_KEPT_MS + MINUTE_MS);
  expectForgottenAt(shop, codes[0] as string, startMs + SETTLED_KEPT_MS + MINUTE_MS);
  expect(shop.ask(askCodes(codes))).toEqual([]);
  expect(scheduler.nextDueMs).toBe(Number.POSITIVE_INFINITY);
});

test("a voucher that is rolled back stays, and is forgotten 30 days after the redemption that follows", () => {
  const shop = shopOfTwo();
  const code = issue(shop, ANN);
  shop.use("redeem", ANN, code);
  shop.run.nowMs += SETTLED_KEPT_MS - 1;
  shop.use("rollback", ANN, code);
  shop.run.nowMs += 100 * DAY_MS + 1;
  expect(isKnown(shop, ANN, code)).toBe(true);
  shop.use("redeem", ANN, code);
  expectForgottenAt(shop, code, shop.run.nowMs + SETTLED_KEPT_MS);
});

test("the record has what answers need of each voucher, at most 256 of them; the next one is 1 ms later", () => {
  const records: TimedRecord[] = [];
  const shop = shopOfTwo((record) => records.push(record));
  const { run } = shop;
  const startMs = run.nowMs;
  const codes = Array.from({ length: FORGOTTEN_PER_RECORD_MAX + 10 }, () => issue(shop, ANN, 5_000));
  shop.use("redeem", ANN, codes[0] as string);
  run.nowMs = startMs + SETTLED_KEPT_MS + MINUTE_MS;
  for (let i = 0; i < 3; i++, run.nowMs += 1) run.end();
  const forgotten = records.flatMap(({ command, outcome, timeMs }) =>
    command.op === "act" && command.act.act === "forget" && "effect" in outcome
      ? [{ ...(outcome.effect as VoucherEffect<"forget">), timeMs, subject: command.act.subject }]
      : [],
  );
  expect(forgotten.map((each) => [each.forgotten.length, each.timeMs - startMs - SETTLED_KEPT_MS])).toEqual([
    [256, MINUTE_MS],
    [10, MINUTE_MS + 1],
  ]);
  expect(forgotten[0]?.subject).toBe(VOUCHERS_SUBJECT);
  const rows = forgotten.flatMap((each) => each.forgotten);
  const rowOf = (code: string) => rows.find((row: ForgottenVoucher) => row[1] === code);
  const common = [startMs + 5_000, startMs] as const;
  expect(rowOf(codes[0] as string)).toEqual([
    ANN,
    codes[0],
    "spring",
    500,
    "redeemed",
    ...common,
    startMs,
    1,
    0,
  ]);
  expect(rowOf(codes[1] as string)).toEqual([ANN, codes[1], "spring", 500, "expired", ...common, null, 1, 1]);
});

test("only the record that forgets vouchers has their codes and customers as subjects", () => {
  const records: TimedRecord[] = [];
  const shop = shopOfTwo((record) => records.push(record));
  const codes = [ANN, BOB, ANN].map((email) => issue(shop, email));
  for (const [i, code] of codes.entries()) shop.use("redeem", i === 1 ? BOB : ANN, code);
  shop.use("rollback", ANN, codes[0] as string);
  shop.use("cancel", ANN, codes[0] as string);
  issue(shop, BOB, 10);
  shop.batch("spring", [2]);
  shop.run.nowMs += 100;
  shop.run.end();
  shop.run.nowMs += SETTLED_KEPT_MS + MINUTE_MS;
  shop.run.end();
  const histories = records.map(({ command, outcome }) =>
    command.op === "act" && "effect" in outcome
      ? [command.act.act, historiesOf(command.act, outcome.effect)]
      : [],
  );
  for (const [act, names] of histories) if (act !== "forget") expect(names).toEqual(["vouchers"]);
  const [[, forgotten = []] = []] = histories.filter(([act]) => act === "forget");
  const subjects = [...codes.map((code) => `voucher:${code}`), `customer:${ANN}`, `customer:${BOB}`];
  expect(forgotten).toEqual(expect.arrayContaining(subjects.map((subject) => `vouchers\0${subject}`)));
  expect(new Set(forgotten).size).toBe(forgotten.length);
});

test("a page of a list continues where the one before has ended, also if vouchers between are forgotten", () => {
  const shop = shopOfTwo();
  const codes = Array.from({ length: 6 }, () => issue(shop, ANN));
  shop.use("redeem", ANN, codes[1] as string);
  shop.use("redeem", ANN, codes[4] as string);
  shop.run.nowMs += SETTLED_KEPT_MS - MINUTE_MS;
  const first = shop.ask(askVouchers(ANN, null)([3, null]));
  shop.run.nowMs += MINUTE_MS;
  const second = shop.ask(askVouchers(ANN, null)([3, first.upTo]));
  const shown = [...first.rows, ...second.rows].map(([, { code }]) => code);
  expect(shown).toEqual([5, 4, 3, 2, 0].map((i) => codes[i]));
  // What is issued later has a later place, also in a copy that is restored from items.
  const later = issue(shop, ANN);
  const restored = restoredOf(shop);
  for (const page of [
    shop.ask(askVouchers(ANN, null)([2, null])),
    restored.vouchers.answer(PARTNER, ["vouchers", ANN, null, 2, null], shop.run.nowMs),
  ])
    expect(page).toMatchObject({
      rows: [
        [[shop.run.nowMs, 0, 6], { code: later }],
        [[expect.anything(), 0, 5], {}],
      ],
    });
});

function restoredOf(shop: Shop): Readonly<{ scheduler: Scheduler; vouchers: Vouchers }> {
  const scheduler = new Scheduler();
  const vouchers = new Vouchers({
    shard: 0,
    shards: 1,
    account: () => undefined,
    random: random(),
    scheduler,
  });
  for (const [name, item] of shop.run.ledger.state.programmes.items())
    if (name === "vouchers") vouchers.restore(structuredClone(item));
  return { scheduler, vouchers };
}

test("an erased customer takes its settled vouchers along", () => {
  const shop = new Shop();
  const named = of("create_customer", customerSubject(ANN));
  shop.do({ ...named, email: ANN, name: null, person: "0a0b0c0d-1:x" });
  shop.put("spring", 500);
  shop.use("redeem", ANN, issue(shop, ANN));
  shop.use("cancel", ANN, issue(shop, ANN));
  shop.do({ ...of("erase_customer", customerSubject(ANN)), email: ANN });
  expect(shop.run.ledger.state.programmes.scheduler.nextDueMs).toBe(Number.POSITIVE_INFINITY);
});

test("a cancelled voucher of an older version's snapshot is forgotten 30 days after its expiry", () => {
  const shop = shopOfTwo();
  const { scheduler, vouchers } = restoredOf(shop);
  const endsAtMs = shop.run.nowMs + 7 * DAY_MS;
  const item = ["voucher", PARTNER, ANN, "C", "spring", endsAtMs, 0, null, "cancelled", null] as const;
  vouchers.restore(item);
  expect(scheduler.nextDueMs).toBe(endsAtMs + SETTLED_KEPT_MS);
  expect([...vouchers.items()]).toContainEqual(item);
});

test("a server that restarts in the middle writes the records that it would have written", () => {
  const logs = [Number.POSITIVE_INFINITY, 20, 40].map((restartAfter) => {
    const records: TimedRecord[] = [];
    const shop = new Shop(random(), (record) => records.push(record));
    shop.customer(ANN);
    shop.customer(BOB);
    shop.put("spring", 500);
    for (let day = 0; day < 50; day++) {
      shop.run.nowMs += DAY_MS + 7;
      const [used = "", , cancelled = "", back = ""] = [1, 2, 3, 4].map((days) =>
        issue(shop, ANN, days * DAY_MS),
      );
      shop.use("redeem", ANN, used);
      shop.use("cancel", ANN, cancelled);
      shop.use("redeem", ANN, back);
      if (day % 3 === 0) shop.use("rollback", ANN, back);
      if (day === restartAfter) shop.restart();
    }
    for (let day = 0; day < 50; day++) {
      shop.run.nowMs += DAY_MS;
      shop.run.end();
    }
    expect(shop.ask(askVouchers(ANN, null)([10, null])).rows).toEqual([]);
    return records;
  });
  expect(logs[1]).toEqual(logs[0]);
  expect(logs[2]).toEqual(logs[0]);
});

test("the vouchers in memory and their bytes stay level over a year", () => {
  const PER_MONTH = 8_000;
  const shop = new Shop(random());
  const customers = Array.from({ length: 50 }, (_, i) => `c${i}@x`);
  for (const email of customers) shop.customer(email);
  shop.put("spring", 500);
  const { state } = shop.run.ledger;
  const levels: (readonly [vouchers: number, bytes: number])[] = [];
  for (let month = 0; month < 12; month++) {
    for (let i = 0; i < PER_MONTH; i++) {
      const email = customers[i % customers.length] as string;
      shop.use("redeem", email, issue(shop, email));
      shop.run.nowMs += Math.floor(SETTLED_KEPT_MS / PER_MONTH);
    }
    let vouchers = 0;
    for (const [, item] of state.programmes.items()) if (item[0] === "voucher") vouchers += 1;
    levels.push([vouchers, state.usageOf(PARTNER).bytes]);
  }
  const [, first = [0, 0]] = levels;
  expect(first[0]).toBeGreaterThan(PER_MONTH - 10);
  for (const [vouchers, bytes] of levels.slice(1)) {
    expect(Math.abs(vouchers - first[0])).toBeLessThan(PER_MONTH / 100);
    expect(Math.abs(bytes - first[1])).toBeLessThan(first[1] / 50);
  }
});

/** Random bytes from a seed. Codes must differ, also those of vouchers that are forgotten. */
function random(): (bytes: number) => Uint8Array {
  let seed = 1;
  return (bytes) =>
    Uint8Array.from({ length: bytes }, () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed >>> 24;
    });
}
