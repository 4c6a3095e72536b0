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

/**
 * Queries that can be answered, run in turn: one of each partner, and of a partner one of each owner, then whoever has asked
 * meanwhile is heard. So nobody waits for more than one query of each other partner, nor a wallet user for more than one of
 * each other user while all else is quiet.
 */
type Work = () => void;

export class QueryTurns {
  /** By partner, by owner. Maps keep the order of their turns. */
  readonly #waiting = new Map<string, Map<string, Work[]>>();
  /** Some query was run since messages were taken last. */
  #turn: NodeJS.Immediate | undefined;
  #size = 0;

  /** Queries that wait for their turn. */
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

  /** None of those that wait is run. */
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
      // Each goes to the end of its order.
      owners.delete(owner);
      if (queue.length > 0) owners.set(owner, queue);
      this.#waiting.delete(partner);
      if (owners.size > 0) this.#waiting.set(partner, owners);
      this.#size -= 1;
      work?.();
    });
  }
}
