/** Ends this process if a piece of code takes too long: nothing on its own thread can end an endless loop. */
import { Worker } from "node:worker_threads";

/** 0: nothing is running. */
const NONE = 0n;

export class TimeLimit {
  /** In nanoseconds of the monotonic clock, which is the same on all threads. */
  readonly #deadline = new BigInt64Array(new SharedArrayBuffer(8));

  constructor() {
    const file = new URL("./time-limit-thread.ts", import.meta.url);
    new Worker(file, { workerData: this.#deadline }).unref();
  }

  start(ms: number): void {
    Atomics.store(this.#deadline, 0, process.hrtime.bigint() + BigInt(Math.ceil(ms * 1e6)));
  }

  stop(): void {
    Atomics.store(this.#deadline, 0, NONE);
  }
}
