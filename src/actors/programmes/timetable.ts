/** What ends by itself on one shard, whatever programme it belongs to. */
import { assert } from "../../assert.ts";
import { Deadlines } from "../deadlines.ts";
import { DeadlinesBySubject } from "../deadlines-by-subject.ts";
import { DUE_BYTES } from "../quotas/bytes.ts";
import type { PartnerUsage } from "../quotas/usage.ts";
import type { Due } from "./programme.ts";

type Counter = Pick<PartnerUsage, "count">;

const UNCOUNTED: Counter = { count: () => {} };

export class Timetable {
  readonly #usageOf: (partner: string) => Counter;
  readonly #deadlines = new Deadlines<Due>();
  readonly #bySubject = new DeadlinesBySubject<Due>();

  /** @param usageOf where it is counted what partners keep. */
  constructor(usageOf: (partner: string) => Counter = () => UNCOUNTED) {
    this.#usageOf = usageOf;
  }

  get nextEndMs(): number {
    return this.#deadlines.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  add(item: Due): void {
    this.#deadlines.add(item);
    this.#usageOf(item.partner).count(DUE_BYTES);
    for (const key of keysOf(item)) this.#bySubject.add(key, item);
  }

  remove(item: Due): void {
    assert(item.place >= 0, "what is taken off the timetable is on it");
    this.#deadlines.remove(item);
    this.#usageOf(item.partner).count(-DUE_BYTES);
    for (const key of keysOf(item)) this.#bySubject.removed(key);
  }

  /** The one whose time was over first at `nowMs`. */
  nextDue(nowMs: number): Due | undefined {
    const { first } = this.#deadlines;
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  /** The same among those of one subject. */
  nextDueOf(partner: string, subject: string, nowMs: number): Due | undefined {
    const first = this.#bySubject.firstOf(`${partner}\0${subject}`);
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }
}

function keysOf({ partner, subjects }: Due): readonly string[] {
  return subjects.map((subject) => `${partner}\0${subject}`);
}
