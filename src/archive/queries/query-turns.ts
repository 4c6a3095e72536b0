/** Makes queries wait for the batches that they need, and for their turn. */
import { ownerKeyOf } from "../../actors/ledger/routing.ts";
import type { BatchPosition, EventsQuery } from "./query.ts";

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

/** Whose turn a query takes. Queries for records or names have no partner; they share one turn. */
export function callerOf(query: unknown): Readonly<{ partner: string; owner: string }> {
  // The gateway's own queries: each has some of these fields.
  const asked = query as Partial<EventsQuery> & Readonly<{ account?: string }>;
  const { partner = "", account, of, subject } = asked;
  return { partner, owner: ownerKeyOf(account ?? of?.account ?? subject ?? "") };
}

type Work = () => void;

/**
 * Runs queries round robin by partner, and by owner within a partner, one per turn of the event loop. So a partner
 * waits for at most one query of each other partner, and an owner for at most one query of each other owner of its
 * partner.
 */
export class QueryTurns {
  /** By partner, then by owner. Map order is the order of turns. */
  readonly #waiting = new Map<string, Map<string, Work[]>>();
  /** Set while a query has run in this turn of the event loop. */
  #turn: NodeJS.Immediate | undefined;
  #size = 0;

  /** Number of queries that wait for their turn. */
  get size(): number {
    return this.#size;
  }

  run(partner: string, owner: string, work: Work): void {
    if (this.#turn === undefined) {
      this.#schedule();
      work();
      return;
    }
    const owners = this.#waiting.get(partner) ?? new Map<string, Work[]>();
    this.#waiting.set(partner, owners);
    const queue = owners.get(owner) ?? [];
    owners.set(owner, queue);
    queue.push(work);
    this.#size += 1;
  }

  /** Drops all waiting queries. */
  close(): void {
    clearImmediate(this.#turn);
    this.#waiting.clear();
    this.#size = 0;
  }

  #schedule(): void {
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#schedule();
      const [partner, owners] = next;
      const [first] = owners;
      if (first === undefined) return;
      const [owner, queue] = first;
      const work = queue.shift();
      // Partner and owner go to the end of their queues.
      owners.delete(owner);
      if (queue.length > 0) owners.set(owner, queue);
      this.#waiting.delete(partner);
      if (owners.size > 0) this.#waiting.set(partner, owners);
      this.#size -= 1;
      work?.();
    });
  }
}
