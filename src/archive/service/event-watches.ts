/** Tells readers of events when their partner has new ones, so that they need not ask again and again. */

/** Partners whose newest batch is remembered between two waits of a reader. */
const PARTNERS_MAX = 10_000;

export type Watch = Readonly<{ partner: string; since: number; waitMs: number }>;

export class EventWatches {
  /** By partner the number of its newest indexed batch; 0 if it has had none since it was first watched. */
  readonly #newest = new Map<string, number>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Whether the newest batch of this partner is to be noted. */
  isWatched(partner: string): boolean {
    return this.#newest.has(partner);
  }

  /** Calls `answer` once the partner has records in a batch after `since`, or after `waitMs`. */
  watch({ partner, since, waitMs }: Watch, answer: () => void): void {
    const newest = this.#newest.get(partner);
    // Moves the partner to the end, so that the one that was watched longest ago is forgotten first.
    this.#newest.delete(partner);
    this.#newest.set(partner, newest ?? 0);
    const [oldest] = this.#newest.keys();
    if (this.#newest.size > PARTNERS_MAX && oldest !== undefined) this.#newest.delete(oldest);
    if (newest === undefined || newest > since) {
      answer();
      return;
    }
    const waiting = this.#waiting.get(partner) ?? new Set();
    this.#waiting.set(partner, waiting);
    const finish = (): void => {
      clearTimeout(timer);
      waiting.delete(finish);
      if (waiting.size === 0) this.#waiting.delete(partner);
      answer();
    };
    const timer = setTimeout(finish, waitMs);
    waiting.add(finish);
  }

  /** Partners with newly indexed records that may have events, each with the newest batch that has some. */
  indexed(watched: ReadonlyMap<string, number>): void {
    for (const [partner, batch] of watched) {
      this.#newest.set(partner, batch);
      for (const finish of this.#waiting.get(partner) ?? []) finish();
    }
  }

  /** Answers all readers. */
  close(): void {
    for (const waiting of this.#waiting.values()) for (const finish of waiting) finish();
  }
}
