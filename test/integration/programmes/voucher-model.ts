/** The voucher programme on a single shard, and a plain model of it. */
import { expect } from "vitest";
import { Scheduler } from "../../../src/actors/programmes/scheduler.ts";
import { SETTLED_KEPT_MS } from "../../../src/actors/programmes/settled-items.ts";
import type {
  Discount,
  ForgottenVoucher,
  VoucherAct,
  VoucherEffect,
  VoucherStatus,
  VoucherView,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { Vouchers } from "../../../src/actors/programmes/vouchers/vouchers.ts";
import type { JsonValue } from "../../../src/actors/records/act.ts";
import type { ActAlone } from "../../../src/actors/records/command.ts";
import type { Rejection } from "../../../src/actors/records/rejection.ts";
import { randomBytes } from "../../../src/random.ts";

export const PARTNER = "acme";
export type Programme = Readonly<{ scheduler: Scheduler; vouchers: Vouchers }>;

export function newProgramme(): Programme {
  const scheduler = new Scheduler();
  const place = { shard: 0, shards: 1, account: () => undefined, random: randomBytes };
  return { scheduler, vouchers: new Vouchers({ ...place, scheduler }) };
}

export function restored(items: readonly (readonly JsonValue[])[]): Programme {
  const programme = newProgramme();
  for (const item of items) programme.vouchers.restore(structuredClone(item));
  return programme;
}

export const itemsOf = ({ vouchers }: Programme) => [...vouchers.items()];

/** One shard. It executes due commands before each act, and logs what it applies. */
export class Shard {
  programme = newProgramme();
  readonly log: (readonly [act: VoucherAct, effect: VoucherEffect, timeMs: number])[] = [];
  timeMs = 1_000;

  do(act: VoucherAct): VoucherEffect | { code: Rejection } {
    this.end();
    return this.#decide(act);
  }

  end(): void {
    for (;;) {
      const due = this.programme.scheduler.nextDue(this.timeMs);
      if (due === undefined) return;
      const effect = this.#decide((due.command() as ActAlone).act as VoucherAct);
      expect(due.place).toBe(-1);
      expect(effect).not.toHaveProperty("code", expect.stringContaining("_"));
    }
  }

  ask(...ask: readonly JsonValue[]): JsonValue {
    this.end();
    return this.programme.vouchers.answer(PARTNER, ask, this.timeMs);
  }

  #decide(act: VoucherAct): VoucherEffect | { code: Rejection } {
    const before = itemsOf(this.programme);
    const decided = this.programme.vouchers.decide(act, { partner: PARTNER, nowMs: this.timeMs, amount: 0 });
    expect(itemsOf(this.programme)).toEqual(before);
    if (!decided.ok) return { code: decided.code };
    const effect = structuredClone(decided.effect);
    this.log.push([act, effect, this.timeMs]);
    const done = { partner: PARTNER, timeMs: this.timeMs, transfer: null, amount: 0 };
    this.programme.vouchers.apply(act, effect, done);
    return effect;
  }
}

type Redemption = { number: number; atMs: number; discount: Discount };

type Known = {
  code: string;
  email: string;
  offer: string;
  expiresAtMs: number;
  createdAtMs: number;
  snapshot: Discount | null;
  status: VoucherStatus;
  usesMax: number;
  /** If it is cancelled: when. */
  settledAtMs?: number;
  redeemed: number;
  redemptions: Redemption[];
};

/** A plain model that scans everything for each answer. */
export class Model {
  readonly customers: string[] = [];
  readonly offers = new Map<string, { discount: Discount; pricing: string }>();
  readonly vouchers: Known[] = [];
  waiting: { email: string; offer: string; expiresAtMs: number; atMs: number; usesMax: number }[] = [];

  add(
    code: string,
    email: string,
    offer: string,
    expiresAtMs: number,
    createdAtMs: number,
    usesMax: number,
  ): void {
    const { discount = 0, pricing } = this.offers.get(offer) ?? {};
    const snapshot = pricing === "snapshot" ? discount : null;
    this.vouchers.push({
      code,
      email,
      offer,
      expiresAtMs,
      createdAtMs,
      snapshot,
      status: "valid",
      usesMax,
      redeemed: 0,
      redemptions: [],
    });
  }

  /** Removes forgotten vouchers: they must have been settled for 30 days, and be as they were. */
  forget(forgotten: readonly ForgottenVoucher[], nowMs: number): void {
    expect(forgotten.length).toBeGreaterThan(0);
    for (const row of forgotten) {
      const [email, code, offer, discount, status, expiresAtMs, createdAtMs, usedAtMs, usesMax, usesLeft] =
        row;
      const place = this.vouchers.findIndex((voucher) => voucher.code === code);
      const [voucher] = this.vouchers.splice(place, 1) as [Known];
      const { settledAtMs = voucher.expiresAtMs } = voucher;
      const sinceMs = status === "redeemed" ? (voucher.redemptions.at(-1)?.atMs ?? Number.NaN) : settledAtMs;
      expect(sinceMs).toBeLessThanOrEqual(nowMs - SETTLED_KEPT_MS);
      const view = { code, offer, discount, expiresAtMs, createdAtMs, status, usedAtMs, usesMax, usesLeft };
      expect({ email, ...view }).toEqual({ email: voucher.email, ...this.viewOf(voucher, nowMs) });
    }
  }

  viewOf(voucher: Known, nowMs: number): VoucherView {
    return {
      code: voucher.code,
      offer: voucher.offer,
      discount: this.worth(voucher),
      expiresAtMs: voucher.expiresAtMs,
      createdAtMs: voucher.createdAtMs,
      status: this.statusOf(voucher, nowMs),
      usedAtMs: voucher.redemptions.at(-1)?.atMs ?? null,
      usesMax: voucher.usesMax,
      usesLeft: voucher.usesMax - voucher.redemptions.length,
    };
  }

  statusOf({ status, expiresAtMs }: Known, nowMs: number): VoucherStatus {
    return status === "valid" && expiresAtMs <= nowMs ? "expired" : status;
  }

  worth({ status, redemptions, snapshot, offer }: Known): Discount {
    const granted = status === "redeemed" ? redemptions.at(-1)?.discount : undefined;
    return granted ?? snapshot ?? this.offers.get(offer)?.discount ?? 0;
  }

  list(email: string, nowMs: number): readonly VoucherView[] {
    return this.vouchers
      .filter((voucher) => voucher.email === email)
      .map((voucher) => this.viewOf(voucher, nowMs))
      .toReversed();
  }
}
