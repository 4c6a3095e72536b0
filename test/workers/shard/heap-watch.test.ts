import { describe, expect, test } from "vitest";
import { type Heap, HeapWatch, OwnHeap } from "../../../src/workers/shard/heap-watch.ts";

class FakeHeap implements Heap {
  readonly maxBytes = 1_000;
  used = 0;
  collections = 0;

  usedBytes(): number {
    return this.used;
  }

  close(): void {}
}

function watched() {
  const heap = new FakeHeap();
  const kept = { bytes: 0 };
  const watch = new HeapWatch(heap, () => kept.bytes);
  /** Looks until the heap is measured. */
  const look = () => {
    for (let i = 0; i < 3; i++) watch.look();
  };
  return { heap, kept, watch, look };
}

describe("how much a shard's memory may still grow", () => {
  test("until the first full collection the whole heap in use counts", () => {
    const { heap, watch, look } = watched();
    expect(watch.freeBytes).toBe(750);
    heap.used = 600;
    look();
    expect(watch.freeBytes).toBe(150);
  });

  test("after a full collection only the surviving heap and newly counted bytes count; garbage does not", () => {
    const { heap, kept, watch, look } = watched();
    heap.used = 400;
    kept.bytes = 300;
    heap.collections = 1;
    look();
    expect(watch.freeBytes).toBe(350);
    kept.bytes = 500;
    expect(watch.freeBytes).toBe(150);
    heap.used = 900;
    look();
    expect(watch.freeBytes).toBe(150);
    kept.bytes = 700;
    expect(watch.freeBytes).toBe(-50);
    heap.used = 500;
    kept.bytes = 400;
    heap.collections = 2;
    look();
    expect(watch.freeBytes).toBe(250);
  });

  test("the heap is measured at every third look at most", () => {
    const { heap, watch } = watched();
    heap.used = 700;
    watch.look();
    watch.look();
    expect(watch.freeBytes).toBe(750);
    watch.look();
    expect(watch.freeBytes).toBe(50);
  });

  test("without a heap to watch there is no bound", () => {
    expect(new HeapWatch(undefined, () => 5).freeBytes).toBe(Number.POSITIVE_INFINITY);
  });
});

test("the process's own heap reports its limit and its use", () => {
  const heap = new OwnHeap();
  expect(heap.maxBytes).toBeGreaterThan(32 * 1024 * 1024);
  expect(heap.usedBytes()).toBeGreaterThan(1024 * 1024);
  expect(heap.usedBytes()).toBeLessThan(heap.maxBytes);
  heap.close();
});
