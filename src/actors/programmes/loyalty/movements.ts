/** Decides the movements of points: their effects, and what refuses them. Changes nothing. */
import { BALANCE_MAX, DECIDED_MAX } from "../../ledger/account.ts";
import { reject } from "../../records/command.ts";
import type { Decision, DecisionContext, ProgrammeContext } from "../programme.ts";
import {
  type LoyaltyAct,
  type LoyaltyEffect,
  type LoyaltySettings,
  type Movement,
  pointsAccount,
} from "./acts.ts";
import { type LotPart, splitOverLots } from "./lots.ts";
import type { Member } from "./member.ts";

type MovementDecision<K extends "accrual" | "redemption" | "take_back"> = Decision<LoyaltyEffect<K>, never>;

export class Movements {
  readonly #context: ProgrammeContext;
  readonly #settings: (partner: string) => LoyaltySettings;

  constructor(context: ProgrammeContext, settings: (partner: string) => LoyaltySettings) {
    this.#context = context;
    this.#settings = settings;
  }

  /** The effect of a movement of `amount` points (negative: out of the account), with the threshold it crosses. */
  effectOf(
    { id }: Member,
    { partner }: DecisionContext,
    amount: number,
    lots: readonly LotPart[],
  ): Movement | null {
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

  accrual(
    member: Member,
    { activatesAtMs, reference, till }: LoyaltyAct<"accrual">,
    context: DecisionContext,
  ): MovementDecision<"accrual"> {
    const { partner, amount, takenBy } = context;
    if (takenBy !== undefined) return reject("duplicate_reference", takenBy || reference);
    const { id, earned, since, pendingPoints } = member;
    if (earned + pendingPoints + amount > BALANCE_MAX || !this.#leavesRoom(member, partner, amount))
      return reject("balance_out_of_range", id);
    if (activatesAtMs === undefined)
      return { ok: true, effect: withTill(this.effectOf(member, context, amount, []), till) };
    const balance = this.#context.account(partner, pointsAccount(id))?.posted ?? 0;
    if (balance + amount > DECIDED_MAX) return reject("balance_out_of_range", id);
    const source = till === undefined ? {} : { till };
    return { ok: true, effect: { pending: amount, since, balance, ...source } };
  }

  redemption(
    member: Member,
    { reference, till }: LoyaltyAct<"redemption">,
    context: DecisionContext,
  ): MovementDecision<"redemption"> {
    const { amount, takenBy } = context;
    if (takenBy !== undefined) return reject("duplicate_reference", takenBy || reference);
    const parts = splitOverLots(member.lots, amount);
    return { ok: true, effect: withTill(this.effectOf(member, context, -amount, parts), till) };
  }

  /** Rejects with `member_not_found` if the reverted entry belongs to a former member with the same id. */
  takeBack(
    member: Member,
    act: LoyaltyAct<"take_back">,
    context: DecisionContext,
  ): MovementDecision<"take_back"> {
    const { partner, amount } = context;
    const isFormer =
      act.since === undefined
        ? (act.seq ?? Number.POSITIVE_INFINITY) <= member.since
        : act.since !== member.since;
    if (isFormer) return reject("member_not_found", member.id);
    if (act.of === "redemption") {
      if (!this.#leavesRoom(member, partner, amount)) return reject("balance_out_of_range", member.id);
      // The revert of their accrual took other points, so the points that return are no longer part of these lots.
      const returned = act.lots.filter(([lot]) => !member.undoneLots.has(lot));
      return { ok: true, effect: this.effectOf(member, context, amount, returned) };
    }
    const { lot } = act;
    if (lot !== undefined) {
      const parts = splitOverLots(member.lots, amount, lot);
      const [, own = 0] = parts.find(([id]) => id === lot) ?? [];
      const effect = this.effectOf(member, context, -amount, parts);
      return { ok: true, effect: own < amount ? { ...effect, undone: lot } : effect };
    }
    // Points without expiry are spent last: the revert takes from them first and from lots only the rest.
    const posted = this.#context.account(partner, act.subject)?.posted ?? 0;
    const permanentPoints = posted - member.lots.reduce((sum, { points }) => sum + points, 0);
    const parts = splitOverLots(member.lots, Math.max(0, amount - permanentPoints));
    return { ok: true, effect: this.effectOf(member, context, -amount, parts) };
  }

  /**
   * Whether a credit leaves room for the member's pending points: when they begin, the ledger must not refuse them. Without
   * pending points the ledger's own rules decide.
   */
  #leavesRoom({ id, pendingPoints }: Member, partner: string, amount: number): boolean {
    if (pendingPoints === 0) return true;
    const { posted = 0 } = this.#context.account(partner, pointsAccount(id)) ?? {};
    return posted + pendingPoints + amount <= DECIDED_MAX;
  }
}

/** Adds the name of the till to an effect, so that a retry by another till shows the first one. */
function withTill(effect: Movement | null, till: string | undefined): Movement | null {
  return till === undefined ? effect : { ...effect, till };
}
