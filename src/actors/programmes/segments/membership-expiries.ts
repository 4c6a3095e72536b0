/**
 * Memberships that end by themselves, by the time at which they do: those of one time are ended together, in portions if
 * they are many. Nobody waits for it: who reads or changes a membership looks at its time.
 */
import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import type { Command } from "../../records/command.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { EXPIRIES_SUBJECT, type Expire, type Expired } from "./acts.ts";

const ENDED_MAX = 500;
/** After a full portion others have their turn. */
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

  /** When the first one is over that is there still. */
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
    assert(group?.memberships.delete(membership) === true, "what ends by itself is known here");
    if (group.memberships.size > 0) return;
    this.#groups.delete(group.id);
    this.#order.remove(group);
    this.#schedule();
  }

  /** What the next portion is. */
  decide(): Expired {
    const ended: [string, string, number, number][] = [];
    for (const { user, segment, endsAtMs } of this.#order.first?.memberships ?? []) {
      if (ended.length === ENDED_MAX) break;
      const { slug, localId, deletedAtMs } = segment;
      ended.push([user.id, slug, localId, Math.min(endsAtMs, deletedAtMs ?? endsAtMs)]);
    }
    return { ended };
  }

  /** So many have been ended. */
  advance(count: number, timeMs: number): void {
    if (count === ENDED_MAX) this.#pausedUntilMs = timeMs + PAUSE_MS;
    if (this.#next !== undefined) this.#scheduler.remove(this.#next);
    this.#next = undefined;
    this.#schedule();
  }

  /** Puts the first group on the timetable, if it is not there. */
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
  const act: Expire = { programme: "segments", act: "expire", subject: EXPIRIES_SUBJECT };
  return { op: "act", partner, key: null, fingerprint: 0, act };
}
