/**
 * Requests that wait until all due expiries of their subject are processed. Each batch takes a bounded number of
 * expiries, so a million holds that expire at one moment delay only requests for their own account. Subjects take
 * turns. The queues are bounded because every entry is a request of a gateway or another shard, and those are
 * bounded.
 */
import { type CrossShardResult, PendingReply } from "../../cross-shard/pending-reply.ts";
import type { GroupCommit } from "../group-commit.ts";
import { type Decided, REFUSED, type Refused } from "../messages.ts";

/** A request that waits longer is refused; nothing was done. The expiries continue. */
const WAIT_MS_MAX = 5_000;
/** Expiries processed for one subject before the next subject's turn. */
const PORTION_MAX = 512;

export const OVERLOADED: Refused = [REFUSED, "overloaded"];

/** An account or programme subject that has due expiries which are not processed yet. */
export class ExpiryBacklog {
  readonly partner: string;
  readonly subject: string;

  constructor(partner: string, subject: string) {
    this.partner = partner;
    this.subject = subject;
  }
}

/** No subject: the request waits for room in the next batch. */
export const BATCH_FULL = new ExpiryBacklog("", "");

export type Waiter = Readonly<{
  /** Tries again. @returns what the request still has to wait for */
  resume: () => ExpiryBacklog | undefined;
  giveUp: () => void;
}>;

/** A command that waits for expiries or for room. It is executed later as if it had arrived then. */
export class DeferredCommand extends PendingReply {
  override settle(): void {
    throw new Error("a deferred command has no part on another shard");
  }

  resolve(result: Decided | CrossShardResult, gate: number): void {
    this.answer(result, gate);
  }
}

type Waiting = Waiter & Readonly<{ untilMs: number }>;
type Queue = { readonly subject: ExpiryBacklog; waiting: Waiting[] };

export class ExpiryWaits {
  readonly #commit: GroupCommit;
  readonly #expireSubject: (subject: ExpiryBacklog, max: number) => boolean;
  /** By subject, in the order of their turns. */
  readonly #queues = new Map<string, Queue>();
  #size = 0;

  /** @param expireSubject processes at most `max` due expiries there, and returns whether none is left. */
  constructor(commit: GroupCommit, expireSubject: (subject: ExpiryBacklog, max: number) => boolean) {
    this.#commit = commit;
    this.#expireSubject = expireSubject;
  }

  get size(): number {
    return this.#size;
  }

  add(subject: ExpiryBacklog, waiter: Waiter): void {
    this.#size += 1;
    this.#put(subject, [{ ...waiter, untilMs: performance.now() + WAIT_MS_MAX }]);
  }

  /** Processes a portion of expiries for each subject while the open batch has room; resumes requests that are ready. */
  work(): void {
    for (let turns = this.#queues.size; turns > 0 && !this.#commit.crowded; turns--) {
      const [queue] = this.#queues.values();
      if (queue === undefined) return;
      this.#queues.delete(keyOf(queue.subject));
      if (this.#expireSubject(queue.subject, PORTION_MAX)) this.#resume(queue);
      else this.#put(queue.subject, queue.waiting);
    }
  }

  /** Refuses requests that have waited too long. */
  expire(): void {
    if (this.#size === 0) return;
    const nowMs = performance.now();
    for (const queue of Array.from(this.#queues.values())) {
      const late = queue.waiting.filter(({ untilMs }) => untilMs <= nowMs);
      if (late.length === 0) continue;
      this.#size -= late.length;
      queue.waiting = queue.waiting.filter(({ untilMs }) => untilMs > nowMs);
      if (queue.waiting.length === 0) this.#queues.delete(keyOf(queue.subject));
      for (const { giveUp } of late) giveUp();
    }
  }

  #resume({ subject, waiting }: Queue): void {
    let at = 0;
    while (at < waiting.length && !this.#commit.full) {
      const waiter = waiting[at++] as Waiting;
      const backlog = waiter.resume();
      if (backlog === undefined) this.#size -= 1;
      else this.#put(backlog, [waiter]);
    }
    if (at < waiting.length) this.#put(subject, waiting.slice(at));
  }

  #put(subject: ExpiryBacklog, waiting: readonly Waiting[]): void {
    const queue = this.#queues.get(keyOf(subject));
    if (queue === undefined) this.#queues.set(keyOf(subject), { subject, waiting: [...waiting] });
    else queue.waiting.push(...waiting);
  }
}

function keyOf({ partner, subject }: ExpiryBacklog): string {
  return `${partner}\0${subject}`;
}
