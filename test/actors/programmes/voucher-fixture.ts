/** Helpers that run the voucher programme on one ledger. */
import { imageOf } from "../../../src/actors/ledger/image.ts";
import type { Question, Random } from "../../../src/actors/programmes/programme.ts";
import {
  askVoucher,
  customerSubject,
  type Discount,
  offerSubject,
  type Pricing,
  type Recipients,
  VOUCHERS_SUBJECT,
  type VoucherAct,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { restored } from "../ledger/copies.ts";
import { LedgerRun, type TimedRecord } from "../ledger/ledger-run.ts";

export const PARTNER = "acme";
export const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
export const ANN = "ann@x";

/** Different bytes on each call, with few distinct values so that a failure is readable. */
export function counted(): (bytes: number) => Uint8Array {
  let count = 0;
  return (bytes) => {
    count += 1;
    return Uint8Array.from({ length: bytes }, (_, i) => (i === bytes - 1 ? count : 3));
  };
}

/** A ledger with one partner that uses vouchers. */
export class Shop {
  readonly run: LedgerRun;

  readonly #random: Random;

  constructor(random: Random = counted(), log: (record: TimedRecord) => void = () => {}) {
    this.#random = random;
    this.run = new LedgerRun(log, random);
  }

  /** Continues with a state that is restored from a snapshot of the present one. */
  restart(): void {
    // What a ledger draws for itself when it is built must not change the codes that follow.
    let isBuilt = false;
    const random: Random = (bytes) => (isBuilt ? this.#random(bytes) : new Uint8Array(bytes));
    this.run.ledger = restored([...imageOf(this.run.ledger.state)], random);
    isBuilt = true;
  }

  do(act: VoucherAct) {
    const { outcome } = this.run.do({ op: "act", ...header, act });
    if (!outcome.ok) return [outcome.code, outcome.subject];
    return "effect" in outcome ? outcome.effect : undefined;
  }

  ask<R>(question: Question<R>): R {
    return this.run.ask(PARTNER, question);
  }

  customer(email: string, name: string | null = null): unknown {
    return this.do({ ...of("create_customer", customerSubject(email)), email, name });
  }

  put(name: string, discount: Discount, pricing: Pricing = "live"): unknown {
    return this.do({ ...of("put_offer", offerSubject(name)), name, discount, pricing });
  }

  issue(email: string, offer: string, discount: Discount | null, inMs = 100, usesMax = 1): unknown {
    const act = of("issue", customerSubject(email));
    return this.do({ ...act, email, offer, discount, expiresAtMs: this.run.nowMs + inMs, usesMax });
  }

  use(act: "redeem" | "rollback" | "cancel", email: string, code: string): unknown {
    return this.do({ ...of(act, customerSubject(email)), email, code });
  }

  rollBack(email: string, code: string, redemption: number): unknown {
    return this.do({ ...of("rollback", customerSubject(email)), email, code, redemption });
  }

  batch(
    offer: string,
    recipients: readonly Recipients[],
    inMs: number | null = null,
    unknown: string | null = null,
  ) {
    const runAtMs = inMs === null ? null : this.run.nowMs + inMs;
    const act = of("create_batch", VOUCHERS_SUBJECT);
    return this.do({ ...act, offer, expiresAtMs: this.run.nowMs + 1000, runAtMs, recipients, unknown });
  }

  /** The status at a time, without executing due commands before. */
  statusAt(nowMs: number, email: string, code: string): unknown {
    const { programmes } = this.run.ledger.state;
    const ask = askVoucher(email, code).ask;
    return (programmes.answer("vouchers", PARTNER, ask, nowMs) as { status: string }).status;
  }
}

export function of<A extends VoucherAct["act"]>(act: A, subject: string) {
  return { programme: "vouchers", act, subject } as const;
}
