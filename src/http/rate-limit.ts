/** How often somebody may fail: so many times in a window, counted in this gateway's memory. */
import { Problem } from "./problem.ts";

/** Those who failed longest ago are forgotten first. */
const KEYS_MAX = 100_000;

export type RateLimitOptions = Readonly<{
  limit: number;
  windowMs: number;
  /** On the monotonic clock. */
  elapsedMs: () => number;
}>;

type Window = {
  readonly endsMs: number;
  used: number;
  /** Attempts that may still turn out well. */
  readonly underWay: Set<Promise<void>>;
};

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /**
   * Counts a try before it is made, so that a thousand at once are not all let through.
   *
   * @returns gives it back: it did not fail.
   * @throws Problem 429, with `RateLimit-*` headers and `Retry-After`.
   */
  take(key: string): () => void {
    const window = this.#windowOf(key);
    if (window.used >= this.#options.limit) throw this.#refusal(window);
    window.used += 1;
    return () => {
      window.used -= 1;
    };
  }

  /**
   * Makes a try that counts if it fails. While as many are under way as may fail, it waits for one of them: nobody is
   * refused for tries that succeed.
   *
   * @throws Problem 429
   */
  async attempt<T>(key: string, make: () => Promise<T>, hasFailed: (result: T) => boolean): Promise<T> {
    let window = this.#windowOf(key);
    while (window.used >= this.#options.limit) {
      const [first] = window.underWay;
      if (first === undefined) throw this.#refusal(window);
      await first;
      window = this.#windowOf(key);
    }
    const giveBack = this.take(key);
    const { underWay } = window;
    const result = make();
    const settled = result
      .then(hasFailed, () => false)
      .then((failed) => {
        underWay.delete(settled);
        if (!failed) giveBack();
      });
    underWay.add(settled);
    return result;
  }

  #windowOf(key: string): Window {
    const nowMs = this.#options.elapsedMs();
    const known = this.#windows.get(key);
    if (known !== undefined && known.endsMs > nowMs) return known;
    this.#windows.delete(key);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= KEYS_MAX && oldest !== undefined) this.#windows.delete(oldest);
    const window = { endsMs: nowMs + this.#options.windowMs, used: 0, underWay: new Set<Promise<void>>() };
    this.#windows.set(key, window);
    return window;
  }

  #refusal({ endsMs }: Window): Problem {
    const seconds = Math.max(1, Math.ceil((endsMs - this.#options.elapsedMs()) / 1000));
    return new Problem("rate_limited", `Try again in ${seconds} s.`, {
      headers: {
        "RateLimit-Limit": `${this.#options.limit}`,
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": `${seconds}`,
        "Retry-After": `${seconds}`,
      },
    });
  }
}
