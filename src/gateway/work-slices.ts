/**
 * Divides long work on a gateway's thread into slices: at most one in each turn of the event loop, for one partner after
 * another. Other requests are answered in between, and wait for one slice instead of for the whole work.
 */

/** Short beside a network round trip, long beside a turn of the event loop. */
const SLICE_MS = 2;

export class WorkSlices {
  readonly #nowMs: () => number;
  /** Callbacks of waiting work by partner. Map order is the order of turns. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** When the slice of this turn of the event loop began. */
  #sinceMs: number | undefined;
  #isScheduled = false;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Whether the slice of this turn is used up. Ask before each step; if so, wait for `next`. */
  get isOver(): boolean {
    const nowMs = this.#nowMs();
    if (this.#sinceMs !== undefined) return nowMs - this.#sinceMs >= SLICE_MS;
    this.#sinceMs = nowMs;
    this.#schedule();
    return false;
  }

  /** Resolves at the beginning of the partner's next slice. */
  next(partner: string): Promise<void> {
    this.#schedule();
    return new Promise((resolve) => {
      const queue = this.#waiting.get(partner);
      if (queue === undefined) this.#waiting.set(partner, [resolve]);
      else queue.push(resolve);
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#sinceMs = undefined;
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [partner, queue] = first;
      const begin = queue.shift();
      // The partner goes to the end of the round.
      this.#waiting.delete(partner);
      if (queue.length > 0) this.#waiting.set(partner, queue);
      this.#sinceMs = this.#nowMs();
      this.#schedule();
      begin?.();
    });
  }
}

/** All long work of this thread. */
export const workSlices = new WorkSlices();
