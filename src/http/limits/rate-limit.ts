/** How often somebody may do something, or fail at it: so many times in a window, counted for all gateways together. */
import { Problem } from "../problem.ts";
import type { Window, WindowCounters } from "./window-counters.ts";

export type RateLimitOptions = Readonly<{
  /** What is limited: others count under names of their own. */
  name: string;
  limit: number;
  windowMs: number;
  counters: WindowCounters;
}>;

/** One of several limits that a try is under. */
export type Limited = Readonly<{ rate: RateLimit; key: string }>;

export class RateLimit {
  readonly #options: RateLimitOptions;
  /** Tries of this gateway that may still turn out well. */
  readonly underWay = new Map<string, Set<Promise<void>>>();

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
    const giveBack = this.tryTake(key);
    if (giveBack === undefined) throw this.refusal(this.#options.counters.read(this.#nameOf(key)));
    return giveBack;
  }

  /** As `take`; `undefined` where no try is left. */
  tryTake(key: string): (() => void) | undefined {
    const { counters, limit, windowMs } = this.#options;
    const name = this.#nameOf(key);
    const { taken, endsMs } = counters.take(name, limit, windowMs);
    return taken ? () => counters.giveBack(name, endsMs) : undefined;
  }

  /** The window of a key that has no tries left; `undefined` where it has. */
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
 * Makes a try that counts under each of these limits if it fails. While as many are under way as may fail, it waits for
 * one of them: nobody is refused for tries that succeed.
 *
 * @throws Problem 429
 */
export async function attempt<T>(
  limits: readonly Limited[],
  make: () => Promise<T>,
  hasFailed: (result: T) => boolean,
): Promise<T> {
  for (let full = fullOf(limits); full !== undefined; full = fullOf(limits)) {
    if (full.underWay === undefined) throw full.refusal;
    await full.underWay;
  }
  const giveBacks = takeAll(limits);
  const result = make();
  const settled = result
    .then(hasFailed, () => false)
    .then((failed) => {
      for (const { rate, key } of limits) {
        const tries = rate.underWay.get(key);
        tries?.delete(settled);
        if (tries?.size === 0) rate.underWay.delete(key);
      }
      if (!failed) for (const giveBack of giveBacks) giveBack();
    });
  for (const { rate, key } of limits) {
    const tries = rate.underWay.get(key) ?? new Set();
    rate.underWay.set(key, tries.add(settled));
  }
  return result;
}

type Full = Readonly<{ refusal: Problem; underWay: Promise<void> | undefined }>;

/** The first limit under which there is no try left, and a try that may give one back. */
function fullOf(limits: readonly Limited[]): Full | undefined {
  for (const { rate, key } of limits) {
    const window = rate.exhausted(key);
    if (window === undefined) continue;
    const [underWay] = rate.underWay.get(key) ?? [];
    return { refusal: rate.refusal(window), underWay };
  }
  return undefined;
}

/** All or none. @throws Problem 429 */
function takeAll(limits: readonly Limited[]): readonly (() => void)[] {
  const giveBacks: (() => void)[] = [];
  try {
    for (const { rate, key } of limits) giveBacks.push(rate.take(key));
    return giveBacks;
  } catch (error) {
    for (const giveBack of giveBacks) giveBack();
    throw error;
  }
}
