/** Makes queries wait for the batches that they need, and for their turn. */
import { RoundRobin } from "../../bounds/round-robin.ts";
import type { BatchPosition } from "./query.ts";

export type WaitingQuery = Readonly<{
  needs: readonly BatchPosition[];
  /** Whether the needed batches must be indexed, too. */
  needsIndex: boolean;
  run: () => void;
}>;

/** Queries that wait until the archive holds the batches that they must include, each up to a deadline. */
export class WaitingQueries {
  readonly #deadlineMs: number;
  readonly #waiting = new Map<WaitingQuery, NodeJS.Timeout>();

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param tooLate called at the deadline. */
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

  /** Drops all waiting queries without running or answering them. */
  close(): void {
    for (const deadline of this.#waiting.values()) clearTimeout(deadline);
    this.#waiting.clear();
  }
}

type Work = () => void;

/**
 * Runs queries round robin by partner, and by owner within a partner, one per turn of the event loop. So a partner
 * waits for at most one query of each other partner, and an owner for at most one query of each other owner of its
 * partner.
 */
export class QueryTurns {
  readonly #waiting = new RoundRobin<Work>();
  /** Set while a query has run in this turn of the event loop. */
  #turn: NodeJS.Immediate | undefined;

  /** Number of queries that wait for their turn. */
  get size(): number {
    return this.#waiting.size;
  }

  run(partner: string, owner: string, work: Work): void {
    if (this.#turn !== undefined) {
      this.#waiting.push(partner, owner, work);
      return;
    }
    this.#schedule();
    work();
  }

  /** Drops all waiting queries. */
  close(): void {
    clearImmediate(this.#turn);
    this.#waiting.clear();
  }

  #schedule(): void {
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      const work = this.#waiting.take();
      if (work === undefined) return;
      this.#schedule();
      work();
    });
  }
}
