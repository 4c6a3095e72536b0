/**
 * Divides long work on a gateway's thread into slices: at most one in each turn of the event loop, for one partner after
 * another. Other requests are answered in between, and wait for one slice instead of for the whole work.
 */
import { RoundRobin } from "../bounds/round-robin.ts";

/** Short beside a network round trip, long beside a turn of the event loop. */
const SLICE_MS = 2;

export class WorkSlices {
  readonly #nowMs: () => number;
  /** Callbacks of waiting work. */
  readonly #waiting = new RoundRobin<() => void>();
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

  /**
   * Resolves at the beginning of the next slice of the partner, and of the owner within it.
   *
   * @param owner one of several callers who share the partner; empty for the partner as a whole.
   */
  next(partner: string, owner = ""): Promise<void> {
    this.#schedule();
    return new Promise((resolve) => this.#waiting.push(partner, owner, resolve));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#sinceMs = undefined;
      const begin = this.#waiting.take();
      if (begin === undefined) return;
      this.#sinceMs = this.#nowMs();
      this.#schedule();
      begin();
    });
  }
}

/** All long work of this thread. */
export const workSlices = new WorkSlices();
