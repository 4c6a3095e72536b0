/**
 * Writes the lines of all gateways to one file, on a thread of its own: a write that goes through the pool of threads
 * that all of the process share would wait there behind the slow hashes of passwords.
 */
import { Worker } from "node:worker_threads";
import {
  awaitDrained,
  drainRings,
  droppedIn,
  newRing,
  newSignal,
  type RingMemory,
  takeOver,
} from "./line-ring.ts";
import type { LineWriterInit } from "./line-writer-thread.ts";

const CLOSE_MS_MAX = 4_000;

export class LineWriter {
  readonly #init: LineWriterInit;
  readonly #worker: Worker;
  #isGone = false;

  /** @param producers how many threads make lines. */
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

  /** Where a thread puts its lines. */
  memoryOf(producer: number): RingMemory {
    const ring = this.#init.rings[producer];
    if (ring === undefined) throw new RangeError(`nobody reads the lines of thread ${producer}`);
    return { ring, signal: this.#init.signal };
  }

  get dropped(): number {
    return this.#init.rings.reduce((sum, ring) => sum + droppedIn(ring), 0);
  }

  /** Returns when all that was handed over is written, or after some seconds. Nothing may be written afterwards. */
  close(): void {
    const { fd, rings, signal } = this.#init;
    // A thread that is about to begin may take long on a busy machine.
    if (takeOver(signal) || this.#isGone) drainRings(fd, rings);
    else awaitDrained(rings, CLOSE_MS_MAX);
    void this.#worker.terminate();
  }
}
