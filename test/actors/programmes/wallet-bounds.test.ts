/** Limits and expiry of a wallet's orders. */
import { describe, expect, test } from "vitest";
import type { ListRequest } from "../../../src/actors/programmes/paged-index.ts";
import type {
  ApplyContext,
  Decision,
  DecisionContext,
  ProgrammeContext,
  ScheduledCommand,
} from "../../../src/actors/programmes/programme.ts";
import {
  ORDERS_SUBJECT,
  type OrderActs,
  type OrderList,
  PLATFORM_TENANT,
  vnodeOfWallet,
  type WalletAct,
  type WalletEffect,
  type WalletOrder,
  walletAccount,
} from "../../../src/actors/programmes/wallet/acts.ts";
import { ORDERS_MAX, WalletOrders } from "../../../src/actors/programmes/wallet/wallet-orders.ts";
import type { Act } from "../../../src/actors/records/act.ts";

const HOUR_MS = 3_600_000;
const ALL: ListRequest = [999, null];
const header = { partner: PLATFORM_TENANT, key: null, fingerprint: 0 } as const;
const PAYER = "wal_a";

type OrderEffect = WalletEffect<keyof OrderActs>;

function isOrder(order: WalletOrder): order is WalletOrder {
  return "kind" in order;
}

/** The orders of wallets, without the ledger that moves the money. */
class OrderFixture {
  readonly scheduled = new Set<ScheduledCommand>();
  readonly orders: WalletOrders;
  nowMs = 1000;
  #created = 0;

  constructor() {
    const scheduler = {
      add: (item: ScheduledCommand) => void this.scheduled.add(item),
      remove: (item: ScheduledCommand) => void this.scheduled.delete(item),
    };
    const random = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => this.#created >> (8 * i));
    const shardContext = { shard: 3, shards: 4, account: () => undefined };
    const context: ProgrammeContext = { ...shardContext, random, scheduler };
    this.orders = new WalletOrders(context, (wallet) => wallet.startsWith("wal_"));
  }

  /** @returns the code of the rejection, or the id of the order */
  do(act: WalletAct<keyof OrderActs>, amount = 0): string {
    this.#created += 1;
    const transfer = `t${this.#created}`;
    // TypeScript does not relate the act to the entry with its name.
    const { decisions, changes } = this.orders;
    const decide = decisions[act.act] as (act: Act, context: DecisionContext) => Decision<OrderEffect>;
    const decided = decide(act, { partner: PLATFORM_TENANT, nowMs: this.nowMs, amount });
    if (!decided.ok) return decided.code;
    const apply = changes[act.act] as (act: Act, effect: OrderEffect, done: ApplyContext) => void;
    apply(act, decided.effect, {
      partner: PLATFORM_TENANT,
      timeMs: this.nowMs,
      transfer,
      amount,
    });
    return decided.effect !== null && "id" in decided.effect ? decided.effect.id : transfer;
  }

  ids(list: OrderList, wallet: string): readonly string[] {
    return this.orders.list(list, wallet, ALL, this.nowMs, isOrder).rows.map(([, { id }]) => id);
  }
}

const ofPayer = { programme: "wallet", subject: walletAccount(PAYER), wallet: PAYER } as const;
const KINDS = {
  holds: {
    make: { ...ofPayer, act: "hold", amount: 5, memo: null, timeoutMs: HOUR_MS },
    end: (hold: string) => ({ ...ofPayer, act: "void_hold", hold }),
  },
  withdrawals: {
    make: { ...ofPayer, act: "withdraw", amount: 5, details: "IBAN" },
    end: (withdrawal: string) => ({
      programme: "wallet",
      act: "fail_withdrawal",
      subject: "",
      withdrawal,
      bank: "mill",
    }),
  },
  payer: {
    make: {
      programme: "wallet",
      act: "request_payment",
      subject: walletAccount("wal_b"),
      wallet: "wal_b",
      vnode: 7,
      payer: PAYER,
      amount: 5,
      memo: null,
      timeoutMs: HOUR_MS,
    },
    end: (request: string) => ({ ...ofPayer, act: "decline_request", vnode: 7, request }),
  },
} as const satisfies Record<
  string,
  { make: WalletAct<keyof OrderActs>; end: (id: string) => WalletAct<keyof OrderActs> }
>;

