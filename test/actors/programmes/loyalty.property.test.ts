/**
 * Compares the loyalty programme on a ledger with a plain model, and with its replay and its restored snapshot.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { imageOf } from "../../../src/actors/ledger/image.ts";
import { Ledger } from "../../../src/actors/ledger/ledger.ts";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import {
  askLots,
  askMember,
  askMembers,
  askSettings,
  askSummary,
  LOYALTY_SUBJECT,
  type LotsPage,
  type LotView,
  type LoyaltyAct,
  pointsAccount,
} from "../../../src/actors/programmes/loyalty/acts.ts";
import type { LotPlace } from "../../../src/actors/programmes/loyalty/lots.ts";
import type { Question } from "../../../src/actors/programmes/programme.ts";
import { timeFaultOf } from "../../../src/actors/programmes/programmes.ts";
import type { Command, Recorded } from "../../../src/actors/records/command.ts";
import { copiesOf, PackedLog, restored } from "../ledger/copies.ts";
import { LedgerRun, type TimedRecord } from "../ledger/ledger-run.ts";
import { runs } from "../ledger/property-runs.ts";
import { type Answer, LoyaltyModel, pendingOf } from "./loyalty-model.ts";
import { MEMBERS, type Step, step } from "./loyalty-steps.ts";

const PARTNER = "acme";
const LOTS_MAX = 100;
const header = { partner: PARTNER, key: null, fingerprint: 0 } as const;
/** An id that no transfer has. */
const NO_TRANSFER = "tr_0019001";
const noted = { memo: "why", metadata: null, occurredAtMs: null, vnode: 0 } as const;

const create: LoyaltyAct = { ...actOf("create_member", "ann"), name: null };

/** One member, with a helper for each movement. */
class MemberFixture {
  readonly #run = new LedgerRun(() => {});
  readonly #ids: string[] = [];

  constructor() {
    this.#run.do({ op: "act", ...header, act: create });
  }

  accrue(amount: number, inMs?: number): number {
    const end = inMs === undefined ? {} : { expiresAtMs: this.#run.nowMs + inMs };
    return this.#move("@issuance", pointsAccount("ann"), amount, { ...actOf("accrual", "ann"), ...end });
  }

  redeem(amount: number): number {
    return this.#move(pointsAccount("ann"), "@redemption", amount, actOf("redemption", "ann"));
  }

  /** Reverts the movement with this index and returns the effect or the rejection. */
  revert(which: number): unknown {
    const id = this.#ids[which] ?? NO_TRANSFER;
    return effectOf(this.#run.do({ op: "revert_transfer", ...header, id, original: null, vnode: 0 }).outcome);
  }

  /** The points of each lot; a lot is named by the index of its accrual. */
  lots(): readonly (readonly [lot: number, points: number])[] {
    const { lots = [] } = this.#run.ask(PARTNER, askLots("ann", LOTS_MAX, null)) ?? {};
    return lots.map(({ id, points }) => [this.#ids.indexOf(id), points]);
  }

  #move(debit: string, credit: string, amount: number, act: LoyaltyAct): number {
    const command = { op: "transfer", ...header, ...noted, debit, credit, amount, vnode: 0, act } as const;
    const { outcome } = this.#run.do(command);
    return this.#ids.push(outcome.ok && "id" in outcome ? outcome.id : "none") - 1;
  }
}

class World {
  readonly #log = new PackedLog();
  readonly #run = new LedgerRun((record) => this.#follow(record));
  readonly #model = new LoyaltyModel();
  /** Ids of the transfers in creation order. */
  readonly #created: string[] = [];

  take(what: Step): void {
    this.#run.end();
    const { nowMs } = this.#run;
    switch (what.do) {
      case "create": {
        const act = { ...actOf("create_member", what.member), name: what.name };
        return this.#act(act, () => this.#model.create(what.member, what.name, nowMs));
      }
      case "rename": {
        const act = { ...actOf("update_member", what.member), name: what.name };
        return this.#act(act, () => this.#model.rename(what.member, what.name));
      }
      case "remove":
        return this.#act(actOf("delete_member", what.member), () => this.#model.remove(what.member));
      case "accrue": {
        const expiresAtMs = what.inMs === undefined ? undefined : nowMs + what.inMs;
        const end = expiresAtMs === undefined ? {} : { expiresAtMs };
        return this.#move({ ...actOf("accrual", what.member), ...end }, what.points, (id) =>
          this.#model.accrue(what.member, what.points, expiresAtMs, id),
        );
      }
      case "accrue later": {
        const activatesAtMs = nowMs + what.beginsInMs;
        const expiresAtMs = what.lastsMs === undefined ? null : activatesAtMs + what.lastsMs;
        const end = expiresAtMs === null ? {} : { expiresAtMs };
        const act = { ...actOf("accrual", what.member), ...end, activatesAtMs } as const;
        const postings = [{ debit: "@issuance", credit: act.subject, amount: what.points }];
        const vnode = homeVnodeOf(PARTNER, "@issuance", act.subject, null);
        const shape = { available: false, pending: true, timeoutMs: null, postings, vnode } as const;
        const command = { op: "compound_transfer", ...header, ...noted, ...shape, act } as const;
        return this.#do(command, (id) =>
          this.#model.accrueLater(what.member, { id, points: what.points, expiresAtMs, activatesAtMs }),
        );
      }
      case "redeem":
        return this.#redeem(what.member, what.points, what.reference);
      case "redeem all":
        return this.#redeem(what.member, this.#model.members.get(what.member)?.balance || 1);
      case "revert": {
        const id = this.#created.at(-1 - what.which) ?? NO_TRANSFER;
        if (this.#model.isPending(id)) return this.#cancel(id);
        const revert = { op: "revert_transfer", ...header, id, original: null, vnode: 0 } as const;
        return this.#do(revert, (newId) => this.#model.revert(id, newId));
      }
      case "set": {
        const settings = { memberThreshold: what.threshold, totalThreshold: 7 };
        const act = { programme: "loyalty", act: "change_settings", subject: LOYALTY_SUBJECT } as const;
        return this.#act({ ...act, settings }, () => {
          this.#model.settings = settings;
          return { effect: undefined };
        });
      }
      case "wait":
        this.#run.nowMs += what.ms;
        return undefined;
      case "restart":
        this.#run.ledger = restored([...imageOf(this.#run.ledger.state)]);
        return undefined;
    }
  }

