/** Keeps the bodies of new batches in memory until they are indexed. */
import { assert } from "../../errors/assert.ts";
import type { StoredBatch } from "./batch-table.ts";

export type Waiting = Readonly<{ batch: StoredBatch; body: Uint8Array }>;

/** Taken bodies that are kept before the queue is compacted. */
const WAITING_TRIM = 64;

/** A bounded queue of batches that wait for indexing, contiguous and in order of arrival. Others are read back. */
export class WaitingBodies {
  readonly #bytesMax: number;
  #waiting: Waiting[] = [];
  #from = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Queues a batch if it fits. @param indexed number of the newest indexed batch. */
  keep(waiting: Waiting, indexed: number): void {
    // The queue must stay contiguous: once a batch did not fit, all later ones are read back.
    const expected = this.#waiting.at(-1)?.batch.number ?? indexed;
    if (waiting.batch.number !== expected + 1) return;
    if (this.#bytes + waiting.body.length > this.#bytesMax) return;
    this.#waiting.push(waiting);
    this.#bytes += waiting.body.length;
  }

  /** Removes the batch with this number; `undefined` if it must be read back. */
  take(number: number): Waiting | undefined {
    const next = this.#waiting[this.#from];
    if (next === undefined) return undefined;
    assert(next.batch.number === number, "the index takes the batches in order of arrival");
    this.#from += 1;
    this.#bytes -= next.body.length;
    // A queue that never runs empty must still release the bodies that were taken.
    if (this.#from === this.#waiting.length || this.#from >= WAITING_TRIM) {
      this.#waiting = this.#waiting.slice(this.#from);
      this.#from = 0;
    }
    return next;
  }

  clear(): void {
    this.#waiting = [];
    this.#from = 0;
    this.#bytes = 0;
  }
}
