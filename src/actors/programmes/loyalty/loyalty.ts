/**
 * The loyalty programme. A member is a named account of points, with lots for the points that expire. Points come from
 * `@issuance` and go to `@redemption` or `@expired`. These system accounts have a slice on every shard, so that each
 * movement is one record on the member's shard.
 */

import { ExactSum } from "../../../bounds/exact-sum.ts";
import { reject } from "../../records/command.ts";
import { PagedIndex } from "../paged-index.ts";
import {
  type Answers,
  type ApplyContext,
  type Changes,
  type Decision,
  type DecisionContext,
  type Decisions,
  type ProgrammeContext,
  TypedProgramme,
} from "../programme.ts";
import {
  type LoyaltyAct,
  type LoyaltyActs,
  type LoyaltyEffect,
  type LoyaltyQuestions,
  type LoyaltySettings,
  type MemberView,
  memberIdOf,
  POINTS,
  pointsAccount,
  type TotalReport,
  type TotalTaken,
} from "./acts.ts";
import { splitOverLots } from "./lots.ts";
import { count, existing, type LoyaltyState, noPoints, outstanding, summaryOf } from "./loyalty-state.ts";
import {
  addExpired,
  itemOf,
  lotsPageOf,
  type Member,
  type MemberItem,
  memberBytes,
  memberFromItem,
  pendingInItem,
} from "./member.ts";
import { MemberLots } from "./member-lots.ts";
import { MemberNames } from "./member-names.ts";
import { Movements } from "./movements.ts";
import { PartnerTotals, type StoredTotals } from "./totals.ts";

const DEFAULTS: LoyaltySettings = { memberThreshold: 1_000, totalThreshold: 100_000 };

/** Names of the acts on an existing member. */
type OfMember = Exclude<keyof LoyaltyActs, "change_settings" | "create_member" | "report_total">;

type Item =
  | readonly [
      "club",
      partner: string,
      settings: LoyaltySettings,
      earned: string,
      spent: string,
      expired: string,
      /** Older versions did not write it. */
      ...totals: readonly [StoredTotals] | readonly [],
    ]
  | MemberItem;

type Notice = LoyaltySettings | TotalReport;

