/** The contract for damage and loss: a journal over any store must detect them and never skip them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeBatch, NO_BATCH } from "../../src/wal/frame.ts";
import type { JournalOptions, StreamJournal } from "../../src/wal/journal.ts";
import type { Batch, LogStream, StoredEntry } from "../../src/wal/wal.ts";
import { as, makeJournal, write } from "./journal-contract.ts";
import { readAll, type StoreUnderTest } from "./log-stream-contract.ts";

const flip = (entry: StoredEntry, byte: number): StoredEntry => {
  const bytes = new Uint8Array(entry.bytes);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (byte % 8));
  return { id: entry.id, bytes };
};

export function describeDamage(kind: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`a damaged log in ${kind}`, () => {
    let store: StoreUnderTest;
    let opened: StreamJournal[];

    beforeEach(async () => {
      store = await makeStore();
      opened = [];
    });

    afterEach(async () => {
      for (const journal of opened) await journal.close();
      await store.destroy();
    });

    function open(options: Partial<JournalOptions> = {}, stream: LogStream = store.open()): StreamJournal {
      const journal = makeJournal(stream, options);
      opened.push(journal);
      return journal;
    }

    describe("is detected", () => {
      let journal: StreamJournal;
      let clean: StoredEntry[];

      /** 0: claim 1, 1–3: batches, 4: claim 2, 5: batch, 6: the claim of `journal`. */
      beforeEach(async () => {
        await write(open(), "first", "second", "third");
        await write(open(as("two")), "fourth");
        journal = open(as("three"));
        await journal.claim();
        clean = await readAll(store.open());
      });

      /** Replays the damaged log, which must stop after `good` batches. */
      async function expectStop(change: (entries: StoredEntry[]) => StoredEntry[], good: number, id: string) {
        await store.rewrite(() => change([...clean]));
        const seen: Batch[] = [];
        const error: unknown = await journal
          .replay((batch) => seen.push(batch))
          .catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "log_corrupt" });
        const message = error instanceof Error ? error.message : "";
        expect(message).toContain(`bad entry ${id}: `);
        expect(message).toContain(journal.name);
        expect(message).toContain("Restore");
        expect(message).not.toContain("\n");
        expect(seen.length).toBe(good);
        return message;
      }

      const at = (index: number): StoredEntry => {
        const entry = clean[index];
        if (entry === undefined) throw new Error(`no entry ${index}`);
        return entry;
      };

      test.each([
        ["a batch", 2, 1, "1-2"],
        ["the last batch", 5, 3, "2-1"],
        ["a claim", 4, 3, "2-0"],
      ])("a bit flipped at any byte of %s", async (_, index, good, id) => {
        for (let byte = 0; byte < at(index).bytes.byteLength; byte += 1) {
          await expectStop((entries) => entries.with(index, flip(at(index), byte)), good, id);
        }
      });

      test("the bytes of two entries swapped", async () => {
        const swapped = { id: at(1).id, bytes: at(2).bytes };
        expect(
          await expectStop(
            (entries) => entries.with(1, swapped).with(2, { id: at(2).id, bytes: at(1).bytes }),
            0,
            "1-1",
          ),
        ).toContain("id mismatch");
      });

      test.each([
        ["a batch in the middle", 2, 1, "1-3"],
        ["the last batch of an epoch", 3, 2, "2-1"],
        ["the first batch of an epoch", 1, 0, "1-2"],
        ["a claim", 4, 3, "2-1"],
        ["the first claim", 0, 0, "1-1"],
      ])("%s missing", async (_, index, good, id) => {
        await expectStop((entries) => entries.toSpliced(index, 1), good, id);
      });

      test("a valid batch of another history under the right id", async () => {
        const foreign = encodeBatch({
          id: { epoch: 1, seq: 2 },
          previousId: { epoch: 1, seq: 1 },
          previousHash: NO_BATCH.hash,
          timeMs: 1001,
          count: 1,
          shards: 2,
          body: Buffer.from("forged"),
        });
        const message = await expectStop(
          (entries) => entries.with(2, { id: at(2).id, bytes: foreign }),
          1,
          "1-2",
        );
        expect(message).toContain("chain broken");
      });

      test("a truncated entry, an empty one, and one that is not a frame", async () => {
        for (const bytes of [
          at(2).bytes.slice(0, -1),
          at(2).bytes.slice(0, 60),
          Buffer.alloc(0),
          Buffer.alloc(200),
        ]) {
          await expectStop((entries) => entries.with(2, { id: at(2).id, bytes }), 1, "1-2");
        }
      });

      test("and does not claim over a bad last entry", async () => {
        await store.rewrite(() => clean.slice(0, 6).with(5, flip(at(5), 100)));
        await expect(open(as("four")).claim()).rejects.toMatchObject({ code: "log_corrupt" });
      });
    });

    describe("has lost data", () => {
      test("a missing witness: the tail is lost", async () => {
        const [, , last] = await write(open(), "a", "b", "c");
        if (last === undefined) throw new Error("nothing was written");
        await store.rewrite((entries) => entries.slice(0, -1));
        const error = open({ witnesses: [last] }).claim();
        await expect(error).rejects.toMatchObject({ code: "log_lost_data" });
        await expect(error).rejects.toThrow(/1-3/);
      });

      test("a witness with another hash", async () => {
        const [a, b] = await write(open(), "a", "b");
        if (a === undefined || b === undefined) throw new Error("nothing was written");
        await expect(open({ witnesses: [{ id: a.id, hash: b.hash }] }).claim()).rejects.toMatchObject({
          code: "log_lost_data",
        });
      });

      test("witnesses that are present or trimmed are no loss", async () => {
        const [a, b] = await write(open(), "a", "b", "c");
        if (a === undefined || b === undefined) throw new Error("nothing was written");
        await open({ ...as("two"), witnesses: [a, b] }).claim();
        await store.rewrite((entries) => entries.slice(3));
        const before = await open({ ...as("three"), witnesses: [a] }).claim();
        expect(before).toMatchObject({ claimant: { instance: "two" } });
      });

      test("a missing stream that should exist", async () => {
        const witness = { id: { epoch: 3, seq: 7 }, hash: new Uint8Array(32) };
        await expect(open({ witnesses: [witness] }).claim()).rejects.toThrow(/does not exist.*3-7/);
        await expect(open({ mayCreate: false }).claim()).rejects.toMatchObject({ code: "log_lost_data" });
        expect(await store.open().last()).toBeUndefined();
      });

      test("a stream that disappears while owned", async () => {
        const journal = open();
        await write(journal, "a");
        await store.rewrite(() => []);
        await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "log_lost_data" });
      });

      test("a tail lost while owned is detected before a read is answered", async () => {
        const journal = open();
        await write(journal, "a", "b");
        await store.rewrite((entries) => entries.slice(0, -1));
        await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "log_lost_data" });
      });
    });
  });
}
