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
