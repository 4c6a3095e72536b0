/**
 * The loyalty programme. A member is a named account of points, with lots for the points that expire. Points come from
 * `@issuance` and go to `@redemption` or `@expired`. These system accounts have a slice on every shard, so that each
 * movement is one record on the member's shard.
 */

import { ExactSum } from "../../../bounds/exact-sum.ts";
import { BALANCE_MAX } from "../../ledger/account.ts";
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
import { insertionIndex, type LotPart, lotById, splitOverLots } from "./lots.ts";
import { count, existing, type LoyaltyState, noPoints, outstanding, summaryOf } from "./loyalty-state.ts";
import {
  addExpired,
  expiryOf,
  itemOf,
  lotsPageOf,
  type Member,
  type MemberItem,
  memberBytes,
  memberFromItem,
} from "./member.ts";
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
  readonly #states = new Map<string, LoyaltyState>();
  /** Those with a report that is on its way to another shard. */
  readonly #awaited = new Set<LoyaltyState>();

  constructor(context: ProgrammeContext) {
    super();
    this.#context = context;
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
    delete_member: this.#ofMember<"delete_member">((_, { subject }) => ({
      ok: true,
      effect: null,
      closes: subject,
    })),
    accrual: this.#ofMember<"accrual">((member, _, context) =>
      member.earned + context.amount > BALANCE_MAX
        ? reject("balance_out_of_range", member.id)
        : { ok: true, effect: this.#movement(member, context, context.amount, []) },
    ),
    redemption: this.#ofMember<"redemption">((member, _, context) => {
      const parts = splitOverLots(member.lots, context.amount);
      return { ok: true, effect: this.#movement(member, context, -context.amount, parts) };
    }),
    expiry: this.#ofMember<"expiry">((member, { lot }, context) => {
      const parts = splitOverLots(member.lots, context.amount, lot);
      return { ok: true, effect: { ...this.#movement(member, context, -context.amount, parts), ended: lot } };
    }),
    take_back: this.#ofMember<"take_back">((member, act, context) =>
      this.#decideTakeBack(member, act, context),
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
    update_member: this.#changing<"update_member">((_, member, { name }) => {
      member.name = name;
    }),
    delete_member: ({ subject }, _, { partner }) => {
      const state = this.#stateOf(partner);
      const member = existing(state, subject);
      state.members.delete(subject);
      state.memberList.remove(member);
      this.#context.countBytes?.(partner, -memberBytes(member));
    },
    accrual: this.#changing<"accrual">((state, member, { expiresAtMs }, _, { partner, amount, transfer }) => {
      count(state, member, "earned", amount);
      if (expiresAtMs !== undefined && transfer !== null)
        this.#addToLot(partner, member, [transfer, amount, expiresAtMs]);
    }),
    redemption: this.#changing<"redemption">((state, member, _, effect, { amount }) => {
      count(state, member, "spent", amount);
      this.#takeFromLots(member, effect?.lots);
    }),
    expiry: this.#changing<"expiry">((state, member, _, effect, { amount }) => {
      count(state, member, "expired", amount);
      this.#takeFromLots(member, effect?.lots);
      if (effect?.ended !== undefined) addExpired(member, effect.ended, amount);
    }),
    take_back: this.#changing<"take_back">((state, member, { of, lot }, effect, { partner, amount }) => {
      if (of === "accrual") {
        count(state, member, "earned", -amount);
        this.#takeFromLots(member, effect?.lots);
        if (lot !== undefined) member.expiredByLot.delete(lot);
        if (effect?.undone !== undefined) member.undoneLots.add(effect.undone);
      } else {
        count(state, member, "spent", -amount);
        for (const part of effect?.lots ?? []) this.#addToLot(partner, member, part);
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
      const lots = this.#member(partner, pointsAccount(id))?.lots;
      return lots === undefined ? null : lotsPageOf(lots, limit, after);
    },
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
    for (const lot of lots) this.#addToLot(partner, member, lot);
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
    this.#context.countBytes?.(partner, memberBytes(member));
  }

  #stateOf(partner: string): LoyaltyState {
    let state = this.#states.get(partner);
    if (state === undefined) {
      const memberList = new PagedIndex<Member>(this.#context.shard);
      const totals = new PartnerTotals(partner, this.#context);
      state = { members: new Map(), memberList, settings: DEFAULTS, ...noPoints(), totals };
      this.#states.set(partner, state);
    }
    return state;
  }

  /** The effect of a movement of `amount` points (negative: out of the account), with the threshold it crosses. */
  #movement(
    { id }: Member,
    { partner }: DecisionContext,
    amount: number,
    lots: readonly LotPart[],
  ): LoyaltyEffect<"accrual"> {
    const before = this.#context.account(partner, pointsAccount(id))?.posted ?? 0;
    const after = before + amount;
    const { memberThreshold } = this.#settings(partner);
    const isAbove = before <= memberThreshold && after > memberThreshold;
    const isDepleted = amount < 0 && after === 0;
    if (!isAbove && !isDepleted && lots.length === 0) return null;
    return {
      ...(lots.length > 0 && { lots }),
      ...(isAbove && { crossed: "above_threshold" }),
      ...(isDepleted && { crossed: "depleted" }),
    };
  }

  /** Rejects with `member_not_found` if the reverted entry belongs to a former member with the same id. */
  #decideTakeBack(
    member: Member,
    act: LoyaltyAct<"take_back">,
    context: DecisionContext,
  ): Decision<LoyaltyEffect<"take_back">, never> {
    const { partner, amount } = context;
    if ((act.seq ?? Number.POSITIVE_INFINITY) <= member.since) return reject("member_not_found", member.id);
    if (act.of === "redemption") {
      // The revert of their accrual took other points, so the points that return are no longer part of these lots.
      const returned = act.lots.filter(([lot]) => !member.undoneLots.has(lot));
      return { ok: true, effect: this.#movement(member, context, amount, returned) };
    }
    const { lot } = act;
    if (lot !== undefined) {
      const parts = splitOverLots(member.lots, amount, lot);
      const [, own = 0] = parts.find(([id]) => id === lot) ?? [];
      const effect = this.#movement(member, context, -amount, parts);
      return { ok: true, effect: own < amount ? { ...effect, undone: lot } : effect };
    }
    // Points without expiry are spent last: the revert takes from them first and from lots only the rest.
    const posted = this.#context.account(partner, act.subject)?.posted ?? 0;
    const permanentPoints = posted - member.lots.reduce((sum, { points }) => sum + points, 0);
    const parts = splitOverLots(member.lots, Math.max(0, amount - permanentPoints));
    return { ok: true, effect: this.#movement(member, context, -amount, parts) };
  }

  #takeFromLots({ lots }: Member, parts: readonly LotPart[] = []): void {
    for (const [id, points] of parts) {
      const lot = lotById(lots, id);
      lot.points -= points;
      if (lot.points > 0) continue;
      this.#context.scheduler.remove(lot.expiryCommand);
      lots.splice(lots.indexOf(lot), 1);
    }
  }

  #addToLot(partner: string, member: Member, [id, points, expiresAtMs]: LotPart): void {
    const known = member.lots.find((lot) => lot.id === id);
    if (known !== undefined) {
      known.points += points;
      return;
    }
    const subject = pointsAccount(member.id);
    const lot: Member["lots"][number] = {
      id,
      points,
      expiresAtMs,
      expiryCommand: {
        partner,
        endsAtMs: expiresAtMs,
        id: `${partner}\0${id}`,
        place: -1,
        subjects: [subject],
        command: () => expiryOf(partner, member.id, lot),
      },
    };
    member.lots.splice(insertionIndex(member.lots, expiresAtMs), 0, lot);
    this.#context.scheduler.add(lot.expiryCommand);
  }

  #viewOf(partner: string, { id, name, createdAtMs, earned, spent, expired, since }: Member): MemberView {
    const { posted = 0, held = 0 } = this.#context.account(partner, pointsAccount(id)) ?? {};
    return { id, name, balance: posted, held, earned, spent, expired, createdAtMs, since };
  }
}
