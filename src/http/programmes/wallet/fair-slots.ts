/**
 * A few slots for slow work, shared out in turn among those who ask: each has a queue of its own, none may hold all
 * slots while there is more than one, and each wait has an end.
 */
import { OperatingError } from "../../../errors/operating-error.ts";

export type FairSlotsOptions = Readonly<{
  slots: number;
  /** So many may wait, of all together. */
  waitingMax: number;
  waitMsMax: number;
}>;

type Waiting = Readonly<{ begin: () => void; refuse: () => void }>;

export class FairSlots {
  readonly #options: FairSlotsOptions;
  /** One of many who holds all slots would keep the others waiting for as long as the slowest work takes. */
  readonly #slotsOfOne: number;
  readonly #running = new Map<string, number>();
  /** In the order in which they have their turns. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #used = 0;
  #waiting = 0;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
    this.#slotsOfOne = Math.max(1, options.slots - 1);
  }

  /** @param owner whose turn it takes. @throws OperatingError `overloaded`, and whatever the work throws */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (!this.#mayRun(owner)) await this.#wait(owner);
    else this.#hold(owner, 1);
    try {
      return await work();
    } finally {
      this.#hold(owner, -1);
      this.#next();
    }
  }

  #mayRun(owner: string): boolean {
    return this.#used < this.#options.slots && (this.#running.get(owner) ?? 0) < this.#slotsOfOne;
  }

  #hold(owner: string, slots: 1 | -1): void {
    const running = (this.#running.get(owner) ?? 0) + slots;
    if (running === 0) this.#running.delete(owner);
    else this.#running.set(owner, running);
    this.#used += slots;
  }

  /** Resolves when the owner holds a slot. */
  #wait(owner: string): Promise<void> {
    if (this.#waiting >= this.#options.waitingMax) this.#refuseOneOfMost(owner);
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(late);
        this.#remove(owner, waiting);
      };
      const refuse = () => {
        leave();
        reject(overloaded());
      };
      const begin = () => {
        leave();
        this.#hold(owner, 1);
        resolve();
      };
      const waiting: Waiting = { begin, refuse };
      const late = setTimeout(refuse, this.#options.waitMsMax);
      const queue = this.#queues.get(owner) ?? new Set();
      this.#queues.set(owner, queue.add(waiting));
      this.#waiting += 1;
    });
  }

  /** Makes room for whoever has fewer that wait than the one with most. @throws OperatingError `overloaded` */
  #refuseOneOfMost(owner: string): void {
    const most = [...this.#queues].reduce((a, b) => (b[1].size > a[1].size ? b : a));
    if ((this.#queues.get(owner)?.size ?? 0) + 1 >= most[1].size) throw overloaded();
    [...most[1]].at(-1)?.refuse();
  }

  #remove(owner: string, waiting: Waiting): void {
    const queue = this.#queues.get(owner);
    if (queue?.delete(waiting) !== true) return;
    this.#waiting -= 1;
    if (queue.size === 0) this.#queues.delete(owner);
  }

  /** The first whose turn it is gets the slot that is free, and goes to the end of the turns. */
  #next(): void {
    for (const [owner, queue] of this.#queues) {
      if (!this.#mayRun(owner)) continue;
      const [first] = queue;
      first?.begin();
      if (queue.size === 0) return;
      this.#queues.delete(owner);
      this.#queues.set(owner, queue);
      return;
    }
  }
}

function overloaded(): OperatingError {
  return new OperatingError("overloaded", "too many passwords wait to be compared");
}
