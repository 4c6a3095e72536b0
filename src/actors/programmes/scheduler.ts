/** Commands that a shard executes on its own, by the time when they are due and by their subjects. */
import { assert } from "../../errors/assert.ts";
import { Deadlines } from "../ledger/limits/deadlines.ts";
import { DeadlinesBySubject } from "../ledger/limits/deadlines-by-subject.ts";
import { DUE_BYTES } from "../quotas/bytes.ts";
import type { PartnerUsage } from "../quotas/usage.ts";
import type { ScheduledCommand } from "./programme.ts";

type Counter = Pick<PartnerUsage, "count">;

const UNCOUNTED: Counter = { count: () => {} };

/** The commands of one shard that are due at some time, for all programmes. */
export class Scheduler {
  readonly #usageOf: (partner: string) => Counter;
  readonly #deadlines = new Deadlines<ScheduledCommand>();
  readonly #bySubject = new DeadlinesBySubject<ScheduledCommand>();

  /** @param usageOf counts the memory that a partner occupies. */
  constructor(usageOf: (partner: string) => Counter = () => UNCOUNTED) {
    this.#usageOf = usageOf;
  }

  get nextDueMs(): number {
    return this.#deadlines.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  add(item: ScheduledCommand): void {
    this.#deadlines.add(item);
    this.#usageOf(item.partner).count(DUE_BYTES);
    for (const key of keysOf(item)) this.#bySubject.add(key, item);
  }

  remove(item: ScheduledCommand): void {
    assert(item.place >= 0, "a command that is removed is scheduled");
    this.#deadlines.remove(item);
    this.#usageOf(item.partner).count(-DUE_BYTES);
    for (const key of keysOf(item)) this.#bySubject.removed(key);
  }

  /** The earliest command that is due at `nowMs`. */
  nextDue(nowMs: number): ScheduledCommand | undefined {
    const { first } = this.#deadlines;
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  /** The earliest command of one subject that is due at `nowMs`. */
  nextDueOf(partner: string, subject: string, nowMs: number): ScheduledCommand | undefined {
    const first = this.#bySubject.firstOf(`${partner}\0${subject}`);
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }
}

function keysOf({ partner, subjects }: ScheduledCommand): readonly string[] {
  return subjects.map((subject) => `${partner}\0${subject}`);
}
