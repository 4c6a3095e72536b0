/**
 * Queries that can be answered, run in turn: one of each partner, then whoever has asked meanwhile is heard. So nobody waits
 * for more than one query of each other partner.
 */
export class QueryTurns {
  /** A map keeps the order of their turns. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Some query was run since messages were taken last. */
  #turn: NodeJS.Immediate | undefined;
  #size = 0;

  /** Queries that wait for their turn. */
  get size(): number {
    return this.#size;
  }

  run(partner: string, work: () => void): void {
    if (this.#turn === undefined) {
      this.#schedule();
      work();
      return;
    }
    const queue = this.#waiting.get(partner);
    if (queue === undefined) this.#waiting.set(partner, [work]);
    else queue.push(work);
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
      const [partner, queue] = next;
      const work = queue.shift();
      this.#waiting.delete(partner);
      if (queue.length > 0) this.#waiting.set(partner, queue);
      this.#size -= 1;
      work?.();
    });
  }
}
