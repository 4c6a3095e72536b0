import type { Position } from "./query.ts";

export type WaitingQuery = Readonly<{
  needs: readonly Position[];
  /** What it needs must be in the index, too. */
  needsIndex: boolean;
  run: () => void;
}>;

/** Queries that wait for what they must show, each up to a deadline. */
export class WaitingQueries {
  readonly #deadlineMs: number;
  readonly #waiting = new Map<WaitingQuery, NodeJS.Timeout>();

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param tooLate is called at the deadline. */
  add(query: WaitingQuery, tooLate: () => void): void {
    const deadline = setTimeout(() => {
      this.#waiting.delete(query);
      tooLate();
    }, this.#deadlineMs);
    this.#waiting.set(query, deadline);
  }

  /** Runs those whose needs are met. */
  serve(isMet: (query: WaitingQuery) => boolean): void {
    for (const [query, deadline] of this.#waiting) {
      if (!isMet(query)) continue;
      this.#waiting.delete(query);
      clearTimeout(deadline);
      query.run();
    }
  }

  /** None of them is run, or told. */
  close(): void {
    for (const deadline of this.#waiting.values()) clearTimeout(deadline);
    this.#waiting.clear();
  }
}