  #lotsByPage(member: string, limit: number): readonly LotView[] {
    const found: LotView[] = [];
    for (let after: LotPlace | null = null; ; ) {
      const page: LotsPage | null = this.#run.ask(PARTNER, askLots(member, limit, after));
      if (page === null) return found;
      expect(page.lots.length).toBeLessThanOrEqual(limit);
      found.push(...page.lots);
      const last = found.at(-1);
      if (page.isLast || last === undefined) return found;
      after =
        last.activatesAtMs === undefined
          ? [last.expiresAtMs ?? 0, last.id]
          : [last.activatesAtMs, last.id, "pending"];
    }
  }

  /** Compares all that can be read with the model. */
  check(): void {
    const { members, sums, settings } = this.#model;
    this.#run.end();
    const ask = <R>(question: Question<R>) => this.#run.ask(PARTNER, question);
    for (const id of MEMBERS) {
      const known = members.get(id);
      expect(ask(askMember(id))).toEqual(known === undefined ? null : this.#model.view(known));
      const lots = ask(askLots(id, LOTS_MAX, null));
      const shown = known === undefined ? [] : [...known.lots, ...known.pending];
      expect(lots).toEqual(known === undefined ? null : { lots: shown, isLast: true });
      expect(this.#lotsByPage(id, 2)).toEqual(shown);
    }
    const rows = [...members.values()].map((each) => this.#model.view(each)).toReversed();
    expect(ask(askMembers([9, null])).rows.map(([, row]) => row)).toEqual(rows);
    const { earned, spent, expired } = sums;
    const pending = [...members.values()].reduce((sum, each) => sum + BigInt(pendingOf(each)), 0n);
    const texts = { earned: `${earned}`, spent: `${spent}`, expired: `${expired}`, pending: `${pending}` };
    expect(ask(askSummary())).toEqual({ members: members.size, ...texts });
    expect(ask(askSettings())).toEqual(settings);
  }

  checkCopies(): void {
    for (const copy of copiesOf(this.#run.ledger, this.#log)) {
      this.#run.ledger = copy;
      this.check();
    }
  }

  #redeem(who: string, amount: number, named?: string): void {
    const act = { ...actOf("redemption", who), ...(named !== undefined && { reference: named }) };
    this.#move(act, amount, (id) => this.#model.redeem(who, amount, id, named));
  }

  /** As a gateway does for the revert of a pending accrual. */
  #cancel(id: string): void {
    const who = this.#model.isPending(id) ?? "";
    const act = { ...actOf("cancel_accrual", who), accrual: id };
    const command = { op: "void_transfer", ...header, id, settled: null, act } as const;
    this.#do(command, () => this.#model.cancel(who, id));
  }

  #act(act: LoyaltyAct, expected: () => Answer): void {
    this.#do({ op: "act", ...header, act }, expected);
  }

  #move(act: LoyaltyAct, amount: number, expected: (id: string) => Answer): void {
    const { subject } = act;
    const [debit, credit] = act.act === "accrual" ? ["@issuance", subject] : [subject, "@redemption"];
    const vnode = homeVnodeOf(PARTNER, debit, credit, null);
    this.#do({ op: "transfer", ...header, ...noted, debit, credit, amount, vnode, act }, expected);
  }

  #do(command: Command, expected: (id: string) => Answer): void {
    const { outcome } = this.#run.do(command);
    const answer = expected(outcome.ok && "id" in outcome ? outcome.id : "");
    if ("code" in answer) expect(outcome, JSON.stringify(command)).toEqual({ ok: false, ...answer });
    else expect(effectOf(outcome), JSON.stringify(command)).toEqual(answer.effect);
  }

  /** Compares expiries with the model; other commands are compared where they are sent. */
  #follow(record: TimedRecord): void {
    this.#log.add(record);
    const { command, outcome, timeMs } = record;
    const id = outcome.ok && "id" in outcome ? outcome.id : undefined;
    if (id !== undefined && !this.#created.includes(id)) this.#created.push(id);
    if (command.op === "post_transfer") {
      const begun = this.#model.nextBegun(timeMs);
      expect(command.id).toBe(begun?.id);
      expect({ effect: effectOf(outcome) }).toEqual(this.#model.activate(command.id));
      return;
    }
    if (command.op !== "transfer" || command.act?.act !== "expiry") return;
    const over = this.#model.nextOver(timeMs);
    const { member: who = "", lot = "", points: amount } = over ?? {};
    const [debit, credit] = [pointsAccount(who), "@expired"];
    const vnode = homeVnodeOf(PARTNER, debit, credit, null);
    const act = { ...actOf("expiry", who), lot };
    const moved = { ...header, ...noted, memo: null, op: "transfer", debit, credit, amount, vnode, act };
    expect(command).toEqual(moved);
    expect(outcome).toMatchObject({ ok: true });
    expect({ effect: effectOf(outcome) }).toEqual(this.#model.expire(who, lot, amount ?? 0, id ?? ""));
  }
}

function actOf<A extends string>(act: A, who: string) {
  return { programme: "loyalty", act, subject: pointsAccount(who) } as const;
}

function effectOf(outcome: Recorded): unknown {
  if (!outcome.ok) return outcome;
  return ("effect" in outcome ? outcome.effect : undefined) ?? undefined;
}

test("L1 to L18: random commands give what a plain model gives; replay and a restored snapshot give the same state", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const world = new World();
      for (const who of MEMBERS) world.take({ do: "create", member: who, name: null });
      for (const each of steps) {
        world.take(each);
        world.check();
      }
      world.checkCopies();
    }),
    { numRuns: runs(300) },
  );
});

