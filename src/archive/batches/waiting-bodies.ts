import { assert } from "../../errors/assert.ts";
import type { StoredBatch } from "./batch-table.ts";

export type Waiting = Readonly<{ batch: StoredBatch; body: Uint8Array }>;

const WAITING_TRIM = 64;

/** Bodies that wait for the index, in order of arrival and without a gap; within a bound: the others are read back. */
export class WaitingBodies {
  readonly #bytesMax: number;
  #waiting: Waiting[] = [];
  #from = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @param indexed the last batch in the index. */
  keep(waiting: Waiting, indexed: number): void {
    // The queue must be without a gap up to its end; once it is full, what follows is read back instead.
    const expected = this.#waiting.at(-1)?.batch.number ?? indexed;
    if (waiting.batch.number !== expected + 1) return;
    if (this.#bytes + waiting.body.length > this.#bytesMax) return;
    this.#waiting.push(waiting);
    this.#bytes += waiting.body.length;
  }

  /** The batch of this number, unless it must be read back. */
  take(number: number): Waiting | undefined {
    const next = this.#waiting[this.#from];
    if (next === undefined) return undefined;
    assert(next.batch.number === number, "the index takes the batches in order of arrival");
    this.#from += 1;
    this.#bytes -= next.body.length;
    // Bodies that were taken must not be held on to by a queue that never runs empty.
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
