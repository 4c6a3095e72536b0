/** Helpers that run the loyalty programme on one ledger, and collect its events. */
import { eventsOf } from "../../../../src/actors/events/events-of.ts";
import { imageOf } from "../../../../src/actors/ledger/image.ts";
import { homeVnodeOf } from "../../../../src/actors/ledger/routing.ts";
import {
  askLots,
  askMember,
  LOYALTY_SUBJECT,
  type LoyaltyActs,
  type LoyaltySettings,
  loyaltyAct,
  type MovementSource,
  pointsAccount,
} from "../../../../src/actors/programmes/loyalty/acts.ts";
import type { Question } from "../../../../src/actors/programmes/programme.ts";
import type { Command, Recorded } from "../../../../src/actors/records/command.ts";
import type { LedgerEvent } from "../../../../src/actors/records/event.ts";
import { restored } from "../../ledger/copies.ts";
import { LedgerRun } from "../../ledger/ledger-run.ts";

export const PARTNER = "acme";
const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
const noted = { memo: null, metadata: null, occurredAtMs: null } as const;

/** When points begin and expire, in ms from now; absent: at once, and never. */
type Times = Readonly<{ beginIn?: number; expireIn?: number }>;

/** A ledger with one partner's members. Accepted commands give their effect, refused ones code and subject. */
export class LoyaltyFixture {
  readonly #events: LedgerEvent[] = [];
  readonly run = new LedgerRun((record) => void this.#events.push(...eventsOf(record, record.timeMs)));
  /** Id of the transfer that was made last. */
  last = "";

  constructor(...members: readonly string[]) {
    for (const member of members) this.member(member);
  }

  /** The events of the programme since the last call. */
  events(): readonly LedgerEvent[] {
    return this.#events.splice(0).filter(({ type }) => type.startsWith("loyalty."));
  }

  ask<R>(question: Question<R>): R {
    return this.run.ask(PARTNER, question);
  }

  view(member: string) {
    return this.ask(askMember(member));
  }

  lots(member: string) {
    return this.ask(askLots(member, 99, null))?.lots;
  }

  pass(ms: number): void {
    this.run.nowMs += ms;
    this.run.end();
  }

  restart(): void {
    this.run.ledger = restored([...imageOf(this.run.ledger.state)]);
  }

  member(id: string, name: string | null = null): unknown {
    return this.act("create_member", id, { name });
  }

  set(settings: Partial<LoyaltySettings>): unknown {
    const all = { memberThreshold: 1_000, totalThreshold: 100_000, ...settings };
    const act = loyaltyAct("change_settings", LOYALTY_SUBJECT, { settings: all });
    return this.do({ op: "act", ...header, act });
  }

  accrue(
    member: string,
    amount: number,
    { beginIn, expireIn }: Times = {},
    source: MovementSource = {},
  ): unknown {
    const { nowMs } = this.run;
    const end = expireIn === undefined ? {} : { expiresAtMs: nowMs + expireIn };
    const begin = beginIn === undefined ? {} : { activatesAtMs: nowMs + beginIn };
    const act = loyaltyAct("accrual", pointsAccount(member), { ...end, ...begin, ...source });
    const sides = { debit: "@issuance", credit: act.subject } as const;
    const vnode = homeVnodeOf(PARTNER, sides.debit, sides.credit, null);
    if (beginIn === undefined)
      return this.do({ op: "transfer", ...header, ...noted, ...sides, amount, vnode, act });
    const shape = { available: false, pending: true, timeoutMs: null, vnode, act } as const;
    return this.do({
      op: "compound_transfer",
      ...header,
      ...noted,
      postings: [{ ...sides, amount }],
      ...shape,
    });
  }

  redeem(member: string, amount: number, source: MovementSource = {}): unknown {
    const act = loyaltyAct("redemption", pointsAccount(member), source);
    const sides = { debit: act.subject, credit: "@redemption" } as const;
    const vnode = homeVnodeOf(PARTNER, sides.debit, sides.credit, null);
    return this.do({ op: "transfer", ...header, ...noted, ...sides, amount, vnode, act });
  }

  revert(id = this.last): unknown {
    return this.do({ op: "revert_transfer", ...header, id, original: null, vnode: 0 });
  }

  /** Takes back an accrual whose points have not begun. */
  cancel(member: string, accrual = this.last): unknown {
    const act = loyaltyAct("cancel_accrual", pointsAccount(member), { accrual });
    return this.do({ op: "void_transfer", ...header, id: accrual, settled: null, act });
  }

  act<A extends keyof LoyaltyActs>(
    act: A,
    member: string,
    fields: Parameters<typeof loyaltyAct<A>>[2],
  ): unknown {
    return this.do({ op: "act", ...header, act: loyaltyAct(act, pointsAccount(member), fields) });
  }

  do(command: Command): unknown {
    const { outcome } = this.run.do(command);
    if (outcome.ok && "id" in outcome) this.last = outcome.id;
    return answerOf(outcome);
  }
}

function answerOf(outcome: Recorded): unknown {
  if (!outcome.ok) return [outcome.code, outcome.subject];
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}
