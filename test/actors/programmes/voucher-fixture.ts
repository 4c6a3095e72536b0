/** Helpers that run the voucher programme on one ledger. */
import type { Question } from "../../../src/actors/programmes/programme.ts";
import {
  askVoucher,
  customerSubject,
  offerSubject,
  type Pricing,
  type Recipients,
  VOUCHERS_SUBJECT,
  type VoucherAct,
} from "../../../src/actors/programmes/vouchers/acts.ts";
import { LedgerRun } from "../ledger/ledger-run.ts";

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

  constructor(random = counted()) {
    this.run = new LedgerRun(() => {}, random);
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

  put(name: string, discount: number, pricing: Pricing = "live"): unknown {
    return this.do({ ...of("put_offer", offerSubject(name)), name, discount, pricing });
  }

  issue(email: string, offer: string, discount: number | null, inMs = 100): unknown {
    const act = of("issue", customerSubject(email));
    return this.do({ ...act, email, offer, discount, expiresAtMs: this.run.nowMs + inMs });
  }

  use(act: "redeem" | "rollback" | "cancel", email: string, code: string): unknown {
    return this.do({ ...of(act, customerSubject(email)), email, code });
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
