/** A log that has lost its end gets it back from copies of its batches, and only from proven ones. */
import { describe, expect, test } from "vitest";
import {
  type BatchCopies,
  claimEpochs,
  compareEnd,
  lacks,
  planRepair,
  repairLog,
} from "../../src/wal/log-repair.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import { type Batch, compareLogIds, formatLogId, type LogStream } from "../../src/wal/wal.ts";
import { as, makeJournal, replayAll, write } from "./journal-contract.ts";
import { readAll } from "./log-stream-contract.ts";

const ORIGIN = { generation: 1, shard: 0, shards: 2 };

function copiesOf(batches: readonly Batch[]): BatchCopies {
  return {
    newest: (atMost) => batches.findLast(({ id }) => compareLogIds(id, atMost) <= 0),
    after: (after) => batches.filter(({ id }) => compareLogIds(id, after) > 0),
  };
}

/** Three owners: 1-0 to 1-2, 2-0 without a batch, 3-0 to 3-2. */
async function written(): Promise<{ store: MemoryStore; batches: Batch[] }> {
  const store = new MemoryStore("log");
  const batches = await write(makeJournal(store.open(), as("one")), "a", "b");
  await write(makeJournal(store.open(), as("two")));
  batches.push(...(await write(makeJournal(store.open(), as("three")), "c", "d")));
  return { store, batches };
}

async function repair(stream: LogStream, copies: BatchCopies) {
  const end = await compareEnd(stream, copies);
  const plan = planRepair(end, copies, ORIGIN);
  await repairLog(stream, end, copies, ORIGIN);
  return plan;
}

const idsIn = (store: MemoryStore) => store.entries.map(({ id }) => formatLogId(id));
const batchesIn = (store: MemoryStore) => store.entries.filter(({ id }) => id.seq > 0);
const ALL = ["1-0", "1-1", "1-2", "2-0", "3-0", "3-1", "3-2"];

