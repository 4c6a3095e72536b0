/** Loyalty: points are those earned and not spent or lost, and a lot ends once, with what is left of it. */
import {
  askMember,
  type LoyaltyEffect,
  type MemberView,
  memberIdOf,
} from "../../../src/actors/programmes/loyalty/acts.ts";
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail, postedOf } from "./programme-records.ts";

type Lot = { points: number; readonly expiresAtMs: number };
type Pending = Readonly<{ points: number; activatesAtMs: number; expiresAtMs: number | undefined }>;
type Member = {
  points: number;
  readonly lots: Map<string, Lot>;
  readonly pending: Map<string, Pending>;
  isOver: boolean;
};

function pendingOf(logs: readonly Replayed[], partner: string, account: string): number | undefined {
  const { programme, ask } = askMember(memberIdOf(account));
  for (const { ledger, timeMs } of logs) {
    const view = ledger.state.programmes.answer(programme, partner, ask, timeMs) as MemberView | null;
    if (view !== null) return view.pending ?? 0;
  }
  return undefined;
}

export function checkLoyalty(logs: readonly Replayed[], fail: Fail): void {
  const members = new Map<string, Member>();
  const references = new Set<string>();
  for (const log of logs)
    for (const { act, partner, timeMs, transfer, amount, effect, refused } of actsOf(log, "loyalty")) {
      if (refused !== undefined) continue;
      const name = `${partner} ${act.subject}`;
      const member = members.get(name);
      if ("reference" in act && act.reference !== undefined) {
        const used = `${name} ${act.reference}`;
        if (references.has(used)) fail(`the reference ${used} is used twice`);
        references.add(used);
      }
      const parts = (effect as LoyaltyEffect<"redemption"> | undefined)?.lots ?? [];
      const take = () => {
        for (const [id, points] of parts) {
          const lot = member?.lots.get(id);
          if (lot === undefined || lot.points < points)
            fail(`${act.act} takes ${points} of ${id} of ${name}, which has ${lot?.points}`);
          else if ((lot.points -= points) === 0) member?.lots.delete(id);
        }
        if (member !== undefined) member.points -= amount;
      };
      switch (act.act) {
        case "create_member":
          members.set(name, { points: 0, lots: new Map(), pending: new Map(), isOver: false });
          break;
        case "delete_member":
          if (member?.points !== 0 || member.pending.size > 0)
            fail(`${name} is deleted with ${member?.points} points`);
          if (member !== undefined) member.isOver = true;
          break;
        case "accrual":
          if (member === undefined || member.isOver) fail(`${name} earns, and is no member`);
          else if (act.activatesAtMs !== undefined && transfer !== null) {
            const { activatesAtMs, expiresAtMs } = act;
            member.pending.set(transfer, { points: amount, activatesAtMs, expiresAtMs });
          } else {
            member.points += amount;
            if (act.expiresAtMs !== undefined && transfer !== null)
              member.lots.set(transfer, { points: amount, expiresAtMs: act.expiresAtMs });
          }
          break;
        case "redemption":
          take();
          break;
        case "activation": {
          const begun = member?.pending.get(act.accrual);
          if (member === undefined || begun === undefined || begun.activatesAtMs > timeMs)
            fail(`${act.accrual} of ${name} begins at ${timeMs}, and is ${JSON.stringify(begun)}`);
          else {
            member.pending.delete(act.accrual);
            member.points += begun.points;
            const { points, expiresAtMs } = begun;
            if (expiresAtMs !== undefined) member.lots.set(act.accrual, { points, expiresAtMs });
          }
          break;
        }
        case "cancel_accrual":
          if (member?.pending.delete(act.accrual) !== true)
            fail(`${act.accrual} of ${name} is cancelled, and is not pending`);
          break;
        case "expiry": {
          const lot = member?.lots.get(act.lot);
          if (lot === undefined || lot.expiresAtMs > timeMs || lot.points !== amount)
            fail(`${act.lot} of ${name} loses ${amount} at ${timeMs}, and is ${JSON.stringify(lot)}`);
          take();
          break;
        }
        case "take_back":
          if (act.of === "accrual") take();
          else if (member !== undefined) {
            member.points += amount;
            for (const [id, points, expiresAtMs] of parts) {
              const lot = member.lots.get(id);
              if (lot === undefined) member.lots.set(id, { points, expiresAtMs });
              else lot.points += points;
            }
          }
          break;
        default:
      }
    }
  for (const [name, { points, lots, pending, isOver }] of members) {
    const [partner = "", account = ""] = name.split(" ");
    const promised = [...pending.values()].reduce((sum, each) => sum + each.points, 0);
    const shown = pendingOf(logs, partner, account);
    if (!isOver && shown !== promised)
      fail(`${name} should have ${promised} pending points, and has ${shown}`);
    const posted = postedOf(logs, partner, account);
    if (!isOver && posted !== points) fail(`${name} should have ${points} points, and has ${posted}`);
    const inLots = [...lots.values()].reduce((sum, lot) => sum + lot.points, 0);
    if (inLots > points) fail(`${name} has ${points} points, and ${inLots} of them in lots`);
  }
}
