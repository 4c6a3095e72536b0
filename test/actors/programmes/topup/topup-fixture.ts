/** Helpers that run the top-up programme on one ledger, and collect its events. */
import { eventsOf } from "../../../../src/actors/events/events-of.ts";
import { imageOf } from "../../../../src/actors/ledger/image.ts";
import { homeVnodeOf } from "../../../../src/actors/ledger/routing.ts";
import type { Question } from "../../../../src/actors/programmes/programme.ts";
import {
  CREDIT_SOURCE,
  creditAccount,
  type OperatorResult,
  phoneAccount,
  type SaleLimits,
  TOPUP_SUBJECT,
  type TopupAct,
  type TopupActs,
  type TopupEffect,
  topupAct,
} from "../../../../src/actors/programmes/topup/acts.ts";
import type { Command, Recorded } from "../../../../src/actors/records/command.ts";
import type { LedgerEvent } from "../../../../src/actors/records/event.ts";
import { restored } from "../../ledger/copies.ts";
import { LedgerRun } from "../../ledger/ledger-run.ts";

export const PARTNER = "acme";
export const PHONE = "+989121111111";
export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;
/** A bucket of the daily limits is a 60th of a day. */
export const BUCKET_MS = DAY_MS / 60;
const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;

export const NO_LIMITS: SaleLimits = {
  minAmount: null,
  maxAmount: null,
  dailyAmount: null,
  dailyCount: null,
};

/** Different bytes on each call. */
function counted(): (bytes: number) => Uint8Array {
  let count = 0;
  return (bytes) => {
    count += 1;
    return new Uint8Array(bytes).fill(count);
  };
}

/** A ledger with one partner that sells top-ups. Accepted commands give their effect, refused ones code and subject. */
export class TopupFixture {
  readonly #random = counted();
  readonly #events: LedgerEvent[] = [];
  readonly run = new LedgerRun(
    (record) => void this.#events.push(...eventsOf(record, record.timeMs)),
    this.#random,
  );
  /** Id of the transfer that was made last. */
  last = "";

  /** The events of the programme since the last call. */
  events(): readonly LedgerEvent[] {
    return this.#events.splice(0).filter(({ type }) => /^(credit_request|topup|seller)\./.test(type));
  }

  ask<R>(question: Question<R>): R {
    return this.run.ask(PARTNER, question);
  }

  restart(): void {
    this.run.ledger = restored([...imageOf(this.run.ledger.state)], this.#random);
  }

  /** A seller with this credit. */
  seller(id: string, credit: number, lowCreditThreshold?: number): void {
    const terms = {
      name: `Mr ${id}`,
      asset: "IRT/0",
      ...(lowCreditThreshold !== undefined && { lowCreditThreshold }),
    };
    this.act("create_seller", id, terms);
    if (credit > 0) this.approve(id, credit);
    this.events();
  }

  limit(id: string, limits: Partial<SaleLimits> | null): unknown {
    return this.act("update_seller", id, { limits: limits && { ...NO_LIMITS, ...limits } });
  }

  limitPhones(limits: Partial<SaleLimits> | null): unknown {
    const settings = { phoneLimits: limits && { ...NO_LIMITS, ...limits } };
    return this.do({ op: "act", ...header, act: topupAct("change_settings", TOPUP_SUBJECT, { settings }) });
  }

  /** @returns the id of the request */
  request(id: string, amount: number, by?: string): string {
    const terms = { amount, note: "please", ...(by !== undefined && { by }) };
    return (this.act("request_credit", id, terms) as TopupEffect<"request_credit">).request;
  }

  /** Requests and approves. */
  approve(id: string, amount: number, request = this.request(id, amount), by = "boss"): unknown {
    const act = topupAct("approve", creditAccount(id), { request, by, amount });
    const [debit, credit] = amount < 0 ? [act.subject, CREDIT_SOURCE] : [CREDIT_SOURCE, act.subject];
    return this.#move(act, debit, credit, Math.abs(amount));
  }

  sell(id: string, amount: number, reference: string | null = null, phone = PHONE): unknown {
    const act = topupAct("sale", creditAccount(id), { phone, reference });
    return this.#move(act, act.subject, phoneAccount(phone), amount);
  }

  start(id: string, amount: number, reference: string | null = null, phone = PHONE): unknown {
    const act = topupAct("start_sale", creditAccount(id), { phone, amount, reference });
    const [debit, credit] = [act.subject, phoneAccount(phone)];
    const vnode = homeVnodeOf(PARTNER, debit, credit, null);
    const pending = { available: false, pending: true, timeoutMs: null, vnode, act } as const;
    return this.do({
      op: "compound_transfer",
      ...header,
      ...noted,
      postings: [{ debit, credit, amount }],
      ...pending,
    });
  }

  /** Starts a sale. @returns its id */
  started(id: string, amount: number, phone = PHONE): string {
    this.start(id, amount, null, phone);
    return this.last;
  }

  complete(id: string, sale: string, by: string | null = null): unknown {
    const act = topupAct("complete_sale", creditAccount(id), { sale, by });
    const whole = { amount: null, final: true, settled: null } as const;
    return this.do({ op: "post_transfer", ...header, id: sale, ...whole, act });
  }

  fail(id: string, sale: string, by: string | null = null, reason: string | null = null): unknown {
    const act = topupAct("fail_sale", creditAccount(id), { sale, by, reason });
    return this.do({ op: "void_transfer", ...header, id: sale, settled: null, act });
  }

  late(id: string, sale: string, answer: OperatorResult): unknown {
    return this.act("report_late", id, { sale, answer });
  }

  revert(id = this.last): unknown {
    return this.do({ op: "revert_transfer", ...header, id, original: null, vnode: 0 });
  }

  act<A extends keyof TopupActs>(act: A, id: string, fields: Parameters<typeof topupAct<A>>[2]): unknown {
    return this.do({ op: "act", ...header, act: topupAct(act, creditAccount(id), fields) });
  }

  do(command: Command): unknown {
    const { outcome } = this.run.do(command);
    if (outcome.ok && "id" in outcome) this.last = outcome.id;
    return answerOf(outcome);
  }

  #move(act: TopupAct, debit: string, credit: string, amount: number): unknown {
    const vnode = homeVnodeOf(PARTNER, debit, credit, null);
    return this.do({ op: "transfer", ...header, ...noted, debit, credit, amount, vnode, act });
  }
}

function answerOf(outcome: Recorded): unknown {
  if (!outcome.ok) return [outcome.code, outcome.subject];
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}
