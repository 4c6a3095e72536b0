/**
 * Measures how many bytes a shard's memory may still grow. A runtime that is out of heap kills its thread or process,
 * so the shard refuses growth long before.
 *
 * The heap in use is no good measure, because most of it may be garbage. So the estimate is: the heap after the last
 * full collection, plus the bytes that were counted against quotas since then. Memory that is not counted shows up at
 * the next full collection, which comes at the latest when the heap has grown halfway from that size to its limit.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";

/**
 * The share of the heap limit that belongs to the young generation (three semi-spaces of 32 MiB); the runtime does not
 * report it. If it is smaller, the old generation has more room than assumed here, which is safe.
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
  /** Bytes of the old generation at which the runtime gives up. */
  readonly maxBytes: number;
  /** Bytes of the old generation in use, garbage included. */
  usedBytes(): number;
  /** Number of full collections so far. */
  readonly collections: number;
  close(): void;
}

/** The share of the heap that lasting data may fill. The rest is for short-lived objects and for the collector. */
const MARK = 0.75;

/** `look` is called ten times a second; the heap is measured at most three times a second. */
const LOOKS_PER_MEASURE = 3;

export class HeapWatch {
  readonly #heap: Heap | undefined;
  readonly #keptBytes: () => number;
  readonly #markBytes: number;
  #collections = 0;
  #looks = 0;
  /** Heap after the last full collection, minus the bytes counted against quotas at that moment. */
  #otherBytes = 0;

  /** @param keptBytes bytes that are counted against the quotas of all partners. */
  constructor(heap: Heap | undefined, keptBytes: () => number) {
    this.#heap = heap;
    this.#keptBytes = keptBytes;
    this.#markBytes = heap === undefined ? Number.POSITIVE_INFINITY : MARK * heap.maxBytes;
    this.#measure();
  }

  /** Call it ten times a second. Before the first full collection the whole heap in use counts. */
  look(): void {
    const { collections = 0 } = this.#heap ?? {};
    this.#looks += 1;
    if (this.#looks % LOOKS_PER_MEASURE !== 0 || (collections > 0 && collections === this.#collections))
      return;
    this.#collections = collections;
    this.#measure();
  }

  /** Bytes that lasting data may still grow; negative above the mark. */
  get freeBytes(): number {
    return this.#markBytes - this.#otherBytes - this.#keptBytes();
  }

  #measure(): void {
    if (this.#heap !== undefined) this.#otherBytes = this.#heap.usedBytes() - this.#keptBytes();
  }
}
