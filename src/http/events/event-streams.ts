import { Problem } from "../problem.ts";

/** Streams of one partner at a gateway. Each of them reads whenever the partner has new events. */
const OF_PARTNER_MAX = 100;

/** The open streams of events of a gateway: bounds them, and ends them when the server drains. */
export class EventStreams {
  readonly #open = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #isEnding = false;

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** @throws Problem 503 */
  checkRoom(partner: string): void {
    if ((this.#open.get(partner) ?? 0) >= OF_PARTNER_MAX)
      throw new Problem("overloaded", "Too many streams of events are open for this partner.");
  }

  /** @returns a function to call when the stream ends */
  begin(partner: string): () => void {
    this.#open.set(partner, (this.#open.get(partner) ?? 0) + 1);
    return () => {
      const left = (this.#open.get(partner) ?? 0) - 1;
      if (left > 0) this.#open.set(partner, left);
      else this.#open.delete(partner);
    };
  }

  /** Resolves with `work`, or when the streams are to end. `Promise.race` with one promise would keep every loser. */
  async wait(work: Promise<void>): Promise<void> {
    if (this.#isEnding) return;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await Promise.race([work, ended]);
    } finally {
      this.#waiting.delete(resolve);
    }
  }

  end(): void {
    this.#isEnding = true;
    for (const resolve of this.#waiting) resolve();
  }
}
