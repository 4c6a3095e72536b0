/** The protocol of claims, chain and replay, which must be the same over every store. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeBatch, NO_BATCH } from "../../src/wal/frame.ts";
import { type JournalOptions, StreamJournal } from "../../src/wal/journal.ts";
import { inspectTail, mayCreateStreams } from "../../src/wal/tail.ts";
import type { Batch, LogId, LogStream, StoredEntry } from "../../src/wal/wal.ts";
import { readAll, type StoreUnderTest } from "./log-stream-contract.ts";

export function makeJournal(stream: LogStream, options: Partial<JournalOptions> = {}): StreamJournal {
  const claimant = { instance: "one", generation: 1, shard: 0, shards: 2 };
  return new StreamJournal({ stream, claimant, witnesses: [], mayCreate: true, ...options });
}

export async function replayAll(journal: StreamJournal): Promise<Batch[]> {
  const batches: Batch[] = [];
  await journal.replay((batch) => batches.push(batch));
  return batches;
}

/** Claims, replays and appends as many batches as there are bodies. */
export async function write(journal: StreamJournal, ...bodies: readonly string[]): Promise<Batch[]> {
  await journal.claim();
  await journal.replay(() => undefined);
  const batches: Batch[] = [];
  for (const body of bodies) {
    const { settled, ...batch } = await journal.append(1000 + batches.length, 1, Buffer.from(body));
    expect(settled).toBe(true);
    batches.push(batch);
  }
  return batches;
}

async function readBatches(journal: StreamJournal, after?: LogId): Promise<Batch[]> {
  const all: Batch[] = [];
  for (;;) {
    const batches = await journal.read(all.at(-1)?.id ?? after, 1 << 20);
    if (batches.length === 0) return all;
    all.push(...batches);
  }
}

const text = (batches: readonly Batch[]): string[] => batches.map(({ body }) => Buffer.from(body).toString());

/** The stream, with a pause between looking at the log and appending to it. */
function holdAppend(stream: LogStream): { stream: LogStream; reached: Promise<void>; release: () => void } {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const held: LogStream = {
    name: stream.name,
    resolvable: stream.resolvable,
    restarts: 0,
    last: () => stream.last(),
    find: (id) => stream.find(id),
    read: (after, bytesMax) => stream.read(after, bytesMax),
    close: () => stream.close(),
    append: async (id, bytes, create) => {
      reached.resolve();
      await released.promise;
      return stream.append(id, bytes, create);
    },
  };
  return { stream: held, reached: reached.promise, release: released.resolve };
}

