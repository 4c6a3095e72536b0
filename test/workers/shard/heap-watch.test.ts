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
  /** As often as it takes until it is measured. */
  const look = () => {
    for (let i = 0; i < 3; i++) watch.look();
  };
  return { heap, kept, watch, look };
}

describe("how much a shard may still grow", () => {
  test("until the first full collection all that is in use counts", () => {
    const { heap, watch, look } = watched();
    expect(watch.freeBytes).toBe(750);
    heap.used = 600;
    look();
    expect(watch.freeBytes).toBe(150);
  });

  test("after one, what it has left counts, and what partners were counted for since; garbage does not", () => {
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

  test("it is measured every third time at most", () => {
    const { heap, watch } = watched();
    heap.used = 700;
    watch.look();
    watch.look();
    expect(watch.freeBytes).toBe(750);
    watch.look();
    expect(watch.freeBytes).toBe(50);
  });

  test("without a heap to watch it is without bound", () => {
    expect(new HeapWatch(undefined, () => 5).freeBytes).toBe(Number.POSITIVE_INFINITY);
  });
});

test("the own heap says how large it may become, and what is in use", () => {
  const heap = new OwnHeap();
  expect(heap.maxBytes).toBeGreaterThan(32 * 1024 * 1024);
  expect(heap.usedBytes()).toBeGreaterThan(1024 * 1024);
  expect(heap.usedBytes()).toBeLessThan(heap.maxBytes);
  heap.close();
});