describe.each(Object.entries(KINDS))("orders in the list %s", (list, { make, end }) => {
  test("a wallet keeps 500: one more removes the oldest closed one, and is rejected if all are pending", () => {
    const fixture = new OrderFixture();
    const ids = Array.from({ length: ORDERS_MAX }, () => fixture.do(make));
    expect([ORDERS_MAX, new Set(ids).size]).toEqual([500, 500]);
    expect(fixture.do(make)).toBe("too_many_pending");
    const [first = "", second = "", third = ""] = ids;
    fixture.do(end(third));
    fixture.do(end(second));
    const more = fixture.do(make);
    const kept = [...ids.filter((id) => id !== second), more];
    expect(fixture.ids(list as OrderList, PAYER)).toEqual(kept.toReversed());
    expect(fixture.orders.order(second, fixture.nowMs)).toBeNull();
    expect(fixture.orders.order(first, fixture.nowMs)).toMatchObject({ id: first, status: "pending" });
    expect(fixture.do(end(second))).toMatch(/_not_found$/);
    fixture.do(make);
    expect(fixture.do(make)).toBe("too_many_pending");
  });
});

test("an expired hold makes room, although the programme is not notified of its expiry", () => {
  const fixture = new OrderFixture();
  for (let i = 0; i < ORDERS_MAX; i++) fixture.do(KINDS.holds.make);
  fixture.nowMs += HOUR_MS - 1;
  expect(fixture.do(KINDS.holds.make)).toBe("too_many_pending");
  fixture.nowMs += 1;
  expect(fixture.do(KINDS.holds.make)).toMatch(/^t/);
});

test("an order removed from a full wallet leaves its other lists, too", () => {
  const fixture = new OrderFixture();
  const make: WalletAct<keyof OrderActs> = { ...KINDS.payer.make, wallet: "wal_c" };
  const first = fixture.do(make);
  expect(fixture.ids("requester", "wal_c")).toEqual([first]);
  for (let i = 1; i < ORDERS_MAX; i++) fixture.do(KINDS.payer.make);
  fixture.do(KINDS.payer.end(first));
  fixture.do(KINDS.payer.make);
  expect(fixture.ids("requester", "wal_c")).toEqual([]);
  expect(fixture.ids("requester", "wal_b")).toHaveLength(ORDERS_MAX);
  expect(fixture.ids("payer", PAYER)).toHaveLength(ORDERS_MAX);
});

test("a payment request expires by itself, for the payer and the requester", () => {
  const fixture = new OrderFixture();
  const request = fixture.do(KINDS.payer.make);
  const scheduler = [...fixture.scheduled].find(({ id }) => id === request);
  const act = { ...ofPayer, act: "expire_request", vnode: vnodeOfWallet(PAYER), request };
  expect(scheduler?.command()).toEqual({ op: "act", ...header, act });
  expect(scheduler).toMatchObject({
    partner: PLATFORM_TENANT,
    id: request,
    endsAtMs: fixture.nowMs + HOUR_MS,
    subjects: [walletAccount(PAYER), walletAccount("wal_b")],
  });
  fixture.do(KINDS.payer.end(request));
  const forget = { act: { programme: "wallet", act: "forget", subject: ORDERS_SUBJECT } };
  expect([...fixture.scheduled].map((each) => each.command())).toEqual([expect.objectContaining(forget)]);
  const { rows } = fixture.orders.list("payer", PAYER, ALL, fixture.nowMs, isOrder);
  expect(rows.map(([shardContext]) => shardContext)).toEqual([[fixture.nowMs, 3, 1]]);
});

test("only a pending withdrawal can be confirmed or failed", () => {
  const fixture = new OrderFixture();
  const decide = (act: "confirm_withdrawal" | "fail_withdrawal", withdrawal: string) =>
    fixture.do({ programme: "wallet", act, subject: "", withdrawal, bank: "mill" });
  const hold = fixture.do(KINDS.holds.make);
  for (const id of ["none", hold]) expect(decide("confirm_withdrawal", id)).toBe("withdrawal_not_found");
  const withdrawal = fixture.do(KINDS.withdrawals.make);
  for (const act of ["capture", "void_hold"] as const)
    expect(fixture.do({ ...ofPayer, act, hold: withdrawal, final: true })).toBe("hold_not_found");
  expect(decide("confirm_withdrawal", withdrawal)).toMatch(/^t/);
  for (const act of ["confirm_withdrawal", "fail_withdrawal"] as const)
    expect(decide(act, withdrawal)).toBe("already_decided");
});