export function describeJournal(kind: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`a journal over ${kind}`, () => {
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

    const as = (instance: string, shards = 2) => ({
      claimant: { instance, generation: 1, shard: 0, shards },
    });

    test("claims a new stream under epoch 1, and each later one under the next", async () => {
      const first = open();
      expect(await first.claim()).toBeUndefined();
      expect(first.epoch).toBe(1);
      const second = open(as("two"));
      expect(await second.claim()).toMatchObject({
        id: { epoch: 1, seq: 0 },
        claimant: { instance: "one", shards: 2 },
      });
      expect(second.epoch).toBe(2);
    });

    test("begins above the epoch floor of a resharded log", async () => {
      const journal = open({ epochFloor: 41 });
      await journal.claim();
      expect(journal.epoch).toBe(42);
      await journal.replay(() => undefined);
    });

    test("replays what was appended, over three epochs, in order and with one chain", async () => {
      const written = [
        ...(await write(open(), "a", "b")),
        ...(await write(open(as("two")))),
        ...(await write(open(as("three")), "c", "")),
      ];
      const journal = open(as("four"));
      await journal.claim();
      const replayed = await replayAll(journal);
      expect(replayed.map((batch) => ({ ...batch, body: [...batch.body], hash: [...batch.hash] }))).toEqual(
        written.map((batch) => ({ ...batch, body: [...batch.body], hash: [...batch.hash] })),
      );
      expect(replayed.map(({ id }) => `${id.epoch}-${id.seq}`)).toEqual(["1-1", "1-2", "3-1", "3-2"]);
    });

    test("replays from a snapshot's position, and only onto the very batch it was taken at", async () => {
      const [a, b] = await write(open(), "a", "b", "c");
      const journal = open(as("two"));
      await journal.claim();
      const rest: Batch[] = [];
      await journal.replay((batch) => rest.push(batch), a);
      expect(text(rest)).toEqual(["b", "c"]);
      if (a === undefined || b === undefined) throw new Error("nothing was written");
      await expect(journal.replay(() => undefined, { id: a.id, hash: b.hash })).rejects.toMatchObject({
        code: "log_corrupt",
      });
    });

    test("of two claimants at the same moment exactly one wins", async () => {
      await write(open(), "a");
      const hold = [holdAppend(store.open()), holdAppend(store.open())] as const;
      const journals = [open(as("two"), hold[0].stream), open(as("three"), hold[1].stream)];
      const claims = journals.map((journal) => journal.claim());
      await Promise.all(hold.map(({ reached }) => reached));
      for (const { release } of hold) release();
      const results = await Promise.allSettled(claims);
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      expect(results.find(({ status }) => status === "rejected")).toMatchObject({
        reason: { code: "fenced" },
      });
      expect((await readAll(store.open())).map(({ id }) => `${id.epoch}-${id.seq}`)).toEqual([
        "1-0",
        "1-1",
        "2-0",
      ]);
    });

    test("two claimants of a stream that does not exist yet: exactly one wins", async () => {
      const hold = [holdAppend(store.open()), holdAppend(store.open())] as const;
      const journals = [open(as("two"), hold[0].stream), open(as("three"), hold[1].stream)];
      const claims = journals.map((journal) => journal.claim());
      await Promise.all(hold.map(({ reached }) => reached));
      for (const { release } of hold) release();
      const results = await Promise.allSettled(claims);
      expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    });

    test("the old owner's next append is refused, and so is every later one", async () => {
      const old = open();
      await write(old, "a");
      await write(open(as("two")), "b");
      await expect(old.append(1, 1, Buffer.from("too late"))).rejects.toMatchObject({ code: "fenced" });
      await expect(old.append(1, 1, Buffer.from("too late"))).rejects.toMatchObject({ code: "fenced" });
      const journal = open(as("three"));
      await journal.claim();
      expect(text(await replayAll(journal))).toEqual(["a", "b"]);
    });

    test("keeps an append that slipped in between the claimant's look and its claim", async () => {
      const old = open();
      await write(old, "a");
      const hold = holdAppend(store.open());
      const next = open(as("two"), hold.stream);
      const claim = next.claim();
      await hold.reached;
      await old.append(2000, 1, Buffer.from("slipped in"));
      hold.release();
      await claim;
      expect(text(await replayAll(next))).toEqual(["a", "slipped in"]);
      await next.append(3000, 1, Buffer.from("b"));
      const later = open(as("three"));
      await later.claim();
      expect(text(await replayAll(later))).toEqual(["a", "slipped in", "b"]);
    });

    test("confirms its owner, until somebody else claims", async () => {
      const journal = open();
      await write(journal, "a");
      const before = journal.lastExchangeMs;
      await journal.confirmOwner();
      expect(journal.lastExchangeMs).toBeGreaterThan(before);
      await open(as("two")).claim();
      await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "fenced" });
      await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "fenced" });
    });

    test("reads batches after a position, without the claims, to the end", async () => {
      await write(open(), "a", "b");
      await write(open(as("two")), "c");
      const journal = open(as("three"));
      expect(text(await readBatches(journal))).toEqual(["a", "b", "c"]);
      expect(text(await readBatches(journal, { epoch: 1, seq: 2 }))).toEqual(["c"]);
      expect(await journal.read({ epoch: 2, seq: 1 }, 1 << 20)).toEqual([]);
      await journal.claim();
      expect(text(await journal.read({ epoch: 1, seq: 1 }, 1))).toEqual(expect.arrayContaining(["b"]));
    });

    test("a follower notices a missing batch", async () => {
      await write(open(), "a", "b", "c");
      await store.rewrite((entries) => entries.toSpliced(2, 1));
      await expect(open().read({ epoch: 1, seq: 1 }, 1 << 20)).rejects.toMatchObject({ code: "log_corrupt" });
    });

    test("has one append in flight, and none before replay", async () => {
      const journal = open();
      await journal.claim();
      await expect(journal.append(1, 1, Buffer.from("a"))).rejects.toThrow("replay comes before append");
      const other = open(as("two"));
      await other.claim();
      await other.replay(() => undefined);
      const first = other.append(1, 1, Buffer.from("a"));
      await expect(other.append(1, 1, Buffer.from("b"))).rejects.toThrow("one append in flight");
      await first;
    });

    describe("notices a damaged log", () => {
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

      /** Replays the changed log, which must stop after `good` batches. */
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

      const flip = (entry: StoredEntry, byte: number): StoredEntry => {
        const bytes = new Uint8Array(entry.bytes);
        bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (byte % 8));
        return { id: entry.id, bytes };
      };

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

      test("a batch from another history, whole and under the right id", async () => {
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

      test("an entry cut short, an empty one, and one that is no frame at all", async () => {
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

    describe("notices a log that has lost data", () => {
      test("a witness is missing: the tail is gone", async () => {
        const [, , last] = await write(open(), "a", "b", "c");
        if (last === undefined) throw new Error("nothing was written");
        await store.rewrite((entries) => entries.slice(0, -1));
        const error = open({ witnesses: [last] }).claim();
        await expect(error).rejects.toMatchObject({ code: "log_lost_data" });
        await expect(error).rejects.toThrow(/1-3/);
      });

      test("a witness is there, but is another batch", async () => {
        const [a, b] = await write(open(), "a", "b");
        if (a === undefined || b === undefined) throw new Error("nothing was written");
        await expect(open({ witnesses: [{ id: a.id, hash: b.hash }] }).claim()).rejects.toMatchObject({
          code: "log_lost_data",
        });
      });

      test("every witness is there, or was trimmed away: all is well", async () => {
        const [a, b] = await write(open(), "a", "b", "c");
        if (a === undefined || b === undefined) throw new Error("nothing was written");
        await open({ ...as("two"), witnesses: [a, b] }).claim();
        await store.rewrite((entries) => entries.slice(3));
        await open({ ...as("three"), witnesses: [a] }).claim();
      });

      test("the stream does not exist, but should", async () => {
        const witness = { id: { epoch: 3, seq: 7 }, hash: new Uint8Array(32) };
        await expect(open({ witnesses: [witness] }).claim()).rejects.toThrow(/does not exist.*3-7/);
        await expect(open({ mayCreate: false }).claim()).rejects.toMatchObject({ code: "log_lost_data" });
        expect(await store.open().last()).toBeUndefined();
      });

      test("the stream vanishes under its owner", async () => {
        const journal = open();
        await write(journal, "a");
        await store.rewrite(() => []);
        await expect(journal.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "log_lost_data" });
      });

      test("the tail goes under its owner, who asks before it answers a read", async () => {
        const journal = open();
        await write(journal, "a", "b");
        await store.rewrite((entries) => entries.slice(0, -1));
        await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "log_lost_data" });
      });
    });

    test("refuses another number of shards, naming the recorded one, also when the claim is trimmed", async () => {
      await write(open(), "a", "b");
      const refused = /SHARDS=2.*started with 3.*reshard/;
      await expect(open(as("two", 3)).claim()).rejects.toThrow(refused);
      await store.rewrite((entries) => entries.slice(1));
      const error = open(as("two", 3)).claim();
      await expect(error).rejects.toMatchObject({ code: "shard_count" });
      await expect(error).rejects.toThrow(refused);
    });

    test("refuses the log of another shard", async () => {
      await write(open(), "a");
      const claimant = { instance: "two", generation: 1, shard: 1, shards: 2 };
      await expect(open({ claimant }).claim()).rejects.toThrow(/log of shard 0, not 1/);
    });

    test("shows its last claim to a look from outside", async () => {
      const stream = store.open();
      expect(await inspectTail(stream)).toBeUndefined();
      await write(open(), "a", "b");
      expect(await inspectTail(stream)).toMatchObject({
        lastId: { epoch: 1, seq: 2 },
        claim: { id: { epoch: 1, seq: 0 }, claimant: { instance: "one", shards: 2 } },
      });
      await open(as("two")).claim();
      expect(await inspectTail(stream)).toMatchObject({
        lastId: { epoch: 2, seq: 0 },
        claim: { claimant: { instance: "two" } },
      });
      await stream.close();
    });

    test("siblings may be created beside claims, never beside a batch", async () => {
      const stream = store.open();
      expect(await mayCreateStreams([stream])).toBe(true);
      await open().claim();
      expect(await mayCreateStreams([stream])).toBe(true);
      await write(open(as("two")), "a");
      await open(as("three")).claim();
      expect(await mayCreateStreams([stream])).toBe(false);
      await stream.close();
    });
  });
}
