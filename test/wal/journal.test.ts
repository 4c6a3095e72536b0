/** How a journal handles lost replies, outages and restarts: every fault that the log in memory can inject. */
import { expect, test } from "vitest";
import type { StreamJournal } from "../../src/wal/journal.ts";
import { MemoryStore } from "../../src/wal/memory.ts";
import type { JournalTimer } from "../../src/wal/retry-with-deadline.ts";
import type { LogStream } from "../../src/wal/wal.ts";
import { makeJournal, replayAll, write } from "./journal-contract.ts";

const X = Buffer.from("x");

async function start(): Promise<{ store: MemoryStore; journal: StreamJournal }> {
  const store = new MemoryStore("memory:{g1s0}");
  const journal = makeJournal(store.open(), { deadlineMs: 50 });
  await write(journal, "a");
  return { store, journal };
}

/** The ids and bodies that a new owner reads. */
async function recovered(store: MemoryStore): Promise<string[]> {
  const journal = makeJournal(store.open(), {
    claimant: { instance: "later", generation: 1, shard: 0, shards: 2 },
  });
  await journal.claim();
  return (await replayAll(journal)).map(
    ({ id, body }) => `${id.epoch}-${id.seq} ${Buffer.from(body).toString()}`,
  );
}

test("an append whose reply was lost but which is in the log succeeds, and the next one follows it", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "drop_answer" });
  expect(await journal.append(1, 1, X)).toMatchObject({ id: { epoch: 1, seq: 2 } });
  expect(await journal.append(1, 1, X)).toMatchObject({ id: { epoch: 1, seq: 3 } });
  expect(await recovered(store)).toEqual(["1-1 a", "1-2 x", "1-3 x"]);
});

test("an append that is not in the log is lost, and the journal appends nothing more", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "fail_before" });
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "append_lost" });
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "append_lost" });
  expect(await recovered(store)).toEqual(["1-1 a"]);
});

test("a refused append is lost, with the reason", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "refuse" });
  await expect(journal.append(1, 1, X)).rejects.toThrow(
    /1-2 was not appended: .*refused by an injected fault/,
  );
});

test.each([
  ["it is there", true],
  ["it is not there", false],
])("a promise that never settles ends at the journal's deadline: %s", async (_, stored) => {
  const { store, journal } = await start();
  store.inject({ kind: "hang", stored });
  const append = journal.append(1, 1, X);
  if (stored) expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 } });
  else await expect(append).rejects.toMatchObject({ code: "append_lost" });
});

test("an append that arrives after its deadline is either fenced or kept by the next owner", async () => {
  for (const early of [true, false]) {
    const { store, journal } = await start();
    const arrival = Promise.withResolvers<void>();
    store.inject({ kind: "late", until: arrival.promise });
    await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "append_lost" });
    const next = makeJournal(store.open());
    if (early) {
      arrival.resolve();
      await arrival.promise;
    }
    await next.claim();
    arrival.resolve();
    await arrival.promise;
    expect(store.entries.length).toBe(early ? 4 : 3);
    expect((await replayAll(next)).length).toBe(early ? 2 : 1);
  }
});

test("an append that is delivered twice is stored once", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "duplicate" });
  await journal.append(1, 1, X);
  expect(await recovered(store)).toEqual(["1-1 a", "1-2 x"]);
});

test("an append found after a restart of the store is settled only by the next one", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "drop_answer" });
  const append = journal.append(5, 1, X);
  store.restart();
  expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: false });
  // The entry may be only in the page cache: readers must not see it, but the owner still owns the log.
  expect((await journal.read(undefined, 1000)).length).toBe(1);
  await journal.confirmOwner();
  expect(await journal.append(6, 0, Buffer.alloc(0))).toMatchObject({
    id: { epoch: 1, seq: 3 },
    settled: true,
  });
  expect((await journal.read(undefined, 1000)).length).toBe(3);
  expect(await recovered(store)).toEqual(["1-1 a", "1-2 x", "1-3 "]);
});

test("an unsettled append that a second restart loses is lost, and nothing is appended after the gap", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "drop_answer" });
  const append = journal.append(5, 1, X);
  store.restart();
  expect(await append).toMatchObject({ settled: false });
  store.loseTail(1);
  store.restart();
  await expect(journal.append(6, 1, X)).rejects.toMatchObject({ code: "append_lost" });
  expect(await recovered(store)).toEqual(["1-1 a"]);
});

test("a store that has lost its tail is detected before the next append", async () => {
  const { store, journal } = await start();
  store.loseTail(1);
  store.restart();
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "log_lost_data" });
  expect(store.entries.length).toBe(1);
});

test("a missing store counts as data loss, not as a new log", async () => {
  const { store, journal } = await start();
  store.vanish();
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "log_lost_data" });
});

test("is not available while an append waits for the log", async () => {
  const { store, journal } = await start();
  store.reachable = false;
  const append = journal.append(5, 1, X);
  await expect.poll(() => journal.available).toBe(false);
  expect(journal.problem).toContain("does not answer");
  await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "log_unavailable" });
  store.reachable = true;
  await expect(append).rejects.toMatchObject({ code: "append_lost" });
  expect(journal.available).toBe(true);
});

test("another owner's claim during an append fences, and is not a lost append", async () => {
  const { store, journal } = await start();
  store.inject({ kind: "fail_before" });
  store.reachable = false;
  const append = journal.append(1, 1, X);
  await expect.poll(() => journal.available).toBe(false);
  store.reachable = true;
  store.takeFault();
  await makeJournal(store.open()).claim();
  await expect(append).rejects.toMatchObject({ code: "fenced" });
});