export class Loyalty extends TypedProgramme<LoyaltyActs, LoyaltyQuestions, Notice, Item, TotalTaken> {
  readonly #context: ProgrammeContext;
  readonly #lots: MemberLots;
  readonly #movements: Movements;
  readonly #states = new Map<string, LoyaltyState>();
  /** Those with a report that is on its way to another shard. */
  readonly #awaited = new Set<LoyaltyState>();

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
    this.#lots = new MemberLots(context.scheduler);
    this.#movements = new Movements(context, (partner) => this.#settings(partner));
  }

  protected readonly decisions: Decisions<LoyaltyActs, Notice> = {
    change_settings: ({ settings }) => ({ ok: true, effect: null, notice: settings }),
    create_member: ({ subject }, { partner }) => {
      if (this.#member(partner, subject) !== undefined) return reject("member_exists", memberIdOf(subject));
      const since = this.#context.account(partner, subject)?.seq ?? 0;
      return { ok: true, effect: since > 0 ? { since } : null, opens: { id: subject, asset: POINTS } };
    },
    update_member: this.#ofMember<"update_member">((member, { name }, { partner }) => ({
      ok: true,
      effect: { member: this.#viewOf(partner, { ...member, name }) },
    })),
    delete_member: this.#ofMember<"delete_member">(({ pending }, { subject }) =>
      pending.length > 0 ? reject("account_not_empty", subject) : { ok: true, effect: null, closes: subject },
    ),
    accrual: this.#ofMember<"accrual">((member, act, context) =>
      this.#movements.accrual(member, act, context),
    ),
    redemption: this.#ofMember<"redemption">((member, act, context) =>
      this.#movements.redemption(member, act, context),
    ),
    activation: this.#ofMember<"activation">((member, _, context) => ({
      ok: true,
      effect: this.#movements.effectOf(member, context, context.amount, []),
    })),
    cancel_accrual: this.#ofMember<"cancel_accrual">(({ pending }, { accrual }) =>
      pending.some(({ id }) => id === accrual)
        ? { ok: true, effect: null }
        : reject("already_reverted", accrual),
    ),
    expiry: this.#ofMember<"expiry">((member, { lot }, context) => {
      const parts = splitOverLots(member.lots, context.amount, lot);
      return {
        ok: true,
        effect: { ...this.#movements.effectOf(member, context, -context.amount, parts), ended: lot },
      };
    }),
    take_back: this.#ofMember<"take_back">((member, act, context) =>
      this.#movements.takeBack(member, act, context),
    ),
    report_total: (_, { partner }) => {
      const { shard } = this.#context;
      const state = this.#stateOf(partner);
      const report = { shard, total: `${outstanding(state)}` };
      const { home } = state.totals;
      if (home !== shard) return { ok: true, effect: report, notice: report, noticeTo: home };
      return { ok: true, effect: { ...report, ...this.effectOfNotice(report, partner) } };
    },
  };

  protected readonly changes: Changes<LoyaltyActs> = {
    change_settings: ({ settings }, _, { partner }) => {
      this.#stateOf(partner).settings = settings;
    },
    create_member: ({ subject, name }, effect, { partner, timeMs }) => {
      const id = memberIdOf(subject);
      const since = effect?.since ?? 0;
      const member = memberFromItem(["member", partner, id, name, timeMs, [0, 0, 0], [], since]);
      this.#add(this.#stateOf(partner), partner, member);
    },
    update_member: this.#changing<"update_member">(({ names }, member, { name }) => {
      names.remove(member);
      member.name = name;
      names.add(member);
    }),
    delete_member: ({ subject }, _, { partner }) => {
      const state = this.#stateOf(partner);
      const member = existing(state, subject);
      state.members.delete(subject);
      state.memberList.remove(member);
      state.names.remove(member);
      this.#context.countBytes?.(partner, -memberBytes(member));
    },
    accrual: this.#changing<"accrual">((state, member, act, effect, { partner, amount, transfer }) => {
      const { expiresAtMs, activatesAtMs } = act;
      if (effect !== null && "pending" in effect) {
        if (transfer !== null && activatesAtMs !== undefined)
          this.#lots.addPending(state, partner, member, [
            transfer,
            effect.pending,
            activatesAtMs,
            expiresAtMs ?? null,
          ]);
        return;
      }
      count(state, member, "earned", amount);
      if (expiresAtMs !== undefined && transfer !== null)
        this.#lots.give(partner, member, [transfer, amount, expiresAtMs]);
    }),
    activation: this.#changing<"activation">((state, member, { accrual }, _, { partner, amount }) => {
      const { expiresAtMs } = this.#lots.endPending(state, member, accrual);
      count(state, member, "earned", amount);
      if (expiresAtMs !== null) this.#lots.give(partner, member, [accrual, amount, expiresAtMs]);
    }),
    cancel_accrual: this.#changing<"cancel_accrual">((state, member, { accrual }) => {
      this.#lots.endPending(state, member, accrual);
    }),
    redemption: this.#changing<"redemption">((state, member, _, effect, { amount }) => {
      count(state, member, "spent", amount);
      this.#lots.take(member, effect?.lots);
    }),
    expiry: this.#changing<"expiry">((state, member, _, effect, { amount }) => {
      count(state, member, "expired", amount);
      this.#lots.take(member, effect?.lots);
      if (effect?.ended !== undefined) addExpired(member, effect.ended, amount);
    }),
    take_back: this.#changing<"take_back">((state, member, { of, lot }, effect, { partner, amount }) => {
      if (of === "accrual") {
        count(state, member, "earned", -amount);
        this.#lots.take(member, effect?.lots);
        if (lot !== undefined) member.expiredByLot.delete(lot);
        if (effect?.undone !== undefined) member.undoneLots.add(effect.undone);
      } else {
        count(state, member, "spent", -amount);
        for (const part of effect?.lots ?? []) this.#lots.give(partner, member, part);
      }
    }),
    report_total: (_, effect, { partner, timeMs, told: [message] = [] }) => {
      const state = this.#stateOf(partner);
      state.totals.reported(BigInt(effect.total), message?.no ?? 0);
      if (message !== undefined) this.#awaited.add(state);
      else this.receive(effect, partner, timeMs, effect);
    },
  };

  protected readonly answers: Answers<LoyaltyQuestions> = {
    member: (partner, [id]) => {
      const member = this.#member(partner, pointsAccount(id));
      return member === undefined ? null : this.#viewOf(partner, member);
    },
    lots: (partner, [id, limit, after]) => {
      const member = this.#member(partner, pointsAccount(id));
      return member === undefined ? null : lotsPageOf(member, limit, after);
    },
    named: (partner, [prefix, limit, after]) =>
      (this.#states.get(partner)?.names.page(prefix, limit, after) ?? []).map(([place, member]) => ({
        place,
        member: this.#viewOf(partner, member),
      })),
    members: (partner, page) => {
      const memberList = this.#states.get(partner)?.memberList ?? new PagedIndex<Member>(this.#context.shard);
      return memberList.list(page, (member) => this.#viewOf(partner, member));
    },
    summary: (partner) => summaryOf(this.#states.get(partner)),
    settings: (partner) => this.#settings(partner),
  };

  /** Points of an accrual that have expired cannot be taken back. */
  takeable(act: LoyaltyAct, partner: string, amount: number): number {
    if (act.act !== "take_back" || act.of !== "accrual" || act.lot === undefined) return amount;
    return amount - (this.#member(partner, act.subject)?.expiredByLot.get(act.lot) ?? 0);
  }

  protected override effectOfNotice(notice: Notice, partner: string): TotalTaken | null {
    if (!("total" in notice)) return null;
    const { totals = new PartnerTotals(partner, this.#context) } = this.#states.get(partner) ?? {};
    const { totalThreshold } = this.#settings(partner);
    const crossed = totals.crossingBy(notice.shard, BigInt(notice.total), totalThreshold);
    return crossed === undefined ? null : { crossed };
  }

  protected override receive(
    notice: Notice,
    partner: string,
    _timeMs: number,
    effect: Partial<TotalTaken> | null,
  ): void {
    const state = this.#stateOf(partner);
    if ("total" in notice) state.totals.take(notice.shard, BigInt(notice.total), effect?.crossed);
    else state.settings = notice;
  }

  delivered(to: number, upTo: number, timeMs: number): void {
    for (const state of this.#awaited) {
      if (state.totals.home !== to) continue;
      state.totals.delivered(upTo, outstanding(state), timeMs);
      if (!state.totals.isAwaited) this.#awaited.delete(state);
    }
  }

  *items(): Generator<Item> {
    for (const [partner, state] of this.#states) {
      const { settings, earned, spent, expired, totals } = state;
      const sums = [`${earned.value}`, `${spent.value}`, `${expired.value}`] as const;
      const stored = totals.storedWith(outstanding(state));
      if (stored === undefined) yield ["club", partner, settings, ...sums];
      else yield ["club", partner, settings, ...sums, stored];
      for (const member of state.memberList.all()) yield itemOf(partner, member);
    }
  }

  protected restoreItem(item: Item): void {
    const state = this.#stateOf(item[1]);
    if (item[0] === "club") {
      const [, , settings, earned, spent, expired, totals] = item;
      const [e, s, x] = [earned, spent, expired].map((sum) => new ExactSum(BigInt(sum)));
      Object.assign(state, { settings, earned: e, spent: s, expired: x });
      state.totals.restore(totals, outstanding(state));
      if (state.totals.isAwaited) this.#awaited.add(state);
      return;
    }
    const [, partner, , , , , lots] = item;
    const member = memberFromItem(item);
    this.#add(state, partner, member);
    for (const lot of lots) this.#lots.give(partner, member, lot);
    const before = memberBytes(member);
    for (const points of pendingInItem(item)) this.#lots.addPending(state, partner, member, points);
    this.#context.countBytes?.(partner, memberBytes(member) - before);
  }

  #member(partner: string, subject: string): Member | undefined {
    return this.#states.get(partner)?.members.get(subject);
  }

  #settings(partner: string): LoyaltySettings {
    return this.#states.get(partner)?.settings ?? DEFAULTS;
  }

  /** A decision about an existing member. */
  #ofMember<K extends OfMember>(
    decide: (
      member: Member,
      act: LoyaltyAct<K>,
      context: DecisionContext,
    ) => Decision<LoyaltyEffect<K>, never>,
  ): (act: LoyaltyAct<K>, context: DecisionContext) => Decision<LoyaltyEffect<K>, never> {
    return (act, context) => {
      const member = this.#member(context.partner, act.subject);
      return member === undefined
        ? reject("member_not_found", memberIdOf(act.subject))
        : decide(member, act, context);
    };
  }

  /** A change of an existing member, whose size it counts. */
  #changing<K extends OfMember>(
    change: (
      state: LoyaltyState,
      member: Member,
      act: LoyaltyAct<K>,
      effect: LoyaltyEffect<K>,
      done: ApplyContext,
    ) => void,
  ): (act: LoyaltyAct<K>, effect: LoyaltyEffect<K>, done: ApplyContext) => void {
    return (act, effect, done) => {
      const state = this.#stateOf(done.partner);
      const member = existing(state, act.subject);
      const before = memberBytes(member);
      change(state, member, act, effect, done);
      state.totals.changed(done.timeMs);
      this.#context.countBytes?.(done.partner, memberBytes(member) - before);
    };
  }

  #add(state: LoyaltyState, partner: string, member: Member): void {
    state.members.set(pointsAccount(member.id), member);
    state.memberList.add(member, member.createdAtMs);
    state.names.add(member);
    this.#context.countBytes?.(partner, memberBytes(member));
  }

  #stateOf(partner: string): LoyaltyState {
    let state = this.#states.get(partner);
    if (state === undefined) {
      const memberList = new PagedIndex<Member>(this.#context.shard);
      const totals = new PartnerTotals(partner, this.#context);
      const names = new MemberNames<Member>();
      state = { members: new Map(), memberList, names, settings: DEFAULTS, ...noPoints(), totals };
      this.#states.set(partner, state);
    }
    return state;
  }

  #viewOf(partner: string, member: Member): MemberView {
    const { id, name, createdAtMs, earned, spent, expired, since, pendingPoints: pending } = member;
    const { posted = 0, held = 0 } = this.#context.account(partner, pointsAccount(id)) ?? {};
    const view = { id, name, balance: posted, held, earned, spent, expired, createdAtMs, since };
    return pending === 0 ? view : { ...view, pending };
  }
}
