/** Loyalty: points are those earned and not spent or lost, and a lot ends once, with what is left of it. */
import type { LoyaltyEffect } from "../../../src/actors/programmes/loyalty/acts.ts";
import type { Replayed } from "../log-oracles.ts";
import { actsOf, type Fail, postedOf } from "./programme-records.ts";

type Lot = { points: number; readonly expiresAtMs: number };
type Member = { points: number; readonly lots: Map<string, Lot>; isOver: boolean };

export function checkLoyalty(logs: readonly Replayed[], fail: Fail): void {
  const members = new Map<string, Member>();
  for (const log of logs)
    for (const { act, partner, timeMs, transfer, amount, effect, refused } of actsOf(log, "loyalty")) {
      if (refused !== undefined) continue;
      const name = `${partner} ${act.subject}`;
      const member = members.get(name);
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
          members.set(name, { points: 0, lots: new Map(), isOver: false });
          break;
        case "delete_member":
          if (member?.points !== 0) fail(`${name} is deleted with ${member?.points} points`);
          if (member !== undefined) member.isOver = true;
          break;
        case "accrual":
          if (member === undefined || member.isOver) fail(`${name} earns, and is no member`);
          else {
            member.points += amount;
            if (act.expiresAtMs !== undefined && transfer !== null)
              member.lots.set(transfer, { points: amount, expiresAtMs: act.expiresAtMs });
          }
          break;
        case "redemption":
          take();
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
  for (const [name, { points, lots, isOver }] of members) {
    const [partner = "", account = ""] = name.split(" ");
    const posted = postedOf(logs, partner, account);
    if (!isOver && posted !== points) fail(`${name} should have ${points} points, and has ${posted}`);
    const inLots = [...lots.values()].reduce((sum, lot) => sum + lot.points, 0);
    if (inLots > points) fail(`${name} has ${points} points, and ${inLots} of them in lots`);
  }
}
