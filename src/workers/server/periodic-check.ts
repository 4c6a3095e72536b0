/** Reads something once a minute, for the metrics. */

const CHECK_MS = 60_000;

export class PeriodicCheck<T> {
  readonly #read: () => Promise<T>;
  #last: T | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** What was read last; `undefined` before the first time. */
  get last(): T | undefined {
    return this.#last;
  }

  start(): void {
    setInterval(() => void this.check(), CHECK_MS).unref();
    void this.check();
  }

  async check(): Promise<void> {
    try {
      this.#last = await this.#read();
    } catch {
      // For example while a shard is away, as /readyz says.
    }
  }
}
