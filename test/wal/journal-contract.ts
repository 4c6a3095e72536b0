/** The contract of claims, hash chain and replay, which must hold over every store. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inspectTail, mayCreateStreams } from "../../src/wal/inspect-tail.ts";
import { type JournalOptions, StreamJournal } from "../../src/wal/journal.ts";
import { trimmedUpTo } from "../../src/wal/trimmed-log.ts";
import { type Batch, compareLogIds, type LogId, type LogStream } from "../../src/wal/wal.ts";
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

/** Claims, replays, and appends one batch per body. */
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

async function trimTo(journal: StreamJournal, below: LogId): Promise<void> {
  for (let portions = 0; await journal.trim(below); portions += 1) expect(portions).toBeLessThan(10);
}

export const as = (instance: string, shards = 2) => ({
  claimant: { instance, generation: 1, shard: 0, shards },
});

const text = (batches: readonly Batch[]): string[] => batches.map(({ body }) => Buffer.from(body).toString());

/** A stream with a pause between a claim's inspection and its append. */
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
    trim: (below, entriesMax) => stream.trim(below, entriesMax),
    close: () => stream.close(),
    append: async (...entry) => {
      reached.resolve();
      await released.promise;
      return stream.append(...entry);
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

    test("claims above the epoch floor of a resharded log", async () => {
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

    test("replays from a snapshot's position only if the log holds that very batch", async () => {
      const [a, b] = await write(open(), "a", "b", "c");
      const journal = open(as("two"));
      await journal.claim();
      const rest: Batch[] = [];
      await journal.replay((batch) => rest.push(batch), a);
      expect(text(rest)).toEqual(["b", "c"]);
      if (a === undefined || b === undefined) throw new Error("nothing was written");
      await expect(journal.replay(() => undefined, { id: a.id, hash: b.hash })).rejects.toMatchObject({
        code: "log_lost_data",
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

    test("keeps an append that arrives between a claimant's inspection and its claim", async () => {
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

    test("confirms its owner until another one claims", async () => {
      const journal = open();
      await write(journal, "a");
      const untilMs = performance.now();
      const confirmedAtMs = () => performance.now() - journal.exchangeAgeMs;
      expect(confirmedAtMs()).toBeLessThan(untilMs);
      await journal.confirmOwner();
      expect(confirmedAtMs()).toBeGreaterThanOrEqual(untilMs);
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

    test("a reader detects a missing batch", async () => {
      await write(open(), "a", "b", "c");
      await store.rewrite((entries) => entries.toSpliced(2, 1));
      await expect(open().read({ epoch: 1, seq: 1 }, 1 << 20)).rejects.toMatchObject({ code: "log_corrupt" });
    });

    describe("trimmed", () => {
      /** So many that even a store that drops only whole nodes drops some. */
      const bodies = Array.from({ length: 200 }, (_, no) => `${no} ${"x".repeat(500)}`);

      test("replays from a kept snapshot, but from no older position", async () => {
        const owner = open();
        const written = await write(owner, ...bodies);
        const [older, kept] = [written[20], written[150]] as [Batch, Batch];
        await trimTo(owner, kept.id);
        const next = open(as("two"));
        await next.claim();
        const rest: Batch[] = [];
        await next.replay((batch) => rest.push(batch), kept);
        expect(text(rest)).toEqual(bodies.slice(151));
        await expect(next.replay(() => undefined, older)).rejects.toMatchObject({
          code: "log_lost_data",
          message: expect.stringMatching(/it held 1-21 before and no longer does, but begins at 1-\d+\./),
        });
        await expect(replayAll(next)).rejects.toMatchObject({
          code: "log_corrupt",
          message: expect.stringMatching(/begins with a batch: 1-\d+, which it follows, is missing/),
        });
      });

      test("a log trimmed up to an epoch's start is not mistaken for one that starts there", async () => {
        await write(open(), ...bodies);
        const owner = open(as("two"));
        const [first] = await write(owner, "a", "b");
        if (first === undefined) throw new Error("nothing was written");
        await store.rewrite((entries) => entries.filter(({ id }) => id.epoch === 2));
        const next = open(as("three"));
        await next.claim();
        await expect(replayAll(next)).rejects.toThrow(/bad entry 2-1: it follows 1-200, which is missing/);
        await expect(next.read(undefined, 1 << 20)).rejects.toMatchObject({
          code: "log_trimmed",
          message: expect.stringContaining("was trimmed up to 1-200"),
        });
        expect(text(await next.read({ epoch: 1, seq: 200 }, 1 << 20))).toEqual(["a", "b"]);
        await next.replay(() => undefined, first);
      });

      test("a reader gets TrimmedError for missing batches, and can read on from the start of the log", async () => {
        const owner = open();
        const written = await write(owner, ...bodies);
        await trimTo(owner, { epoch: 1, seq: 150 });
        const next = open(as("two"));
        await expect(next.read(written[0]?.id, 1 << 20)).rejects.toMatchObject({
          code: "log_trimmed",
          message: expect.stringMatching(/was trimmed up to 1-\d+, and was read up to 1-1 only$/),
        });
        const upTo = await trimmedUpTo(store.open());
        if (upTo === undefined) throw new Error("nothing was trimmed");
        expect(text(await next.read(upTo, 1))).toEqual(expect.arrayContaining([bodies[upTo.seq]]));
      });

      test("a trim during another server's inspection is no data loss", async () => {
        const owner = open();
        const written = await write(owner, ...bodies);
        const [older, kept] = [written[20], written[150]] as [Batch, Batch];
        const [behindSnapshot, fromBeginning, later] = [open(as("two")), open(as("two")), open(as("two"))];
        await behindSnapshot.inspect();
        await fromBeginning.inspect();
        await trimTo(owner, kept.id);
        const gone = { code: "append_lost", message: expect.stringContaining("the log must be read again") };
        await expect(behindSnapshot.readAhead(() => undefined, older)).rejects.toMatchObject(gone);
        await expect(fromBeginning.readAhead(() => undefined)).rejects.toMatchObject(gone);
        await later.inspect();
        const lost = { code: "log_lost_data", message: expect.stringContaining("it held 1-21 before") };
        await expect(later.readAhead(() => undefined, older)).rejects.toMatchObject(lost);
        await expect(later.readAhead(() => undefined)).rejects.toMatchObject({ code: "log_corrupt" });
        await expect(later.readAhead(() => undefined, kept)).resolves.toBeUndefined();
      });

      test("a log trimmed to claims only is not mistaken for a new one while a witness exists", async () => {
        const [, b] = await write(open(), "a", "b");
        await open(as("two")).claim();
        await store.rewrite((entries) => entries.filter(({ id }) => id.epoch === 2));
        if (b === undefined) throw new Error("nothing was written");
        const next = open({ ...as("three"), witnesses: [b] });
        await next.claim();
        await expect(replayAll(next)).rejects.toThrow(/lost data: it held 1-2 before/);
      });

      test("appends continue during the trim", async () => {
        const owner = open();
        await write(owner, ...bodies);
        const below = { epoch: 1, seq: 180 };
        const appending = (async () => {
          for (let no = 0; no < 50; no += 1) await owner.append(5000 + no, 1, Buffer.from(`new ${no}`));
        })();
        await trimTo(owner, below);
        await appending;
        const entries = await readAll(store.open());
        expect(entries[0] && compareLogIds(entries[0].id, below)).toBeLessThanOrEqual(0);
        expect(entries.length).toBeLessThan(120);
        expect(entries.at(-1)?.id).toEqual({ epoch: 1, seq: 250 });
      });

      test("a former owner trims nothing and is fenced", async () => {
        const old = open();
        await write(old, ...bodies);
        await open(as("two")).claim();
        await expect(old.trim({ epoch: 1, seq: 150 })).rejects.toMatchObject({ code: "fenced" });
        await expect(old.append(1, 1, Buffer.from("b"))).rejects.toMatchObject({ code: "fenced" });
        expect((await readAll(store.open())).length).toBe(202);
      });

      test("trimming is limited to durable entries", async () => {
        const owner = open();
        await write(owner, "a");
        await expect(owner.trim({ epoch: 1, seq: 2 })).rejects.toThrow("only durable entries");
      });
    });

    test("allows one append in flight, and none before replay", async () => {
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

    test("refuses another number of shards and names the recorded one, also when the claim was trimmed", async () => {
      await write(open(), "a", "b");
      const refused = /SHARDS=2.*started with SHARDS=3.*Nothing is lost/;
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

    test("shows its last claim to an inspection that does not claim", async () => {
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

    test("missing streams may be created if siblings hold only claims, never if one holds a batch", async () => {
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
