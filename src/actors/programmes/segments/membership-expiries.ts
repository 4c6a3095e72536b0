/**
 * Memberships that end by themselves, by the time at which they do: those of one time are ended together, in portions if
 * they are many. Nobody waits for it: who reads or changes a membership looks at its time.
 */
import { assert } from "../../../errors/assert.ts";
import { Deadlines, type Expiring } from "../../ledger/limits/deadlines.ts";
import type { Command } from "../../records/command.ts";
import type { ProgrammeContext, ScheduledCommand } from "../programme.ts";
import { ENDINGS_SUBJECT, type Expire, type Expired } from "./acts.ts";

const ENDED_MAX = 500;
/** After a full portion others have their turn. */
const PAUSE_MS = 1;

type Timed = Readonly<{
  user: Readonly<{ id: string }>;
  segment: Readonly<{ partner: string; slug: string; no: number; deletedAtMs: number | null }>;
  endsAtMs: number;
}>;

interface Group extends Expiring {
  readonly partner: string;
  readonly timed: Set<Timed>;
}

export class MembershipExpiries {
  readonly #due: ProgrammeContext["due"];
  readonly #groups = new Map<string, Group>();
  readonly #order = new Deadlines<Group>();
  #next: ScheduledCommand | undefined;
  #pausedToMs = 0;

  constructor(due: ProgrammeContext["due"]) {
    this.#due = due;
  }

  /** When the first one is over that is there still. */
  get firstMs(): number {
    return this.#order.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  add(timed: Timed): void {
    const { partner } = timed.segment;
    const id = idOf(timed);
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { partner, endsAtMs: timed.endsAtMs, id, place: -1, timed: new Set() };
      this.#groups.set(id, group);
      this.#order.add(group);
      this.#expect();
    }
    group.timed.add(timed);
  }

  remove(timed: Timed): void {
    const group = this.#groups.get(idOf(timed));
    assert(group?.timed.delete(timed) === true, "what ends by itself is known here");
    if (group.timed.size > 0) return;
    this.#groups.delete(group.id);
    this.#order.remove(group);
    this.#expect();
  }

  /** What the next portion is. */
  decide(): Expired {
    const ended: [string, string, number, number][] = [];
    for (const { user, segment, endsAtMs } of this.#order.first?.timed ?? []) {
      if (ended.length === ENDED_MAX) break;
      const { slug, no, deletedAtMs } = segment;
      ended.push([user.id, slug, no, Math.min(endsAtMs, deletedAtMs ?? endsAtMs)]);
    }
    return { ended };
  }

  /** So many have been ended. */
  advance(count: number, timeMs: number): void {
    if (count === ENDED_MAX) this.#pausedToMs = timeMs + PAUSE_MS;
    if (this.#next !== undefined) this.#due.remove(this.#next);
    this.#next = undefined;
    this.#expect();
  }

  /** Puts the first group on the timetable, if it is not there. */
  #expect(): void {
    const { first } = this.#order;
    const endsAtMs = first === undefined ? undefined : Math.max(first.endsAtMs, this.#pausedToMs);
    if (this.#next?.endsAtMs === endsAtMs && this.#next?.partner === first?.partner) return;
    if (this.#next !== undefined) this.#due.remove(this.#next);
    this.#next = undefined;
    if (first === undefined || endsAtMs === undefined) return;
    const { partner } = first;
    const command = () => expiryOf(partner);
    this.#next = { partner, endsAtMs, id: "endings", place: -1, subjects: [], command };
    this.#due.add(this.#next);
  }
}

function idOf({ segment: { partner }, endsAtMs }: Timed): string {
  return `${partner}\0${endsAtMs}`;
}

function expiryOf(partner: string): Command {
  const act: Expire = { programme: "segments", act: "expire", subject: ENDINGS_SUBJECT };
  return { op: "act", partner, key: null, fingerprint: 0, act };
}
