/** What ends by itself on one shard, whatever programme it belongs to. */
import { assert } from "../../assert.ts";
import { Deadlines } from "../deadlines.ts";
import type { Due } from "./programme.ts";

export class Timetable {
  readonly #deadlines = new Deadlines<Due>();
  /** By subject, so that nobody looks through all that is due to find what concerns one of them. */
  readonly #bySubject = new Map<string, Set<Due>>();

  get nextEndMs(): number {
    return this.#deadlines.first?.endsAtMs ?? Number.POSITIVE_INFINITY;
  }

  add(item: Due): void {
    this.#deadlines.add(item);
    for (const key of keysOf(item)) {
      const there = this.#bySubject.get(key);
      if (there === undefined) this.#bySubject.set(key, new Set([item]));
      else there.add(item);
    }
  }

  remove(item: Due): void {
    assert(item.place >= 0, "what is taken off the timetable is on it");
    this.#deadlines.remove(item);
    for (const key of keysOf(item)) {
      const there = this.#bySubject.get(key);
      there?.delete(item);
      if (there?.size === 0) this.#bySubject.delete(key);
    }
  }

  /** The one whose time was over first at `nowMs`. */
  nextDue(nowMs: number): Due | undefined {
    const { first } = this.#deadlines;
    return first !== undefined && first.endsAtMs <= nowMs ? first : undefined;
  }

  /** The same among those of one subject. */
  nextDueOf(partner: string, subject: string, nowMs: number): Due | undefined {
    let next: Due | undefined;
    for (const item of this.#bySubject.get(`${partner}\0${subject}`) ?? [])
      if (item.endsAtMs <= nowMs && (next === undefined || item.endsAtMs < next.endsAtMs)) next = item;
    return next;
  }
}

function keysOf({ partner, subjects }: Due): readonly string[] {
  return subjects.map((subject) => `${partner}\0${subject}`);
}