test("a transfer of a former member cannot be reverted from a new member with the same id", () => {
  const run = new LedgerRun(() => {});
  const act = (alone: LoyaltyAct) => run.do({ op: "act", ...header, act: alone }).outcome;
  const move = (debit: string, credit: string, withAct: LoyaltyAct) => {
    const sides = { debit, credit, amount: 5, vnode: 0 };
    const { outcome } = run.do({ op: "transfer", ...header, ...noted, ...sides, act: withAct });
    return outcome.ok && "id" in outcome ? outcome.id : "";
  };
  const revert = (id: string) =>
    run.do({ op: "revert_transfer", ...header, id, original: null, vnode: 0 }).outcome;
  const account = pointsAccount("ann");
  const both = () => [
    move("@issuance", account, actOf("accrual", "ann")),
    move(account, "@redemption", actOf("redemption", "ann")),
  ];
  act(create);
  const former = both();
  act(actOf("delete_member", "ann"));
  for (const id of former) expect(revert(id)).toMatchObject({ code: "member_not_found", subject: "ann" });
  expect(act(create)).toMatchObject({ ok: true, effect: { since: 2 } });
  const [accrual = "", redemption = ""] = both();
  for (const id of former) expect(revert(id)).toMatchObject({ code: "member_not_found", subject: "ann" });
  for (const id of [redemption, accrual]) expect(revert(id)).toMatchObject({ ok: true });
});

