/** Rate limits on attempts or on failures: at most `limit` per window, counted over all gateways. */
import { Problem } from "../problem.ts";
import type { Window, WindowCounters } from "./window-counters.ts";

export type RateLimitOptions = Readonly<{
  /** Name of the limit, which separates its counters from those of others. */
  name: string;
  limit: number;
  windowMs: number;
  counters: WindowCounters;
}>;

/** A limit that applies to an attempt, and the key under which it counts. */
export type AppliedLimit = Readonly<{ rate: RateLimit; key: string }>;

export class RateLimit {
  readonly #options: RateLimitOptions;
  /** Attempts of this gateway in progress; one that succeeds gives its count back. */
  readonly inProgress = new Map<string, Set<Promise<void>>>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /**
   * Counts an attempt before it is made, so that parallel attempts cannot exceed the limit.
   *
   * @returns a function that gives the count back, because the attempt did not fail.
   * @throws Problem 429, with `RateLimit-*` headers and `Retry-After`.
   */
  take(key: string): () => void {
    const giveBack = this.tryTake(key);
    if (giveBack === undefined) throw this.refusal(this.#options.counters.read(this.#nameOf(key)));
    return giveBack;
  }

  /** Like `take`; `undefined` if the limit is reached. */
  tryTake(key: string): (() => void) | undefined {
    const { counters, limit, windowMs } = this.#options;
    const name = this.#nameOf(key);
    const { taken, endsMs } = counters.take(name, limit, windowMs);
    return taken ? () => counters.giveBack(name, endsMs) : undefined;
  }

  /** The window of a key that has reached the limit; `undefined` if it has not. */
  exhausted(key: string): Window | undefined {
    const window = this.#options.counters.read(this.#nameOf(key));
    return window.used >= this.#options.limit ? window : undefined;
  }

  refusal({ endsMs }: Window): Problem {
    const { limit, counters } = this.#options;
    const seconds = Math.max(1, Math.ceil((endsMs - counters.nowMs) / 1000));
    return new Problem("rate_limited", `Try again in ${seconds} s.`, {
      headers: {
        "RateLimit-Limit": `${limit}`,
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": `${seconds}`,
        "Retry-After": `${seconds}`,
      },
    });
  }

  #nameOf(key: string): string {
    return `${this.#options.name}\0${key}`;
  }
}

/**
 * Makes an attempt that counts against all these limits if it fails. If attempts in progress could still exhaust a
 * limit, it waits for one of them, so that nobody is refused because of attempts that succeed.
 *
 * @throws Problem 429
 */
export async function attempt<T>(
  limits: readonly AppliedLimit[],
  make: () => Promise<T>,
  hasFailed: (result: T) => boolean,
): Promise<T> {
  for (let exhausted = firstExhausted(limits); exhausted !== undefined; exhausted = firstExhausted(limits)) {
    if (exhausted.underWay === undefined) throw exhausted.refusal;
    await exhausted.underWay;
  }
  const giveBacks = takeAllOrNone(limits);
  const result = make();
  const settled = result
    .then(hasFailed, () => false)
    .then((failed) => {
      for (const { rate, key } of limits) {
        const tries = rate.inProgress.get(key);
        tries?.delete(settled);
        if (tries?.size === 0) rate.inProgress.delete(key);
      }
      if (!failed) for (const giveBack of giveBacks) giveBack();
    });
  for (const { rate, key } of limits) {
    const tries = rate.inProgress.get(key) ?? new Set();
    rate.inProgress.set(key, tries.add(settled));
  }
  return result;
}

type Full = Readonly<{ refusal: Problem; underWay: Promise<void> | undefined }>;

/** The first limit that is reached, and an attempt in progress that may give its count back. */
function firstExhausted(limits: readonly AppliedLimit[]): Full | undefined {
  for (const { rate, key } of limits) {
    const window = rate.exhausted(key);
    if (window === undefined) continue;
    const [underWay] = rate.inProgress.get(key) ?? [];
    return { refusal: rate.refusal(window), underWay };
  }
  return undefined;
}

/** @throws Problem 429 */
function takeAllOrNone(limits: readonly AppliedLimit[]): readonly (() => void)[] {
  const giveBacks: (() => void)[] = [];
  try {
    for (const { rate, key } of limits) giveBacks.push(rate.take(key));
    return giveBacks;
  } catch (error) {
    for (const giveBack of giveBacks) giveBack();
    throw error;
  }
}
