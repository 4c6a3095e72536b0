/** The contract of every LogStream, run by the memory, sqlite and redis-stream tests. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatLogId, type LogId, type LogStream, type StoredEntry } from "../../src/wal/wal.ts";

/** One store, which a test may open several times. */
export type StoreUnderTest = Readonly<{
  open: () => LogStream;
  /** Replaces the stored entries without using the log. */
  rewrite: (change: (entries: StoredEntry[]) => StoredEntry[]) => Promise<void>;
  destroy: () => Promise<void>;
}>;

const SMALL = Buffer.from("small");

export function describeLogStream(kind: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`${kind} as a log stream`, () => {
    let store: StoreUnderTest;
    let stream: LogStream;

    beforeEach(async () => {
      store = await makeStore();
      stream = store.open();
    });

    afterEach(async () => {
      await stream.close();
      await store.destroy();
    });

    async function fill(...ids: readonly (readonly [number, number])[]): Promise<void> {
      for (const [epoch, seq] of ids) {
        await stream.append({ epoch, seq }, Buffer.from(`${epoch}-${seq}`), true);
      }
    }

    test("does not exist before the first append, and reading does not create it", async () => {
      expect(await stream.last()).toBeUndefined();
      expect(await stream.read(undefined, 1000)).toEqual([]);
      expect(await stream.find({ epoch: 1, seq: 0 })).toBeUndefined();
      await expect(stream.append({ epoch: 1, seq: 0 }, SMALL)).rejects.toMatchObject({
        code: "stream_missing",
      });
      expect(await stream.last()).toBeUndefined();
    });

    test("returns the appended bytes, also to a reader that opens later", async () => {
      const bytes = randomBytes(1 << 20);
      await stream.append({ epoch: 1, seq: 0 }, SMALL, true);
      await stream.append({ epoch: 1, seq: 1 }, bytes);
      await stream.append({ epoch: 1, seq: 2 }, new Uint8Array(0));
      const later = store.open();
      expect(Buffer.compare((await later.find({ epoch: 1, seq: 1 })) ?? SMALL, bytes)).toBe(0);
      expect(await later.last()).toMatchObject({ id: { epoch: 1, seq: 2 } });
      const entries = await readAll(later);
      expect(entries.map((entry) => entry.bytes.byteLength)).toEqual([5, 1 << 20, 0]);
      await later.close();
    });

    test("keeps its own copy of the bytes", async () => {
      const bytes = Buffer.from("before");
      await stream.append({ epoch: 1, seq: 0 }, bytes, true);
      bytes.write("after!");
      expect(Buffer.from((await stream.find({ epoch: 1, seq: 0 })) ?? []).toString()).toBe("before");
    });

    test.each([
      ["the last id again", 2, 5],
      ["an earlier seq", 2, 4],
      ["an earlier epoch", 1, 9],
    ])("refuses %s, and leaves the log as it is", async (_, epoch, seq) => {
      await fill([1, 0], [1, 1], [2, 0], [2, 5]);
      await expect(stream.append({ epoch, seq }, SMALL)).rejects.toMatchObject({ code: "fenced" });
      await expect(stream.append({ epoch, seq }, SMALL, true)).rejects.toMatchObject({ code: "fenced" });
      expect((await readAll(stream)).map((entry) => Buffer.from(entry.bytes).toString())).toEqual([
        "1-0",
        "1-1",
        "2-0",
        "2-5",
      ]);
    });

    test("fences an owner once another one has appended", async () => {
      const other = store.open();
      await fill([1, 0], [1, 1]);
      await other.append({ epoch: 2, seq: 0 }, SMALL);
      await expect(stream.append({ epoch: 1, seq: 2 }, SMALL)).rejects.toMatchObject({ code: "fenced" });
      expect(await stream.last()).toMatchObject({ id: { epoch: 2, seq: 0 } });
      await other.close();
    });

    test("reads in numeric order of ids", async () => {
      await fill([2, 9], [2, 10], [2, 100], [10, 0], [10, 1]);
      const ids = (await readAll(stream)).map(({ id }) => [id.epoch, id.seq]);
      expect(ids).toEqual([
        [2, 9],
        [2, 10],
        [2, 100],
        [10, 0],
        [10, 1],
      ]);
      const after = await stream.read({ epoch: 2, seq: 10 }, 1);
      expect(after[0]).toMatchObject({ id: { epoch: 2, seq: 100 } });
      expect(await stream.read({ epoch: 10, seq: 1 }, 1000)).toEqual([]);
    });

    test("reads about the requested number of bytes, but at least one entry", async () => {
      await stream.append({ epoch: 1, seq: 0 }, SMALL, true);
      for (let seq = 1; seq <= 300; seq += 1) await stream.append({ epoch: 1, seq }, randomBytes(1000));
      expect((await stream.read(undefined, 1)).length).toBeGreaterThan(0);
      const portions: number[] = [];
      let after: StoredEntry | undefined;
      for (;;) {
        const entries = await stream.read(after?.id, 20_000);
        if (entries.length === 0) break;
        portions.push(entries.length);
        after = entries.at(-1);
      }
      expect(portions.reduce((a, b) => a + b)).toBe(301);
      expect(Math.max(...portions)).toBeLessThanOrEqual(40);
    });

    describe("trimmed", () => {
      /** So large that even a store that drops only whole nodes drops most of them. */
      const bytes = randomBytes(1000);

      beforeEach(async () => {
        await stream.append({ epoch: 1, seq: 0 }, SMALL, true);
        for (let seq = 1; seq <= 100; seq += 1) await stream.append({ epoch: 1, seq }, bytes);
        await stream.append({ epoch: 2, seq: 0 }, SMALL);
        for (let seq = 1; seq <= 100; seq += 1) await stream.append({ epoch: 2, seq }, bytes);
      });

      test("drops most entries below the id, and none at or above it", async () => {
        const before = await idsOf(stream);
        await trimAll(stream, { epoch: 2, seq: 50 });
        const after = await idsOf(stream);
        expect(after).toEqual(before.slice(-after.length));
        expect(after.length).toBeGreaterThanOrEqual(51);
        expect(after.length).toBeLessThan(51 + 20);
      });

      test("drops at most the given number of entries, and says whether more may be left", async () => {
        const before = await idsOf(stream);
        for (let left = before.length; ; ) {
          const more = await stream.trim({ epoch: 2, seq: 100 }, 40);
          const dropped = left - (await idsOf(stream)).length;
          expect(dropped).toBeLessThanOrEqual(40);
          left -= dropped;
          if (!more) break;
          expect(dropped).toBeGreaterThan(0);
        }
        await trimAll(stream, { epoch: 2, seq: 100 });
        expect((await idsOf(stream)).at(-1)).toBe("2-100");
        expect((await idsOf(stream)).length).toBeLessThan(20);
      });

      test("finds the remaining entries but not the dropped ones, and reads on from a dropped id", async () => {
        await trimAll(stream, { epoch: 2, seq: 50 });
        expect(await stream.find({ epoch: 1, seq: 1 })).toBeUndefined();
        expect(Buffer.compare((await stream.find({ epoch: 2, seq: 50 })) ?? SMALL, bytes)).toBe(0);
        const [first] = await idsOf(stream);
        const page = await stream.read({ epoch: 1, seq: 1 }, 1);
        expect(page[0] && formatLogId(page[0].id)).toBe(first);
      });

      test("still fences after the trim", async () => {
        await trimAll(stream, { epoch: 2, seq: 100 });
        const other = store.open();
        for (const each of [stream, other]) {
          await expect(each.append({ epoch: 1, seq: 101 }, SMALL)).rejects.toMatchObject({ code: "fenced" });
          await expect(each.append({ epoch: 2, seq: 99 }, SMALL, true)).rejects.toMatchObject({
            code: "fenced",
          });
        }
        expect(await stream.last()).toMatchObject({ id: { epoch: 2, seq: 100 } });
        await other.append({ epoch: 3, seq: 0 }, SMALL);
        expect((await idsOf(stream)).slice(-2)).toEqual(["2-100", "3-0"]);
        await other.close();
      });

      test("drops nothing below its first entry, and nothing of a missing stream", async () => {
        await trimAll(stream, { epoch: 1, seq: 0 });
        expect((await idsOf(stream)).length).toBe(202);
        const empty = await makeStore();
        const other = empty.open();
        expect(await other.trim({ epoch: 9, seq: 9 }, 40)).toBe(false);
        expect(await other.last()).toBeUndefined();
        await other.close();
        await empty.destroy();
      });
    });

    test("fails with log_unavailable once it is closed", async () => {
      await fill([1, 0]);
      await stream.close();
      await expect(stream.last()).rejects.toMatchObject({ code: "log_unavailable" });
      await expect(stream.append({ epoch: 1, seq: 1 }, SMALL)).rejects.toMatchObject({
        code: "log_unavailable",
      });
    });
  });
}

export async function readAll(stream: LogStream): Promise<StoredEntry[]> {
  const all: StoredEntry[] = [];
  for (;;) {
    const entries = await stream.read(all.at(-1)?.id, 1 << 20);
    if (entries.length === 0) return all;
    all.push(...entries);
  }
}

async function idsOf(stream: LogStream): Promise<string[]> {
  return (await readAll(stream)).map(({ id }) => formatLogId(id));
}

async function trimAll(stream: LogStream, below: LogId): Promise<void> {
  for (let portions = 0; await stream.trim(below, 40); portions += 1) expect(portions).toBeLessThan(100);
}
