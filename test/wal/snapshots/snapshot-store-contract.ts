/** The contract of every SnapshotStore. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SnapshotStore, slotsOf } from "../../../src/wal/snapshots/snapshot-store.ts";

/** One snapshot store, which a test may open several times. */
export type SnapshotsUnderTest = Readonly<{
  open: () => SnapshotStore;
  destroy: () => Promise<void>;
}>;

export async function readSlot(store: SnapshotStore, slot: number, bytesMax = 1 << 20): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for (;;) {
    const page = await store.read(slot, all.length, bytesMax);
    if (page.length === 0) return all;
    all.push(...page.map((chunk) => Buffer.from(chunk)));
  }
}

export function describeSnapshotStore(kind: string, makeSnapshots: () => Promise<SnapshotsUnderTest>): void {
  describe(`${kind} as a snapshot store`, () => {
    let place: SnapshotsUnderTest;
    let store: SnapshotStore;

    beforeEach(async () => {
      place = await makeSnapshots();
      store = place.open();
    });

    afterEach(async () => {
      await store.close();
      await place.destroy();
    });

    test("starts with three empty slots, which may be read and cleared", async () => {
      for (const slot of [0, 1, 2]) {
        expect(await store.read(slot, 0, 1 << 20)).toEqual([]);
        expect(await store.last(slot)).toBeUndefined();
        await store.clear(slot);
      }
    });

    test("returns the chunks of a slot in the order of appends, also to a reader that opens later", async () => {
      const chunks = [Buffer.from("head"), randomBytes(200_000), Buffer.alloc(0), randomBytes(70)];
      for (const chunk of chunks) await store.append(1, chunk);
      const later = place.open();
      expect(await readSlot(later, 1)).toEqual(chunks);
      expect(Buffer.from((await later.last(1)) ?? [])).toEqual(chunks[3]);
      expect(await later.read(0, 0, 1)).toEqual([]);
      expect(await later.last(2)).toBeUndefined();
      await later.close();
    });

    test("finds the slots of every epoch that has written any, also over a later connection", async () => {
      const slots = [slotsOf(3)[1] as number, slotsOf(41)[0] as number];
      for (const slot of slots) await store.append(slot, Buffer.from("head"));
      const later = place.open();
      expect(await later.used()).toEqual(expect.arrayContaining(slots));
      for (const slot of slots) expect(await readSlot(later, slot)).toEqual([Buffer.from("head")]);
      for (const slot of slots) await later.clear(slot);
      await later.close();
    });

    test("keeps its own copy of the bytes", async () => {
      const bytes = Buffer.from("before");
      await store.append(0, bytes);
      bytes.write("after!");
      expect(Buffer.from((await store.last(0)) ?? []).toString()).toBe("before");
    });

    test("reads about the requested number of bytes, but at least one entry", async () => {
      const chunks = Array.from({ length: 100 }, () => randomBytes(64 * 1024));
      for (const chunk of chunks) await store.append(2, chunk);
      expect((await store.read(2, 0, 1)).length).toBe(1);
      expect((await store.read(2, 99, 1)).map((chunk) => Buffer.from(chunk))).toEqual(chunks.slice(99));
      expect(await store.read(2, 100, 1 << 20)).toEqual([]);
      const page = await store.read(2, 3, 1 << 20);
      expect(page.length).toBe(16);
      expect(Buffer.from(page[0] ?? [])).toEqual(chunks[3]);
      expect((await readSlot(store, 2)).length).toBe(100);
    });

    test("clears a single slot, which then starts again at chunk 0", async () => {
      for (const slot of [0, 1]) for (const name of ["a", "b"]) await store.append(slot, Buffer.from(name));
      await store.clear(0);
      expect(await readSlot(store, 0)).toEqual([]);
      await store.append(0, Buffer.from("c"));
      expect(await readSlot(store, 0)).toEqual([Buffer.from("c")]);
      expect(await readSlot(store, 1)).toEqual([Buffer.from("a"), Buffer.from("b")]);
    });
  });
}
