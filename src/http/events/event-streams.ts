import { Problem } from "../problem.ts";

/** Streams of one partner at a gateway. Each of them reads whenever the partner has new events. */
const OF_PARTNER_MAX = 100;
/** Streams of one account's user at a gateway, and of all users of a partner. Each reads about once a second. */
const OF_USER_MAX = 5;
const OF_USERS_MAX = 1_000;

/** A thread is busy if its event loop was utilized more than this, measured over at least this time. */
const BUSY = 0.75;
const UTILIZATION_MS_MIN = 500;

/** Whose streams are counted, and how many there may be. */
export type StreamBound = Readonly<{ name: string; max: number }>;

/** @param account of the user whose stream it is; without it, the stream is the partner's. */
export function streamBounds(partner: string, account?: string): readonly StreamBound[] {
  if (account === undefined) return [{ name: partner, max: OF_PARTNER_MAX }];
  return [
    { name: `${partner}\0${account}`, max: OF_USER_MAX },
    { name: `${partner}\0`, max: OF_USERS_MAX },
  ];
}

/** The open streams of events of a gateway: bounds them, and ends them when the server drains. */
export class EventStreams {
  readonly #open = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #isEnding = false;
  #utilization = performance.eventLoopUtilization();
  #measuredMs = performance.now();
  #isThreadBusy = false;

  /** Whether this thread has hardly any time left. */
  get isThreadBusy(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#measuredMs >= UTILIZATION_MS_MIN) {
      this.#isThreadBusy = performance.eventLoopUtilization(this.#utilization).utilization > BUSY;
      this.#utilization = performance.eventLoopUtilization();
      this.#measuredMs = nowMs;
    }
    return this.#isThreadBusy;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** @throws Problem 503 */
  checkRoom(bounds: readonly StreamBound[]): void {
    if (bounds.some(({ name, max }) => (this.#open.get(name) ?? 0) >= max))
      throw new Problem("overloaded", "Too many streams of events are open for this caller.");
  }

  /** @returns a function to call when the stream ends */
  begin(bounds: readonly StreamBound[]): () => void {
    for (const { name } of bounds) this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
    return () => {
      for (const { name } of bounds) {
        const left = (this.#open.get(name) ?? 0) - 1;
        if (left > 0) this.#open.set(name, left);
        else this.#open.delete(name);
      }
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
