/**
 * Waiting items, served round robin: one item of each partner in turn, and within a partner one of each of its owners.
 */

type PartnerQueues<T> = { size: number; readonly owners: Map<string, T[]> };

export class RoundRobin<T> {
  /** By partner, then by owner; nothing is empty. Map order is the order of turns. */
  readonly #partners = new Map<string, PartnerQueues<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Number of waiting items of a partner. */
  sizeOf(partner: string): number {
    return this.#partners.get(partner)?.size ?? 0;
  }

  /** Number of waiting items of one owner. */
  sizeOfOwner(partner: string, owner: string): number {
    return this.#partners.get(partner)?.owners.get(owner)?.length ?? 0;
  }

  /** @param owner empty for the partner as a whole. */
  push(partner: string, owner: string, item: T): void {
    const queues = this.#partners.get(partner) ?? { size: 0, owners: new Map() };
    this.#partners.set(partner, queues);
    const queue = queues.owners.get(owner);
    if (queue === undefined) queues.owners.set(owner, [item]);
    else queue.push(item);
    queues.size += 1;
    this.#size += 1;
  }

  /**
   * Removes and returns the next item; its partner and owner go to the end of their rounds. Owners whose first item
   * may not be taken keep their turns. `undefined` if there is none.
   */
  take(mayTake: (item: T) => boolean = () => true): T | undefined {
    for (const [partner, queues] of this.#partners) {
      for (const [owner, queue] of queues.owners) {
        const [item] = queue;
        if (item === undefined || !mayTake(item)) continue;
        queue.shift();
        queues.owners.delete(owner);
        if (queue.length > 0) queues.owners.set(owner, queue);
        queues.size -= 1;
        this.#partners.delete(partner);
        if (queues.size > 0) this.#partners.set(partner, queues);
        this.#size -= 1;
        return item;
      }
    }
    return undefined;
  }

  clear(): void {
    this.#partners.clear();
    this.#size = 0;
  }
}
