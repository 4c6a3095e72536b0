/**
 * Requests that wait until nothing that is due is left on their subject. What is due is ended in portions, a few in each
 * batch, so that a million holds that end at one moment hold up nobody but those who ask for their account. Subjects take
 * turns. All that waits came with a request of a gateway or another shard, and those are bounded.
 */
import { type Crossed, PendingReply } from "../../cross-shard/pending-reply.ts";
import type { GroupCommit } from "../group-commit.ts";
import { type Decided, REFUSED, type Refused } from "../messages.ts";

/** Who waits longer is refused: nothing was done. The ends that it waited for go on. */
const WAIT_MS_MAX = 5_000;
/** Ended for one subject before the next one has its turn. */
const PORTION_MAX = 512;

export const OVERLOADED: Refused = [REFUSED, "overloaded"];

/** An account, or another subject of a programme, on which something is due that is not ended yet. */
export class StillDue {
  readonly partner: string;
  readonly subject: string;

  constructor(partner: string, subject: string) {
    this.partner = partner;
    this.subject = subject;
  }
}

/** Not on a subject: waits for the next batch. */
export const NO_ROOM = new StillDue("", "");

export type Waiter = Readonly<{
  /** Tries again; what it returns is what it still has to wait for. */
  resume: () => StillDue | undefined;
  giveUp: () => void;
}>;

/** A command that waits: it is executed later as if it had come then. */
export class ExpiryWait extends PendingReply {
  override settle(): void {
    throw new Error("nothing of it is on another shard yet");
  }

  /** What it came to. */
  pass(result: Decided | Crossed, gate: number): void {
    this.answer(result, gate);
  }
}

type Waiting = Waiter & Readonly<{ untilMs: number }>;
type Row = { readonly on: StillDue; waiting: Waiting[] };

export class ExpiryWaits {
  readonly #commit: GroupCommit;
  readonly #endDueOf: (on: StillDue, max: number) => boolean;
  /** By subject, in the order of their turns. */
  readonly #rows = new Map<string, Row>();
  #size = 0;

  /** @param endDueOf ends at most `max` that are due there, and says whether nothing is left. */
  constructor(commit: GroupCommit, endDueOf: (on: StillDue, max: number) => boolean) {
    this.#commit = commit;
    this.#endDueOf = endDueOf;
  }

  get size(): number {
    return this.#size;
  }

  add(on: StillDue, waiter: Waiter): void {
    this.#size += 1;
    this.#put(on, [{ ...waiter, untilMs: performance.now() + WAIT_MS_MAX }]);
  }

  /** Ends a portion of what is waited for, as far as the open batch has room for that, and resumes those that need not wait. */
  work(): void {
    for (let turns = this.#rows.size; turns > 0 && !this.#commit.crowded; turns--) {
      const [row] = this.#rows.values();
      if (row === undefined) return;
      this.#rows.delete(keyOf(row.on));
      if (this.#endDueOf(row.on, PORTION_MAX)) this.#resume(row);
      else this.#put(row.on, row.waiting);
    }
  }

  /** Refuses those that have waited too long. */
  expire(): void {
    if (this.#size === 0) return;
    const nowMs = performance.now();
    for (const row of Array.from(this.#rows.values())) {
      const late = row.waiting.filter(({ untilMs }) => untilMs <= nowMs);
      if (late.length === 0) continue;
      this.#size -= late.length;
      row.waiting = row.waiting.filter(({ untilMs }) => untilMs > nowMs);
      if (row.waiting.length === 0) this.#rows.delete(keyOf(row.on));
      for (const { giveUp } of late) giveUp();
    }
  }

  #resume({ on, waiting }: Row): void {
    let at = 0;
    while (at < waiting.length && !this.#commit.full) {
      const waiter = waiting[at++] as Waiting;
      const still = waiter.resume();
      if (still === undefined) this.#size -= 1;
      else this.#put(still, [waiter]);
    }
    if (at < waiting.length) this.#put(on, waiting.slice(at));
  }

  #put(on: StillDue, waiting: readonly Waiting[]): void {
    const row = this.#rows.get(keyOf(on));
    if (row === undefined) this.#rows.set(keyOf(on), { on, waiting: [...waiting] });
    else row.waiting.push(...waiting);
  }
}

function keyOf({ partner, subject }: StillDue): string {
  return `${partner}\0${subject}`;
}
