/** Orders of wallets leave memory 30 days after they have ended. */
import { expect, test } from "vitest";
import { historiesOf } from "../../../src/actors/programmes/programmes.ts";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import { SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import {
  type HoldView,
  type OrderActs,
  PLATFORM_TENANT,
  type RequestView,
  type WalletAct,
  type WalletEffect,
  type WalletOrder,
  type WithdrawalView,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { ORDERS_MAX, WalletOrders } from "../../../src/actors/programmes/wallet/wallet-orders.ts";
import type { Act } from "../../../src/actors/records/act.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const START_MS = 1_000 * DAY_MS;
const [PAYER, PAYEE] = ["wal_a", "wal_b"] as const;

const hold: HoldView = {
  kind: "hold",
  id: "h",
  wallet: PAYER,
  amount: 5,
  captured: 0,
  memo: "taxi",
  status: "pending",
  createdAtMs: START_MS,
  expiresAtMs: START_MS + 7 * DAY_MS,
  to: PAYEE,
};
const request: RequestView = {
  kind: "request",
  id: "r",
  wallet: PAYER,
  requester: PAYEE,
  amount: 5,
  memo: "rent",
  status: "declined",
  transfer: null,
  createdAtMs: START_MS,
  expiresAtMs: START_MS + 2 * DAY_MS,
};
const withdrawal: WithdrawalView = {
  kind: "withdrawal",
  id: "w",
  wallet: PAYER,
  amount: 5,
  details: "IBAN",
  status: "pending",
  bank: null,
  createdAtMs: START_MS,
};

class Fixture {
  readonly scheduler = new Scheduler();
  bytes = 0;
  readonly orders = new WalletOrders(
    {
      shard: 0,
      shards: 1,
      account: () => undefined,
      random: (bytes) => new Uint8Array(bytes),
      scheduler: this.scheduler,
      countBytes: (_, bytes) => {
        this.bytes += bytes;
      },
    },
    () => true,
  );

  constructor(...orders: readonly WalletOrder[]) {
    for (const order of orders) this.orders.restore(["paper", order]);
  }

  /** Executes what is due at this time. @returns the orders that it has forgotten, and the acts of the records */
  run(nowMs: number): readonly Readonly<{ act: Act; effect: WalletEffect<"forget"> }>[] {
    const done: Readonly<{ act: Act; effect: WalletEffect<"forget"> }>[] = [];
    for (let due = this.scheduler.nextDue(nowMs); due !== undefined; due = this.scheduler.nextDue(nowMs)) {
      const command = due.command();
      if (command.op !== "act" || command.act.act !== "forget") throw new Error("only forgetting is due");
      const act = command.act as WalletAct<"forget">;
      const decided = this.orders.decisions.forget(act, { partner: PLATFORM_TENANT, nowMs, amount: 0 });
      if (!decided.ok) throw new Error("forgetting is refused");
      const context = { partner: PLATFORM_TENANT, timeMs: nowMs, transfer: null, amount: 0 };
      this.orders.changes.forget(act, decided.effect, context);
      done.push({ act, effect: decided.effect });
    }
    return done;
  }

  decide(
    act: "confirm_withdrawal" | "fail_withdrawal",
    atMs: number,
  ): OrderActs["fail_withdrawal"]["effect"] {
    const common = { programme: "wallet", subject: "withdrawal:w", withdrawal: "w", bank: "mill" } as const;
    const context = { partner: PLATFORM_TENANT, nowMs: atMs, amount: 5 };
    const done = { partner: PLATFORM_TENANT, timeMs: atMs, transfer: "w", amount: 5 };
    const decided =
      act === "confirm_withdrawal"
        ? this.orders.decisions.confirm_withdrawal({ ...common, act }, context)
        : this.orders.decisions.fail_withdrawal({ ...common, act }, context);
    if (!decided.ok) throw new Error(decided.code);
    if (act === "confirm_withdrawal")
      this.orders.changes.confirm_withdrawal({ ...common, act }, decided.effect, done);
    else this.orders.changes.fail_withdrawal({ ...common, act }, decided.effect, done);
    return decided.effect;
  }
}

test("a hold and a payment request are forgotten 30 days after their expiry, and not a millisecond before", () => {
  for (const order of [hold, { ...hold, status: "captured", captured: 5 } as const, request]) {
    const fixture = new Fixture(order);
    const dueMs = order.expiresAtMs + SETTLED_KEPT_MS;
    expect(fixture.run(dueMs - 1)).toEqual([]);
    expect(fixture.orders.order(order.id, dueMs - 1)).not.toBeNull();
    const status = order.status === "pending" ? "expired" : order.status;
    expect(fixture.run(dueMs)).toMatchObject([{ effect: { forgotten: [{ ...order, status }] } }]);
    expect(fixture.orders.order(order.id, dueMs)).toBeNull();
    expect([...fixture.orders.items()]).toEqual([]);
    expect([fixture.bytes, fixture.scheduler.nextDueMs]).toEqual([0, Number.POSITIVE_INFINITY]);
  }
});

test("a withdrawal is forgotten 30 days after the bank's decision, however late that is", () => {
  for (const act of ["confirm_withdrawal", "fail_withdrawal"] as const) {
    const fixture = new Fixture(withdrawal);
    const decidedAtMs = START_MS + 400 * DAY_MS;
    expect(fixture.run(decidedAtMs)).toEqual([]);
    expect(fixture.decide(act, decidedAtMs)).toEqual({ decidedAtMs });
    const restored = new Fixture(...[...fixture.orders.items()].map(([, order]) => order));
    for (const each of [fixture, restored]) {
      expect(each.run(decidedAtMs + SETTLED_KEPT_MS - 1)).toEqual([]);
      const status = act === "confirm_withdrawal" ? "confirmed" : "failed";
      expect(each.run(decidedAtMs + SETTLED_KEPT_MS)).toMatchObject([
        { effect: { forgotten: [{ ...withdrawal, status, bank: "mill", decidedAtMs }] } },
      ]);
      expect(each.bytes).toBe(0);
    }
  }
});

test("a withdrawal that an older version has decided is forgotten 30 days after its creation, in a replay as from a snapshot", () => {
  const old = { ...withdrawal, status: "failed", bank: "mill" } as const;
  const fromSnapshot = new Fixture(old);
  const replayed = new Fixture(withdrawal);
  const act = {
    programme: "wallet",
    act: "fail_withdrawal",
    subject: "withdrawal:w",
    withdrawal: "w",
    bank: "mill",
  } as const;
  const context = { partner: PLATFORM_TENANT, timeMs: START_MS + DAY_MS, transfer: "w", amount: 5 };
  replayed.orders.changes.fail_withdrawal(act, null, context);
  for (const fixture of [fromSnapshot, replayed]) {
    expect([...fixture.orders.items()]).toEqual([["paper", old]]);
    expect(fixture.scheduler.nextDueMs).toBe(START_MS + SETTLED_KEPT_MS);
  }
});

test("an order that makes room for a new one is not forgotten again", () => {
  const orders = Array.from({ length: ORDERS_MAX }, (_, i) => ({ ...hold, id: `h${i}` }));
  const fixture = new Fixture(...orders.map((order) => ({ ...order, status: "captured" as const })));
  const act = {
    programme: "wallet",
    act: "hold",
    subject: "wallet:wal_a",
    wallet: PAYER,
    amount: 1,
  } as const;
  const context = { partner: PLATFORM_TENANT, timeMs: START_MS + DAY_MS, transfer: "new", amount: 1 };
  fixture.orders.changes.hold({ ...act, memo: null, timeoutMs: 100 * DAY_MS }, null, context);
  expect(fixture.orders.order("h0", START_MS)).toBeNull();
  // A record forgets at most 256; the next one is 1 ms later.
  const dueMs = hold.expiresAtMs + SETTLED_KEPT_MS;
  const forgotten = [dueMs, dueMs + 1].flatMap((nowMs) => fixture.run(nowMs));
  expect(forgotten.flatMap(({ effect }) => effect.forgotten.map(({ id }) => id)).toSorted()).toEqual(
    orders
      .slice(1)
      .map(({ id }) => id)
      .toSorted(),
  );
  expect([...fixture.orders.items()]).toHaveLength(1);
});

test("the archive finds the record by the orders and by the lists that showed them", () => {
  const fixture = new Fixture(hold, request, { ...withdrawal, status: "failed", bank: "mill" });
  const histories = fixture
    .run(hold.expiresAtMs + SETTLED_KEPT_MS)
    .flatMap(({ act, effect }) => historiesOf(act, effect));
  const lists = [`holds:${PAYER}`, `payee_holds:${PAYEE}`, `payer:${PAYER}`, `requester:${PAYEE}`];
  const subjects = [
    "h",
    "r",
    "w",
    ...[...lists, `withdrawals:${PAYER}`, "all_withdrawals:"].map((list) => `forgotten-${list}`),
  ];
  expect(new Set(histories)).toEqual(new Set(["wallet", ...subjects.map((subject) => `wallet\0${subject}`)]));
});

test("a capture whose hold has left memory in between changes nothing", () => {
  const fixture = new Fixture(hold);
  fixture.run(hold.expiresAtMs + SETTLED_KEPT_MS);
  const context = { partner: PLATFORM_TENANT, timeMs: START_MS, transfer: "h", amount: 5 };
  const common = { programme: "wallet", subject: "wallet:wal_b", wallet: PAYEE, hold: "h" } as const;
  fixture.orders.changes.capture({ ...common, act: "capture", final: true }, null, context);
  fixture.orders.changes.void_hold({ ...common, act: "void_hold" }, null, context);
  expect([...fixture.orders.items()]).toEqual([]);
});