describe("repair", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])("brings back the newest %i entries, claims included", async (count) => {
    const { store, batches } = await written();
    const before = batchesIn(store);
    store.loseTail(count);
    await repair(store.open(), copiesOf(batches));
    // A claim at the end would be of an owner that wrote nothing: nobody knows of it.
    expect(idsIn(store)).toEqual(ALL);
    expect(batchesIn(store)).toEqual(before);
    const next = makeJournal(store.open(), { ...as("four"), witnesses: batches });
    await next.claim();
    expect(await replayAll(next)).toEqual(batches);
    expect((await next.append(2000, 1, Buffer.from("e"))).id).toEqual({ epoch: 4, seq: 1 });
  });

  test("counts what it appends", async () => {
    const { store, batches } = await written();
    store.loseTail(4);
    expect(await repair(store.open(), copiesOf(batches))).toEqual({
      batches: 2,
      records: 2,
      claims: 2,
      from: { epoch: 3, seq: 1 },
      to: { epoch: 3, seq: 2 },
      obstacle: undefined,
    });
    expect(await repair(store.open(), copiesOf(batches))).toMatchObject({ batches: 0, claims: 0 });
  });

  test.each([1, 2, 3, 4])("is finished by another run if it ends after %i entries", async (count) => {
    const { store, batches } = await written();
    const before = batchesIn(store);
    store.loseTail(6);
    const stream = store.open();
    let appended = 0;
    const interrupted: LogStream = {
      name: stream.name,
      resolvable: false,
      restarts: 0,
      last: () => stream.last(),
      find: (id) => stream.find(id),
      read: (after, bytesMax) => stream.read(after, bytesMax),
      trim: (below, entriesMax) => stream.trim(below, entriesMax),
      close: () => stream.close(),
      append: async (...entry) => {
        if (appended++ === count) throw new Error("killed");
        await stream.append(...entry);
      },
    };
    await expect(repair(interrupted, copiesOf(batches))).rejects.toThrow("killed");
    expect(idsIn(store)).toHaveLength(1 + count);
    await repair(store.open(), copiesOf(batches));
    expect(idsIn(store)).toEqual(ALL);
    expect(batchesIn(store)).toEqual(before);
  });

  test("outlives lost replies of the store, and appends nothing twice", async () => {
    const { store, batches } = await written();
    store.loseTail(5);
    store.inject({ kind: "drop_answer" }, { kind: "fail_before" }, { kind: "duplicate" });
    await repair(store.open(), copiesOf(batches));
    expect(idsIn(store)).toEqual(ALL);
  });

  test("stops if the store restarts, since that may have lost what was appended before", async () => {
    const { store, batches } = await written();
    store.loseTail(2);
    const stream = store.open();
    const copies = copiesOf(batches);
    const end = await compareEnd(stream, copies);
    const next = repairLog(stream, end, copies, ORIGIN, () => store.restart());
    await expect(next).rejects.toMatchObject({ code: "append_lost" });
    expect(idsIn(store)).toEqual(ALL.slice(0, -1));
  });

  test("appends nothing after a copy that is not proven", async () => {
    const { store, batches } = await written();
    store.loseTail(6);
    const damaged = batches.map((batch, no) => (no === 2 ? { ...batch, body: Buffer.from("x") } : batch));
    expect(await repair(store.open(), copiesOf(damaged))).toMatchObject({
      batches: 2,
      obstacle: "the copy of 3-1 is damaged, or copies before it are missing",
    });
    // Not the claims before it either.
    expect(idsIn(store)).toEqual(["1-0", "1-1", "1-2"]);
  });

  test("appends nothing after a missing copy", async () => {
    const { store, batches } = await written();
    store.loseTail(6);
    expect(await repair(store.open(), copiesOf(batches.toSpliced(1, 1)))).toMatchObject({
      batches: 1,
      obstacle: "the copy of 3-1 is damaged, or copies before it are missing",
    });
    expect(idsIn(store)).toEqual(["1-0", "1-1"]);
  });

  test("changes nothing if a log with a longer history than its copies lacks nothing", async () => {
    const { store, batches } = await written();
    expect(await repair(store.open(), copiesOf(batches.slice(0, 2)))).toMatchObject({ batches: 0 });
    expect(await repair(store.open(), copiesOf([]))).toMatchObject({ batches: 0 });
    expect(idsIn(store)).toEqual(ALL);
  });

  test("refuses a log that was claimed after it had lost batches", async () => {
    const { store, batches } = await written();
    store.loseTail(1);
    await write(makeJournal(store.open(), as("a server that knew nothing of it")));
    expect(await repair(store.open(), copiesOf(batches))).toMatchObject({
      batches: 0,
      obstacle: "the log was claimed (4-0) after it had lost 3-2",
    });
    expect(idsIn(store).at(-1)).toBe("4-0");
  });

  test("refuses a log that has other batches where it has lost some", async () => {
    const { store, batches } = await written();
    store.loseTail(5);
    await write(makeJournal(store.open(), as("a server that knew nothing of it")), "other");
    const { end, plan } = await (async () => {
      const found = await compareEnd(store.open(), copiesOf(batches));
      return { end: found, plan: planRepair(found, copiesOf(batches), ORIGIN) };
    })();
    expect(end).toMatchObject({ common: { id: { epoch: 1, seq: 1 } }, newest: { id: { epoch: 2, seq: 1 } } });
    expect(plan).toMatchObject({ batches: 0, obstacle: "after 1-1 the log has other batches, up to 2-1" });
  });

  test.each([1, 2, 3])("repairs the newest %i entries of a trimmed log", async (count) => {
    const { store, batches } = await written();
    store.trim({ epoch: 2, seq: 0 }, 100);
    const before = batchesIn(store);
    store.loseTail(count);
    await repair(store.open(), copiesOf(batches));
    expect(idsIn(store)).toEqual(["2-0", "3-0", "3-1", "3-2"]);
    expect(batchesIn(store)).toEqual(before);
  });

  test("does not take a copy for the one that a trimmed log names", async () => {
    const { store, batches } = await written();
    store.trim({ epoch: 3, seq: 0 }, 100);
    store.loseTail(1);
    const others = copiesOf(batches.filter(({ id }) => id.epoch < 3).slice(0, 1));
    expect((await compareEnd(store.open(), others)).common.id).toEqual({ epoch: 0, seq: 0 });
  });

  test("a log whose owner lives is not written to by both", async () => {
    const { store, batches } = await written();
    store.loseTail(2);
    const stream = store.open();
    const copies = copiesOf(batches);
    const end = await compareEnd(stream, copies);
    const owner = makeJournal(store.open(), as("four"));
    await write(owner, "mine");
    await expect(repairLog(stream, end, copies, ORIGIN)).rejects.toMatchObject({ code: "fenced" });
    expect(idsIn(store).slice(-2)).toEqual(["4-0", "4-1"]);
  });
});

test("claims up to an epoch leave no gap, and are made once", async () => {
  const { store } = await written();
  store.loseTail(6);
  const upTo = { epoch: 4, instance: "operator", timeMs: 5 };
  await claimEpochs(store.open(), ORIGIN, upTo);
  await claimEpochs(store.open(), ORIGIN, { ...upTo, timeMs: 6 });
  expect(idsIn(store)).toEqual(["1-0", "2-0", "3-0", "4-0"]);
  const next = makeJournal(store.open(), as("next"));
  expect(await next.claim()).toMatchObject({ timeMs: 5, claimant: { instance: "operator", shards: 2 } });
  expect(await replayAll(next)).toEqual([]);
});

test("a stream that does not exist is created by its first claim", async () => {
  const { store, batches } = await written();
  const before = await readAll(store.open());
  store.vanish();
  await repair(store.open(), copiesOf(batches));
  const after = await readAll(store.open());
  expect(after.filter(({ id }) => id.seq > 0)).toEqual(before.filter(({ id }) => id.seq > 0));
});

test("a log lacks a batch that is missing or another one, but not one that was trimmed", async () => {
  const { store, batches } = await written();
  const [first, second, third, fourth] = batches as [Batch, Batch, Batch, Batch];
  store.trim(third.id, 100);
  expect(await lacks(store.open(), first)).toBe(false);
  expect(await lacks(store.open(), fourth)).toBe(false);
  expect(await lacks(store.open(), { id: fourth.id, hash: second.hash })).toBe(true);
  store.loseTail(1);
  expect(await lacks(store.open(), fourth)).toBe(true);
});
