/** A naive model of a velocity limit: a list of everything that was ever counted. */
import type { Limit } from "../../../../src/actors/records/command.ts";

type Counted = Readonly<{ atMs: number; amount: bigint; count: number }>;

export class WindowModel {
  readonly limit: Limit;
  readonly #sinceMs: number;
  #counted: Counted[] = [];

  constructor(limit: Limit, sinceMs: number) {
    this.limit = limit;
    this.#sinceMs = sinceMs;
  }

  /** The same window with another limit, which keeps the counts. */
  limitedTo(limit: Limit): WindowModel {
    const next = new WindowModel(limit, this.#sinceMs);
    next.#counted = this.#counted;
    return next;
  }

  covers({ windowS, direction }: Limit): boolean {
    return this.limit.windowS === windowS && this.limit.direction === direction;
  }

  count(amount: bigint, count: number, atMs: number): void {
    this.#counted.push({ atMs, amount, count });
  }

  uncount(amount: bigint, count: number, atMs: number): void {
    if (atMs > this.#sinceMs) this.count(-amount, -count, atMs);
  }

  isExceeded(nowMs: number): boolean {
    const { maxAmount, maxCount } = this.limit;
    const within = this.#counted.filter(({ atMs }) => this.#bucketOf(atMs) >= this.#bucketOf(nowMs) - 60);
    const amount = within.reduce((sum, counted) => sum + counted.amount, 0n);
    const count = within.reduce((sum, counted) => sum + counted.count, 0);
    return (maxAmount !== null && amount > BigInt(maxAmount)) || (maxCount !== null && count > maxCount);
  }

  /** Returns a function that restores the present counts. */
  mark(): () => void {
    const { length } = this.#counted;
    return () => {
      this.#counted.length = length;
    };
  }

  #bucketOf(atMs: number): number {
    return Math.floor((atMs * 60) / (this.limit.windowS * 1000));
  }
}
