/**
 * A few slots for slow work, shared fairly by owner: each owner has a queue, the queues take turns, no owner may hold all
 * slots if there are several, and every wait has a deadline.
 */
import { OperatingError } from "../../../errors/operating-error.ts";

export type FairSlotsOptions = Readonly<{
  slots: number;
  /** Waiting calls of all owners together. */
  waitingMax: number;
  waitMsMax: number;
}>;

type WaitingCall = Readonly<{ begin: () => void; refuse: () => void }>;

export class FairSlots {
  readonly #options: FairSlotsOptions;
  /** Below `slots`, so that one owner cannot block the others for as long as its work takes. */
  readonly #slotsPerOwnerMax: number;
  readonly #running = new Map<string, number>();
  /** Waiting calls by owner, in the order of the owners' turns. */
  readonly #queues = new Map<string, Set<WaitingCall>>();
  #used = 0;
  #waiting = 0;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
    this.#slotsPerOwnerMax = Math.max(1, options.slots - 1);
  }

  /** @param owner whose queue it waits in. @throws OperatingError `overloaded`; and what `work` throws */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (!this.#mayRun(owner)) await this.#wait(owner);
    else this.#addRunning(owner, 1);
    try {
      return await work();
    } finally {
      this.#addRunning(owner, -1);
      this.#startNext();
    }
  }

  #mayRun(owner: string): boolean {
    return this.#used < this.#options.slots && (this.#running.get(owner) ?? 0) < this.#slotsPerOwnerMax;
  }

  #addRunning(owner: string, slots: 1 | -1): void {
    const running = (this.#running.get(owner) ?? 0) + slots;
    if (running === 0) this.#running.delete(owner);
    else this.#running.set(owner, running);
    this.#used += slots;
  }

  /** Resolves when the owner has a slot. @throws OperatingError `overloaded` */
  #wait(owner: string): Promise<void> {
    if (this.#waiting >= this.#options.waitingMax) this.#refuseFromLongestQueue(owner);
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.#remove(owner, waiting);
      };
      const refuse = () => {
        leave();
        reject(overloaded());
      };
      const begin = () => {
        leave();
        this.#addRunning(owner, 1);
        resolve();
      };
      const waiting: WaitingCall = { begin, refuse };
      const timer = setTimeout(refuse, this.#options.waitMsMax);
      const queue = this.#queues.get(owner) ?? new Set();
      this.#queues.set(owner, queue.add(waiting));
      this.#waiting += 1;
    });
  }

  /** Drops the last call of the longest queue, unless that is the caller's own. @throws OperatingError `overloaded` */
  #refuseFromLongestQueue(owner: string): void {
    const longest = [...this.#queues].reduce((a, b) => (b[1].size > a[1].size ? b : a));
    if ((this.#queues.get(owner)?.size ?? 0) + 1 >= longest[1].size) throw overloaded();
    [...longest[1]].at(-1)?.refuse();
  }

  #remove(owner: string, waiting: WaitingCall): void {
    const queue = this.#queues.get(owner);
    if (queue?.delete(waiting) !== true) return;
    this.#waiting -= 1;
    if (queue.size === 0) this.#queues.delete(owner);
  }

  /** Gives the free slot to the first owner that may run, and moves that owner to the end. */
  #startNext(): void {
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
