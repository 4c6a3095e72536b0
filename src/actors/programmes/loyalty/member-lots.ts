/** Changes the lots and pending points of members, and schedules what is to happen to them. */
import type { ProgrammeContext } from "../programme.ts";
import { pointsAccount } from "./acts.ts";
import { insertionIndex, type LotPart, lotById } from "./lots.ts";
import type { LoyaltyState } from "./loyalty-state.ts";
import { expiryOf, type Member } from "./member.ts";
import {
  insertPending,
  type PendingPoints,
  pendingPoints,
  removePending,
  type StoredPending,
} from "./pending-points.ts";

export class MemberLots {
  readonly #scheduler: ProgrammeContext["scheduler"];

  constructor(scheduler: ProgrammeContext["scheduler"]) {
    this.#scheduler = scheduler;
  }

  addPending(state: LoyaltyState, partner: string, member: Member, stored: StoredPending): void {
    const added = pendingPoints(partner, member.id, stored);
    insertPending(member.pending, added);
    member.pendingPoints += added.points;
    state.pending.add(added.points);
    this.#scheduler.add(added.activation);
  }

  endPending(state: LoyaltyState, member: Member, accrual: string): PendingPoints {
    const ended = removePending(member.pending, accrual);
    member.pendingPoints -= ended.points;
    state.pending.add(-ended.points);
    this.#scheduler.remove(ended.activation);
    return ended;
  }

  take({ lots }: Member, parts: readonly LotPart[] = []): void {
    for (const [id, points] of parts) {
      const lot = lotById(lots, id);
      lot.points -= points;
      if (lot.points > 0) continue;
      this.#scheduler.remove(lot.expiryCommand);
      lots.splice(lots.indexOf(lot), 1);
    }
  }

  give(partner: string, member: Member, [id, points, expiresAtMs]: LotPart): void {
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
    this.#scheduler.add(lot.expiryCommand);
  }
}
