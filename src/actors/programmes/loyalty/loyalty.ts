/**
 * The loyalty programme. A member is a named account of points, with lots for the points that expire. Points come from
 * `@issuance` and go to `@redemption` or `@expired`. These system accounts have a slice on every shard, so that each
 * movement is one record on the member's shard.
 */

import { ExactSum } from "../../../bounds/exact-sum.ts";
import { assert, unreachable } from "../../../errors/assert.ts";
import { BALANCE_MAX } from "../../ledger/account.ts";
import type { Act, JsonValue } from "../../records/act.ts";
import { type Rejected, reject } from "../../records/command.ts";
import { type ListRequest, PagedIndex } from "../paged-index.ts";
import type {
  AcceptedAct,
  ApplyContext,
  DecisionContext,
  Programme,
  ProgrammeContext,
} from "../programme.ts";
import {
  type ChangeSettings,
  type CreateMember,
  type LoyaltyAct,
  type LoyaltyEffect,
  type LoyaltySettings,
  type LoyaltySummary,
  type MemberView,
  memberIdOf,
  POINTS,
  pointsAccount,
  type TakeBack,
} from "./acts.ts";
import { insertionIndex, type LotPart, type LotPlace, lotById, splitOverLots } from "./lots.ts";
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

const DEFAULTS: LoyaltySettings = { memberThreshold: 1_000, totalThreshold: 100_000 };

/** The programme of one partner on this shard. The sums include deleted members. */
interface LoyaltyState {
  /** By subject. */
  readonly members: Map<string, Member>;
  readonly memberList: PagedIndex<Member>;
  settings: LoyaltySettings;
  earned: ExactSum;
  spent: ExactSum;
  expired: ExactSum;
}

/** Acts on an existing member. */
type MemberAct = Exclude<LoyaltyAct, ChangeSettings | CreateMember>;

type Item =
  | readonly [
      "club",
      partner: string,
      settings: LoyaltySettings,
      earned: string,
      spent: string,
      expired: string,
    ]
  | MemberItem;

export class Loyalty implements Programme<LoyaltyAct, LoyaltyEffect> {
  readonly #context: ProgrammeContext;
  readonly #states = new Map<string, LoyaltyState>();

  constructor(context: ProgrammeContext) {
    this.#context = context;
  }

  decide(act: LoyaltyAct, context: DecisionContext): AcceptedAct<LoyaltyEffect> | Rejected {
    if (act.act === "change_settings") return { ok: true, effect: null, notice: settingsNotice(act) };
    const member = this.#states.get(context.partner)?.members.get(act.subject);
    if (act.act === "create_member") return this.#decideCreate(member, act, context);
    if (member === undefined) return reject("member_not_found", memberIdOf(act.subject));
    switch (act.act) {
      case "update_member":
        return {
          ok: true,
          effect: { member: this.#viewOf(context.partner, { ...member, name: act.name }) },
        };
      case "delete_member":
        return { ok: true, effect: null, closes: act.subject };
      case "accrual":
        if (member.earned + context.amount > BALANCE_MAX)
          return reject("balance_out_of_range", memberIdOf(act.subject));
        return this.#movement(act, context, context.amount, []);
      case "redemption":
        return this.#movement(act, context, -context.amount, splitOverLots(member.lots, context.amount));
      case "expiry":
        return this.#movement(
          act,
          context,
          -context.amount,
          splitOverLots(member.lots, context.amount, act.lot),
          {
            ended: act.lot,
          },
        );
      case "take_back":
        return this.#decideTakeBack(member, act, context);
      default:
        return unreachable(act);
    }
  }

