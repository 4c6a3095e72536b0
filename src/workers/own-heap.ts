/** The heap of the thread, or process, that a shard runs in. Nothing here needs a file descriptor. */
import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import type { Heap } from "../shard/heap-watch.ts";

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