test("reverting a partly spent accrual takes other points, and those do not return to its lot", () => {
  const fixture = new MemberFixture();
  const lot = fixture.accrue(10, 9);
  fixture.accrue(10);
  const redemption = fixture.redeem(8);
  expect(fixture.revert(lot)).toMatchObject({ lots: [[expect.anything(), 2, expect.anything()]] });
  expect(fixture.lots()).toEqual([]);
  expect(fixture.revert(redemption)).toBeUndefined();
  expect(fixture.lots()).toEqual([]);
});

test("reverting an accrual without expiry takes points without expiry first, then points of lots", () => {
  const fixture = new MemberFixture();
  const endless = fixture.accrue(5);
  fixture.accrue(7, 9);
  fixture.redeem(8);
  const [first, second] = [fixture.accrue(3, 7), fixture.accrue(3, 8)];
  fixture.revert(endless);
  expect(fixture.lots()).toEqual([
    [first, 2],
    [second, 3],
  ]);
});

test("settings are broadcast to every shard and apply from then on; each partner has its own", () => {
  const settings = { memberThreshold: 3, totalThreshold: 9 };
  const act = { programme: "loyalty", act: "change_settings", subject: LOYALTY_SUBJECT, settings } as const;
  const decided = new Ledger(0, 3).decide({ op: "act", ...header, act }, 0, () => "");
  const told = [1, 2].map((to) => ({ to, no: 1 }));
  expect(decided).toEqual({ ok: true, effect: null, notice: settings, told });
  const run = new LedgerRun(() => {});
  const settingsOf = (partner: string) => run.ask(partner, askSettings());
  run.do({ op: "notice", ...header, programme: "loyalty", notice: settings, from: 1, no: 1, sentAtMs: 0 });
  expect(settingsOf(PARTNER)).toEqual(settings);
  expect(settingsOf("other")).toEqual({ memberThreshold: 1000, totalThreshold: 100_000 });
  expect(run.ask("other", askMembers([9, null]))).toEqual({ rows: [], upTo: null });
  expect(run.ask("other", askLots("ann", 1, null))).toBeNull();
  const nothing = { members: 0, earned: "0", spent: "0", expired: "0", pending: "0" };
  expect(run.ask("other", askSummary())).toEqual(nothing);
});

test("expired points are removed before a request about their member is answered", () => {
  const run = new LedgerRun(() => {});
  run.do({ op: "act", ...header, act: create });
  const account = pointsAccount("ann");
  const act = { ...actOf("accrual", "ann"), expiresAtMs: run.nowMs + 7 };
  const sides = { debit: "@issuance", credit: account, amount: 5, vnode: 0 };
  run.do({ op: "transfer", ...header, ...noted, ...sides, act });
  const { scheduler } = run.ledger.state.programmes;
  expect(run.ledger.nextExpiryMs).toBe(run.nowMs + 7);
  expect(scheduler.nextDueOf(PARTNER, account, run.nowMs + 6)).toBeUndefined();
  expect(scheduler.nextDueOf(PARTNER, account, run.nowMs + 7)?.partner).toBe(PARTNER);
  expect(scheduler.nextDueOf("other", account, run.nowMs + 7)).toBeUndefined();
  run.nowMs += 7;
  expect(run.ask(PARTNER, askMember("ann"))).toMatchObject({ balance: 0, expired: 5 });
  // What is left is the report of the total.
  run.nowMs += 100;
  run.end();
  expect(run.ledger.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
});

test("the expiry of an accrual must be in the future; no other loyalty act has such a time", () => {
  const accrual = { ...actOf("accrual", "ann"), expiresAtMs: 5 };
  expect(timeFaultOf(accrual, 4)).toBeUndefined();
  expect(timeFaultOf(accrual, 5)).toEqual({ path: "expires_at", message: "must be in the future" });
  expect(timeFaultOf(actOf("accrual", "ann"), 5)).toBeUndefined();
  expect(timeFaultOf(actOf("redemption", "ann"), 5)).toBeUndefined();
});