test("a claim waits for a log that does not answer, and looks up a lost reply", async () => {
  const { store } = await start();
  store.reachable = false;
  const journal = makeJournal(store.open());
  const claim = journal.claim();
  await expect.poll(() => journal.available).toBe(false);
  store.inject({ kind: "fail_before" }, { kind: "drop_answer" });
  store.reachable = true;
  await claim;
  expect(journal.available).toBe(true);
  expect(journal.epoch).toBe(2);
  expect(store.entries.length).toBe(3);
});

test("a claim found after a restart of the store is followed by another claim", async () => {
  const { store } = await start();
  store.inject({ kind: "hang", stored: true });
  const journal = makeJournal(store.open(), { deadlineMs: 300 });
  const claim = journal.claim();
  await expect.poll(() => store.entries.length, { interval: 1 }).toBe(3);
  store.restart();
  await claim;
  expect(journal.epoch).toBe(3);
  expect((await replayAll(journal)).length).toBe(1);
});

test("a claim takes the epoch of an earlier claim that a restart lost", async () => {
  const { store } = await start();
  await makeJournal(store.open()).claim();
  const stream = store.open();
  const find = stream.find.bind(stream);
  stream.find = (id) => {
    // The earlier claim was only in the page cache and is lost.
    if (store.restarts === 0) {
      store.loseTail(1);
      store.restart();
    }
    return find(id);
  };
  store.inject({ kind: "fail_before" });
  const journal = makeJournal(stream);
  await journal.claim();
  expect(journal.epoch).toBe(2);
  expect((await replayAll(journal)).length).toBe(1);
});

test("a claim takes the epoch of an earlier claim that a restart lost before it was sent", async () => {
  const { store } = await start();
  await makeJournal(store.open()).claim();
  const stream = store.open();
  const last = stream.last.bind(stream);
  stream.last = async () => {
    const newest = await last();
    // The entry that was read was only in the page cache and is lost; it was never acknowledged.
    if (store.restarts === 0) {
      store.loseTail(1);
      store.restart();
    }
    return newest;
  };
  const journal = makeJournal(stream);
  await journal.claim();
  expect(journal.epoch).toBe(2);
  expect((await replayAll(journal)).length).toBe(1);
});

test("closing ends every wait", async () => {
  const { store, journal } = await start();
  store.reachable = false;
  const append = journal.append(1, 1, X);
  await expect.poll(() => journal.available).toBe(false);
  await journal.close();
  await expect(append).rejects.toMatchObject({ code: "log_unavailable" });
});

test("a failed commit of an unresolvable store is never looked up", async () => {
  const store = new MemoryStore("memory:{g1s0}");
  const inner = store.open();
  let finds = 0;
  const stream: LogStream = {
    name: inner.name,
    resolvable: false,
    restarts: 0,
    last: () => inner.last(),
    read: (after, bytesMax) => inner.read(after, bytesMax),
    trim: (below, entriesMax) => inner.trim(below, entriesMax),
    close: () => inner.close(),
    append: (...entry) => inner.append(...entry),
    find: (id) => {
      finds += 1;
      return inner.find(id);
    },
  };
  const journal = makeJournal(stream);
  await write(journal, "a");
  store.inject({ kind: "drop_answer" });
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "append_lost" });
  expect(finds).toBe(0);
});

test("an owner may confirm itself while its own append is in flight", async () => {
  const { store, journal } = await start();
  const gate = Promise.withResolvers<void>();
  store.inject({ kind: "delay", until: gate.promise });
  const append = journal.append(1, 1, X);
  await journal.confirmOwner();
  gate.resolve();
  await append;
  store.inject({ kind: "hang", stored: true });
  const hanging = journal.append(1, 1, X);
  await expect(journal.confirmOwner()).resolves.toBeUndefined();
  await hanging;
});

test("the lease starts when the request was sent, not when it was answered", async () => {
  let nowMs = 100;
  const timer: JournalTimer = {
    monotonicMs: () => nowMs,
    timeMs: () => 0,
    after: () => () => undefined,
  };
  const store = new MemoryStore("memory:{g1s0}");
  const journal = makeJournal(store.open(), { timer });
  await write(journal);
  const gate = Promise.withResolvers<void>();
  store.inject({ kind: "delay", until: gate.promise });
  nowMs = 200;
  const append = journal.append(1, 1, X);
  nowMs = 900;
  gate.resolve();
  await append;
  expect(journal.exchangeAgeMs).toBe(700);
});

test.each([
  ["together with a restart of the store is no data loss: the log is read again", true, "append_lost"],
  ["without a restart is data loss", false, "log_lost_data"],
])("an entry that is lost between inspection and reading %s", async (_, restarts, code) => {
  const { store } = await start();
  const next = makeJournal(store.open(), {
    claimant: { instance: "later", generation: 1, shard: 0, shards: 2 },
  });
  await next.inspect();
  store.loseTail(1);
  if (restarts) store.restart();
  await expect(next.readAhead(() => {})).rejects.toMatchObject({ code });
});

test("a lost entry is no data loss either if the restart is noticed only by a later request", async () => {
  const { store } = await start();
  const stream = store.open();
  let restarts = 0;
  Object.defineProperty(stream, "restarts", { get: () => restarts });
  const next = makeJournal(stream, {
    claimant: { instance: "later", generation: 1, shard: 0, shards: 2 },
  });
  await next.inspect();
  store.loseTail(1);
  store.restart();
  const last = stream.last.bind(stream);
  stream.last = () => {
    restarts = store.restarts;
    return last();
  };
  await expect(next.readAhead(() => {})).rejects.toMatchObject({ code: "append_lost" });
});