  apply(act: LoyaltyAct, effect: LoyaltyEffect, done: ApplyContext): void {
    const { partner, timeMs } = done;
    const state = this.#stateOf(partner);
    if (act.act === "change_settings") {
      state.settings = act.settings;
      return;
    }
    if (act.act === "create_member") {
      const id = memberIdOf(act.subject);
      const since = effect?.since ?? 0;
      this.#add(
        state,
        partner,
        memberFromItem(["member", partner, id, act.name, timeMs, [0, 0, 0], [], since]),
      );
      return;
    }
    const member = state.members.get(act.subject);
    assert(member !== undefined, "the member of an act exists");
    const before = memberBytes(member);
    this.#applyTo(state, member, act, effect, done);
    const after = act.act === "delete_member" ? 0 : memberBytes(member);
    this.#context.countBytes?.(partner, after - before);
  }

  #applyTo(
    state: LoyaltyState,
    member: Member,
    act: MemberAct,
    effect: LoyaltyEffect,
    done: ApplyContext,
  ): void {
    const { partner, amount } = done;
    const lots = effect?.lots ?? [];
    switch (act.act) {
      case "update_member":
        member.name = act.name;
        return;
      case "delete_member":
        state.members.delete(act.subject);
        state.memberList.remove(member);
        return;
      case "accrual":
        count(state, member, "earned", amount);
        if (act.expiresAtMs !== undefined && done.transfer !== null)
          this.#addToLot(partner, member, [done.transfer, amount, act.expiresAtMs]);
        return;
      case "redemption":
        count(state, member, "spent", amount);
        this.#takeFromLots(member, lots);
        return;
      case "expiry":
        count(state, member, "expired", amount);
        this.#takeFromLots(member, lots);
        if (effect?.ended !== undefined) addExpired(member, effect.ended, amount);
        return;
      case "take_back":
        if (act.of === "accrual") {
          count(state, member, "earned", -amount);
          this.#takeFromLots(member, lots);
          if (act.lot !== undefined) member.expiredByLot.delete(act.lot);
          if (effect?.undone !== undefined) member.undoneLots.add(effect.undone);
        } else {
          count(state, member, "spent", -amount);
          for (const part of lots) this.#addToLot(partner, member, part);
        }
        return;
      default:
        unreachable(act);
    }
  }

  /** Points of an accrual that have expired cannot be taken back. */
  takeable(act: LoyaltyAct, partner: string, amount: number): number {
    if (act.act !== "take_back" || act.of !== "accrual" || act.lot === undefined) return amount;
    const member = this.#states.get(partner)?.members.get(act.subject);
    return amount - (member?.expiredByLot.get(act.lot) ?? 0);
  }

  receiveBroadcast(notice: JsonValue, partner: string): void {
    this.#stateOf(partner).settings = notice as LoyaltySettings;
  }

  answer(partner: string, [query, ...values]: readonly JsonValue[]): JsonValue {
    const state = this.#states.get(partner);
    switch (query) {
      case "member": {
        const member = state?.members.get(pointsAccount(values[0] as string));
        return member === undefined ? null : this.#viewOf(partner, member);
      }
      case "lots": {
        const [member, limit, after] = values as [string, number, LotPlace | null];
        const lots = state?.members.get(pointsAccount(member))?.lots;
        return lots === undefined ? null : lotsPageOf(lots, limit, after);
      }
      case "members": {
        const page = values as unknown as ListRequest;
        const memberList = state?.memberList ?? new PagedIndex<Member>(this.#context.shard);
        return memberList.list(page, (member) => this.#viewOf(partner, member));
      }
      case "summary":
        return summaryOf(state);
      case "settings":
        return state?.settings ?? DEFAULTS;
      default:
        throw new TypeError(`unknown query of the loyalty programme: ${JSON.stringify(query)}`);
    }
  }

  *items(): Generator<Item> {
    for (const [partner, { settings, earned, spent, expired, memberList }] of this.#states) {
      yield ["club", partner, settings, `${earned.value}`, `${spent.value}`, `${expired.value}`];
      for (const member of memberList.all()) yield itemOf(partner, member);
    }
  }

  restore(stored: readonly JsonValue[]): void {
    const item = stored as unknown as Item;
    const state = this.#stateOf(item[1]);
    if (item[0] === "club") {
      const [, , settings, earned, spent, expired] = item;
      const [e, s, x] = [earned, spent, expired].map((sum) => new ExactSum(BigInt(sum)));
      Object.assign(state, { settings, earned: e, spent: s, expired: x });
      return;
    }
    const [, partner, , , , , lots] = item;
    const member = memberFromItem(item);
    this.#add(state, partner, member);
    for (const lot of lots) this.#addToLot(partner, member, lot);
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
      state = { members: new Map(), memberList, settings: DEFAULTS, ...noTotals() };
      this.#states.set(partner, state);
    }
    return state;
  }

  /** The effect of a movement of `amount` points (negative: out of the account), with the threshold it crosses. */
  #movement(
    { subject }: Act,
    { partner }: DecisionContext,
    amount: number,
    lots: readonly LotPart[],
    extra: LoyaltyEffect = null,
  ): AcceptedAct<LoyaltyEffect> {
    const before = this.#context.account(partner, subject)?.posted ?? 0;
    const after = before + amount;
    const { memberThreshold } = this.#states.get(partner)?.settings ?? DEFAULTS;
    const isAbove = before <= memberThreshold && after > memberThreshold;
    const isDepleted = amount < 0 && after === 0;
    if (!isAbove && !isDepleted && lots.length === 0) return { ok: true, effect: extra };
    const effect: LoyaltyEffect = {
      ...(lots.length > 0 && { lots }),
      ...(isAbove && { crossed: "above_threshold" }),
      ...(isDepleted && { crossed: "depleted" }),
      ...extra,
    };
    return { ok: true, effect };
  }

  #decideCreate(
    member: Member | undefined,
    { subject }: CreateMember,
    { partner }: DecisionContext,
  ): AcceptedAct<LoyaltyEffect> | Rejected {
    if (member !== undefined) return reject("member_exists", memberIdOf(subject));
    const since = this.#context.account(partner, subject)?.seq ?? 0;
    return { ok: true, effect: since > 0 ? { since } : null, opens: { id: subject, asset: POINTS } };
  }

  /** Rejects with `member_not_found` if the reverted entry belongs to a former member with the same id. */
  #decideTakeBack(
    member: Member,
    act: TakeBack,
    context: DecisionContext,
  ): AcceptedAct<LoyaltyEffect> | Rejected {
    const { partner, amount } = context;
    if ((act.seq ?? Number.POSITIVE_INFINITY) <= member.since) return reject("member_not_found", member.id);
    if (act.of === "redemption") {
      // The revert of their accrual took other points, so the points that return are no longer part of these lots.
      const returned = act.lots.filter(([lot]) => !member.undoneLots.has(lot));
      return this.#movement(act, context, amount, returned);
    }
    const { lot } = act;
    if (lot !== undefined) {
      const parts = splitOverLots(member.lots, amount, lot);
      const [, own = 0] = parts.find(([id]) => id === lot) ?? [];
      return this.#movement(act, context, -amount, parts, own < amount ? { undone: lot } : null);
    }
    // Points without expiry are spent last: the revert takes from them first and from lots only the rest.
    const posted = this.#context.account(partner, act.subject)?.posted ?? 0;
    const permanentPoints = posted - member.lots.reduce((sum, { points }) => sum + points, 0);
    return this.#movement(
      act,
      context,
      -amount,
      splitOverLots(member.lots, Math.max(0, amount - permanentPoints)),
    );
  }

  #takeFromLots({ lots }: Member, parts: readonly LotPart[]): void {
    for (const [id, points] of parts) {
      const lot = lotById(lots, id) as Member["lots"][number];
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

function settingsNotice({ settings }: ChangeSettings): JsonValue {
  return settings;
}

function count(
  state: LoyaltyState,
  member: Member,
  counter: "earned" | "spent" | "expired",
  points: number,
): void {
  member[counter] += points;
  state[counter].add(points);
}

function noTotals(): Pick<LoyaltyState, "earned" | "spent" | "expired"> {
  return { earned: new ExactSum(), spent: new ExactSum(), expired: new ExactSum() };
}

function summaryOf(state: LoyaltyState | undefined): LoyaltySummary {
  const { earned, spent, expired } = state ?? noTotals();
  const members = state?.members.size ?? 0;
  return { members, earned: `${earned.value}`, spent: `${spent.value}`, expired: `${expired.value}` };
}
