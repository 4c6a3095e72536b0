/**
 * Writes the log lines of all gateways to one file, on its own thread: in Node's thread pool a write would wait
 * behind slow password hashes.
 */
import { Worker } from "node:worker_threads";
import {
  awaitDrained,
  claimWriter,
  drainRings,
  droppedIn,
  newRing,
  newSignal,
  type RingMemory,
} from "./line-ring.ts";
import type { LineWriterInit } from "./line-writer-thread.ts";

const CLOSE_MS_MAX = 4_000;

export class LineWriter {
  readonly #init: LineWriterInit;
  readonly #worker: Worker;
  #isGone = false;

  /** @param producers number of threads that write lines. */
  constructor(fd: number, producers: number) {
    const rings = Array.from({ length: producers }, newRing);
    this.#init = { fd, rings, signal: newSignal() };
    this.#worker = new Worker(new URL("./line-writer-thread.ts", import.meta.url), {
      workerData: this.#init,
      name: "log",
    });
    const gone = () => {
      this.#isGone = true;
    };
    this.#worker.on("error", gone).on("exit", gone);
    this.#worker.unref();
  }

  memoryOf(producer: number): RingMemory {
    const ring = this.#init.rings[producer];
    if (ring === undefined) throw new RangeError(`there is no log ring for thread ${producer}`);
    return { ring, signal: this.#init.signal };
  }

  get dropped(): number {
    return this.#init.rings.reduce((sum, ring) => sum + droppedIn(ring), 0);
  }

  /** Returns once all published lines are written, or after some seconds. Nothing may be written afterwards. */
  close(): void {
    const { fd, rings, signal } = this.#init;
    // If the thread has not started yet, write here: on a busy machine its start may take long.
    if (claimWriter(signal) || this.#isGone) drainRings(fd, rings);
    else awaitDrained(rings, CLOSE_MS_MAX);
    void this.#worker.terminate();
  }
}
