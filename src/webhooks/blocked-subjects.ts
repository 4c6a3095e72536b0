/** The subjects that an endpoint holds back, and which of them have changed since they were last stored. */
import type {
  BlockedSubject,
  FeedPlace,
  Progress,
  ProgressChange,
} from "../actors/programmes/webhooks/acts.ts";
import { assert } from "../errors/assert.ts";
import { retryAfterMs } from "./backoff.ts";

export class BlockedSubjects {
  readonly #bySubject: Map<string, BlockedSubject>;
  readonly #random: () => number;
  /** Subjects whose events are being sent again. */
  readonly #catchingUp = new Set<string>();
  readonly #unsaved = new Set<string>();

  constructor(blocked: Progress["blocked"], random: () => number) {
    this.#bySubject = new Map(blocked.map((each) => [each.subject, each]));
    this.#random = random;
  }

  get size(): number {
    return this.#bySubject.size;
  }

  /** How many are being sent again. */
  get catchingUp(): number {
    return this.#catchingUp.size;
  }

  has(subject: string): boolean {
    return this.#bySubject.has(subject);
  }

  of(subject: string): BlockedSubject {
    const blocked = this.#bySubject.get(subject);
    assert(blocked !== undefined, "the subject is held back");
    return blocked;
  }

  /** An event, the first one after `after`, has failed for the first time. */
  block(subject: string, after: FeedPlace, nowMs: number): void {
    const retryAtMs = nowMs + retryAfterMs(1, this.#random());
    this.#set({ subject, after, tries: 1, firstFailedMs: nowMs, retryAtMs });
  }

  unblock(subject: string): void {
    this.#bySubject.delete(subject);
    this.#unsaved.add(subject);
  }

  /** The next event to send is the first one after `after`; it has not failed yet. */
  moveTo(subject: string, after: FeedPlace, nowMs: number): void {
    this.#set({ ...this.of(subject), after, tries: 0, firstFailedMs: nowMs });
  }

  failed(subject: string, nowMs: number): void {
    const blocked = this.of(subject);
    const tries = blocked.tries + 1;
    this.#set({ ...blocked, tries, retryAtMs: nowMs + retryAfterMs(tries, this.#random()) });
  }

  retryAllAt(atMs: number): void {
    for (const blocked of this.#bySubject.values())
      if (blocked.retryAtMs > atMs) this.#set({ ...blocked, retryAtMs: atMs });
  }

  retryAt(subject: string, atMs: number): void {
    this.#set({ ...this.of(subject), retryAtMs: atMs });
  }

  /** The subject whose retry comes first, among those that are not being sent. */
  first(): BlockedSubject | undefined {
    let first: BlockedSubject | undefined;
    for (const each of this.#bySubject.values()) {
      if (this.#catchingUp.has(each.subject)) continue;
      if (first === undefined || each.retryAtMs < first.retryAtMs) first = each;
    }
    return first;
  }

  beginCatchUp(subject: string): void {
    this.#catchingUp.add(subject);
  }

  endCatchUp(subject: string): void {
    this.#catchingUp.delete(subject);
  }

  /** What has changed since the last call. */
  takeChanges(): Pick<ProgressChange, "blocked" | "unblocked"> {
    const subjects = [...this.#unsaved];
    this.#unsaved.clear();
    return {
      blocked: subjects.flatMap((subject) => this.#bySubject.get(subject) ?? []),
      unblocked: subjects.filter((subject) => !this.#bySubject.has(subject)),
    };
  }

  #set(blocked: BlockedSubject): void {
    this.#bySubject.set(blocked.subject, blocked);
    this.#unsaved.add(blocked.subject);
  }
}
