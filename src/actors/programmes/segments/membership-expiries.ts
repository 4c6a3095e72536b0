/**
 * Expiry of memberships. Memberships of one partner with the same expiry form a group and are ended together, in
 * portions if there are many. Requests need not wait for it: reads and changes compare the expiry with the time
 * themselves.
 */

import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import { actAlone, type Command } from "../../records/command.ts";
import { keyless } from "../../records/command-header.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { EXPIRIES_SUBJECT, type Expired, segmentsAct } from "./acts.ts";

/** Memberships ended per portion. */
const PORTION_MAX = 500;
/** Pause after a full portion, so that other requests get their turn. */
const PAUSE_MS = 1;

type ExpiringMembership = Readonly<{
  user: Readonly<{ id: string }>;
  segment: Readonly<{ partner: string; slug: string; localId: number; deletedAtMs: number | null }>;
  endsAtMs: number;
}>;

interface Group extends Expiring {
  readonly partner: string;
  readonly memberships: Set<ExpiringMembership>;
}

export class MembershipExpiries {
  readonly #scheduler: ProgrammeContext["scheduler"];
  readonly #groups = new Map<string, Group>();
  readonly #order = new Deadlines<Group>();
  #next: ScheduledCommand | undefined;
  #pausedUntilMs = 0;

  constructor(scheduler: ProgrammeContext["scheduler"]) {
    this.#scheduler = scheduler;
  }

  /** The earliest expiry that was not applied yet, in ms; infinite without one. */
  get firstExpiryMs(): number {
    return this.#order.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  add(membership: ExpiringMembership): void {
    const { partner } = membership.segment;
    const id = idOf(membership);
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { partner, endsAtMs: membership.endsAtMs, id, place: -1, memberships: new Set() };
      this.#groups.set(id, group);
      this.#order.add(group);
      this.#schedule();
    }
    group.memberships.add(membership);
  }

  remove(membership: ExpiringMembership): void {
    const group = this.#groups.get(idOf(membership));
    assert(group?.memberships.delete(membership) === true, "a membership with an expiry is in a group");
    if (group.memberships.size > 0) return;
    this.#groups.delete(group.id);
    this.#order.remove(group);
    this.#schedule();
  }

  /** The next portion. */
  decide(): Expired {
    const ended: [string, string, number, number][] = [];
    for (const { user, segment, endsAtMs } of this.#order.first?.memberships ?? []) {
      if (ended.length === PORTION_MAX) break;
      const { slug, localId, deletedAtMs } = segment;
      ended.push([user.id, slug, localId, Math.min(endsAtMs, deletedAtMs ?? endsAtMs)]);
    }
    return { ended };
  }

  /** Schedules the next portion after one of `count` memberships was applied. */
  advance(count: number, timeMs: number): void {
    if (count === PORTION_MAX) this.#pausedUntilMs = timeMs + PAUSE_MS;
    if (this.#next !== undefined) this.#scheduler.remove(this.#next);
    this.#next = undefined;
    this.#schedule();
  }

  /** Schedules the earliest group, unless it is scheduled already. */
  #schedule(): void {
    const { first } = this.#order;
    const endsAtMs = first === undefined ? undefined : Math.max(first.endsAtMs, this.#pausedUntilMs);
    if (this.#next?.endsAtMs === endsAtMs && this.#next?.partner === first?.partner) return;
    if (this.#next !== undefined) this.#scheduler.remove(this.#next);
    this.#next = undefined;
    if (first === undefined || endsAtMs === undefined) return;
    const { partner } = first;
    const command = () => expiryOf(partner);
    this.#next = { partner, endsAtMs, id: "endings", place: -1, subjects: [], command };
    this.#scheduler.add(this.#next);
  }
}

function idOf({ segment: { partner }, endsAtMs }: ExpiringMembership): string {
  return `${partner}\0${endsAtMs}`;
}

function expiryOf(partner: string): Command {
  return actAlone(keyless(partner), segmentsAct("expire", EXPIRIES_SUBJECT, {}));
}
