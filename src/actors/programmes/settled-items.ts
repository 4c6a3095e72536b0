/**
 * The settled items of one programme and partner on one shard: used vouchers, decided credit requests, closed orders. Each
 * leaves memory 30 days later; the record that says so holds all that answers need, and the archive finds it.
 */
import { Deadlines, type Expiring } from "../ledger/limits/deadlines.ts";
import type { Act } from "../records/act.ts";
import { actAlone } from "../records/command.ts";
import { keyless } from "../records/command-header.ts";
import type { ProgrammeContext, ScheduledCommand } from "./programme.ts";

/** How long a settled item stays in memory, in ms of log time. */
export const SETTLED_KEPT_MS = 30 * 24 * 60 * 60_000;
/** Items forgotten in one record: about 1 ms of work. */
export const FORGOTTEN_PER_RECORD_MAX = 256;
/** Approximate size of one in memory, besides the item. */
export const SETTLED_BYTES = 130;
/** Due times are full minutes, so that many items share a record. */
const MINUTE_MS = 60_000;

/** `id`: of the item. `endsAtMs`: from when on it may be forgotten. */
export interface SettledItem extends Expiring {
  /** When it was settled. */
  readonly sinceMs: number;
}

export class SettledItems {
  readonly #partner: string;
  readonly #scheduler: ProgrammeContext["scheduler"];
  readonly #forget: Act;
  readonly #byTime = new Deadlines<SettledItem>();
  /** The next portion that is forgotten. */
  #next: ScheduledCommand | undefined;
  #pausedUntilMs = 0;

  /** @param forget the act that forgets the next portion */
  constructor(partner: string, scheduler: ProgrammeContext["scheduler"], forget: Act) {
    this.#partner = partner;
    this.#scheduler = scheduler;
    this.#forget = forget;
  }

  add(id: string, sinceMs: number): SettledItem {
    const settled = { id, sinceMs, endsAtMs: sinceMs + SETTLED_KEPT_MS, place: -1 };
    this.#byTime.add(settled);
    this.#schedule();
    return settled;
  }

  /** For an item that is no longer settled, or that leaves memory for another reason. */
  remove(settled: SettledItem): void {
    this.#byTime.remove(settled);
    this.#schedule();
  }

  /** The ids of the items to forget next, longest settled first. */
  nextIds(nowMs: number): readonly string[] {
    return this.#byTime.firstUntil(nowMs, FORGOTTEN_PER_RECORD_MAX).map(({ id }) => id);
  }

  /** Removes what a record has forgotten, and schedules the next portion. */
  forgotten(portion: readonly SettledItem[], timeMs: number): void {
    for (const settled of portion) this.#byTime.remove(settled);
    // A due time 1 ms later yields to requests: commands in one log batch share a time.
    this.#pausedUntilMs = timeMs + 1;
    this.#cancel();
    this.#schedule();
  }

  #schedule(): void {
    const { first } = this.#byTime;
    if (first === undefined) return this.#cancel();
    const endsAtMs = Math.max(Math.ceil(first.endsAtMs / MINUTE_MS) * MINUTE_MS, this.#pausedUntilMs);
    if (this.#next?.endsAtMs === endsAtMs) return undefined;
    this.#cancel();
    const partner = this.#partner;
    this.#next = {
      partner,
      endsAtMs,
      id: `${partner}\0${this.#forget.programme}\0forget`,
      place: -1,
      subjects: [],
      command: () => actAlone(keyless(partner), this.#forget),
    };
    this.#scheduler.add(this.#next);
    return undefined;
  }

  #cancel(): void {
    if (this.#next !== undefined) this.#scheduler.remove(this.#next);
    this.#next = undefined;
  }
}
