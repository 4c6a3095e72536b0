/**
 * How much a shard's memory may still grow. A runtime that is out of heap ends its thread or process, so a shard stops
 * growing long before.
 *
 * What is in use at some moment says little, since most of it may be garbage. What was left after the last full collection is
 * what the shard keeps; since then it has grown by what partners were counted for. The runtime collects again at the latest
 * halfway from there to its bound, so that what is not counted shows in time.
 */

/** The heap that the shard runs in. */
export interface Heap {
  /** Bytes at which the runtime gives up. */
  readonly maxBytes: number;
  /** Bytes in use, garbage as well. */
  usedBytes(): number;
  /** Full collections so far. */
  readonly collections: number;
  close(): void;
}

/** Up to this share of its heap a shard takes what stays there. The rest is for what comes and goes, and for collecting. */
const MARK = 0.75;

/** With ten looks a second, it is measured at most three times a second. */
const LOOKS_PER_MEASURE = 3;

export class HeapWatch {
  readonly #heap: Heap | undefined;
  readonly #keptBytes: () => number;
  readonly #markBytes: number;
  #collections = 0;
  #looks = 0;
  /** What was in use after the last full collection, less what partners were counted for then. */
  #otherBytes = 0;

  /** @param keptBytes what partners are counted for. */
  constructor(heap: Heap | undefined, keptBytes: () => number) {
    this.#heap = heap;
    this.#keptBytes = keptBytes;
    this.#markBytes = heap === undefined ? Number.POSITIVE_INFINITY : MARK * heap.maxBytes;
    this.#measure();
  }

  /** To be called now and then. Before the first full collection all that is in use counts. */
  look(): void {
    const { collections = 0 } = this.#heap ?? {};
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_MEASURE !== 0 || (collections > 0 && collections === this.#collections))
      return;
    this.#collections = collections;
    this.#measure();
  }

  /** Negative above the mark. */
  get freeBytes(): number {
    return this.#markBytes - this.#otherBytes - this.#keptBytes();
  }

  #measure(): void {
    if (this.#heap !== undefined) this.#otherBytes = this.#heap.usedBytes() - this.#keptBytes();
  }
}
