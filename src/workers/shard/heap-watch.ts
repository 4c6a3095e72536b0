/**
 * How much a shard's memory may still grow. A runtime that is out of heap ends its thread or process, so a shard stops
 * growing long before.
 *
 * What is in use at some moment says little, since most of it may be garbage. What was left after the last full collection is
 * what the shard keeps; since then it has grown by what partners were counted for. The runtime collects again at the latest
 * halfway from there to its bound, so that what is not counted shows in time.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";

/**
 * What the runtime's limit holds for the young generation (three semi-spaces of 32 MiB), where nothing stays: it does not
 * say so itself. Were it less, the old generation would have more than is taken for granted here.
 */
const YOUNG_BYTES_MAX = 96 * 1024 * 1024;

export class OwnHeap implements Heap {
  readonly maxBytes: number;
  collections = 0;
  readonly #observer: PerformanceObserver;

  constructor() {
    const { heap_size_limit: limit } = getHeapStatistics();
    this.maxBytes = Math.max(limit - YOUNG_BYTES_MAX, limit / 4);
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (isFull(entry)) this.collections += 1;
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  /** Of the old generation. */
  usedBytes(): number {
    let bytes = 0;
    for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics())
      if (!name.startsWith("new_")) bytes += used;
    return bytes;
  }

  close(): void {
    this.#observer.disconnect();
  }
}

function isFull(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { detail?: { kind?: number } };
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

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
