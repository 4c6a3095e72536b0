import { expect, test } from "vitest";
import { StreamJournal } from "../../../src/wal/journal.ts";
import { MemoryStore } from "../../../src/wal/memory.ts";
import {
  account,
  isPending,
  MemoryCluster,
  mustPost,
  type OneShard,
  recordsOf,
  startShard,
  transfer,
} from "./memory-shards.ts";

async function startWithMoney(): Promise<OneShard & { store: MemoryStore }> {
  const store = new MemoryStore("log");
  const shard = await startShard(store);
  await mustPost(shard.gateway, account("a"));
  await mustPost(shard.gateway, account("b"));
  await mustPost(shard.gateway, transfer("@issuance", "a", 100));
  return { ...shard, store };
}

function posted({ gateway }: OneShard, id: string): Promise<number | undefined> {
  return gateway.account("acme", id).then((view) => view?.posted);
}

test("neither the reply to a command nor the result of a read leaves before its batch is durable", async () => {
  const shard = await startWithMoney();
  const gate = Promise.withResolvers<void>();
  shard.store.inject({ kind: "delay", until: gate.promise });
  const answer = shard.gateway.submit(transfer("a", "@sink", 30));
  const touched = posted(shard, "a");
  const untouched = posted(shard, "b");
  expect(await untouched).toBe(0);
  expect(await isPending(answer)).toBe(true);
  expect(await isPending(touched)).toBe(true);
  gate.resolve();
  expect(await answer).toMatchObject({ outcome: { ok: true, debitPosted: 70 } });
  expect(await touched).toBe(70);
});

test("commands that arrive during an append form one next batch", async () => {
  const shard = await startWithMoney();
  const gate = Promise.withResolvers<void>();
  shard.store.inject({ kind: "delay", until: gate.promise });
  const before = shard.store.entries.length;
  const answers = [shard.gateway.submit(transfer("a", "@sink", 1))];
  expect(await isPending(answers[0] as Promise<unknown>)).toBe(true);
  for (let i = 0; i < 50; i++) answers.push(shard.gateway.submit(transfer("a", "@sink", 1)));
  expect(await isPending(answers[50] as Promise<unknown>)).toBe(true);
  gate.resolve();
  await Promise.all(answers);
  expect(shard.store.entries.length).toBe(before + 2);
});

test("an append whose answer was lost is looked up, and callers get its real outcome", async () => {
  const shard = await startWithMoney();
  shard.store.inject({ kind: "drop_answer" });
  expect(await shard.gateway.submit(transfer("a", "b", 30))).toMatchObject({ outcome: { ok: true } });
  expect(await posted(shard, "b")).toBe(30);
});

test("a lost append stops the shard: callers learn that the outcome is unknown, and the log decides", async () => {
  const shard = await startWithMoney();
  shard.store.inject({ kind: "fail_before" });
  const answer = shard.gateway.submit(transfer("a", "b", 30, "k"));
  const read = posted(shard, "b");
  await expect(answer).rejects.toMatchObject({ code: "outcome_unknown" });
  await expect(read).rejects.toMatchObject({ code: "log_unavailable" });
  expect(await shard.exited).toMatchObject({ reason: "append_lost" });
  const next = await startShard(shard.store);
  expect(await posted(next, "a")).toBe(100);
  expect(await next.gateway.submit(transfer("a", "b", 30, "k"))).toMatchObject({ replayed: false });
});

test("an append found after a restart of the store is answered only when a later append is durable", async () => {
  const shard = await startWithMoney();
  const gate = Promise.withResolvers<void>();
  shard.store.inject({ kind: "hang", stored: true }, { kind: "delay", until: gate.promise });
  const before = shard.store.entries.length;
  const answer = shard.gateway.submit(transfer("a", "b", 30));
  await expect.poll(() => shard.store.entries.length, { interval: 1 }).toBe(before + 1);
  shard.store.restart();
  const read = posted(shard, "b");
  // The append's deadline expires, its batch is found, and an empty batch after it is being appended.
  await expect.poll(() => shard.host.stats().position, { interval: 1 }).toBe("0:1-5");
  expect(await isPending(answer)).toBe(true);
  expect(await isPending(read)).toBe(true);
  gate.resolve();
  expect(await answer).toMatchObject({ outcome: { ok: true }, position: "0:1-4" });
  expect(await read).toBe(30);
  // The empty batch has used a sequence number; the next batch continues after it.
  expect(await shard.gateway.submit(transfer("a", "b", 1, "k"))).toMatchObject({ position: "0:1-6" });
  expect(await shard.gateway.submit(transfer("a", "b", 1, "k"))).toMatchObject({
    position: "0:1-6",
    replayed: true,
  });
});

test("a shard whose log another server has claimed sends no more replies", async () => {
  const shard = await startWithMoney();
  const claimant = { instance: "two", generation: 1, shard: 0, shards: 1 };
  const stream = shard.store.open();
  await new StreamJournal({ stream, claimant, witnesses: [], mayCreate: false }).claim();
  const answer = shard.gateway.submit(transfer("a", "b", 30));
  await expect(answer).rejects.toMatchObject({ code: "outcome_unknown" });
  expect(await shard.exited).toMatchObject({ reason: "fenced" });
});

test("a server that takes a log over waits one lease, one that restarts its own shard does not", async () => {
  const store = new MemoryStore("log");
  const first = await startShard(store, "one");
  first.host.control({ type: "stop" });
  expect(await first.exited).toMatchObject({ reason: "stopped" });
  const startedMs = performance.now();
  await startShard(store, "one");
  const ownMs = performance.now() - startedMs;
  await startShard(store, "two");
  expect(performance.now() - startedMs - ownMs).toBeGreaterThan(900);
  expect(ownMs).toBeLessThan(900);
});

test("20 requests at once with one key are one transfer and 20 equal answers", async () => {
  const shard = await startWithMoney();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => shard.gateway.submit(transfer("a", "b", 30, "once"))),
  );
  expect(answers.filter((answer) => "replayed" in answer && !answer.replayed).length).toBe(1);
  expect(new Set(answers.map((answer) => JSON.stringify({ ...answer, replayed: true }))).size).toBe(1);
  expect(await posted(shard, "b")).toBe(30);
});

test("I11: a key keeps its outcome, also a rejection, after the balance has grown and the shard has restarted", async () => {
  const shard = await startWithMoney();
  const refused = await shard.gateway.submit(transfer("b", "a", 5, "early"));
  expect(refused).toMatchObject({ outcome: { ok: false, code: "insufficient_funds" } });
  await mustPost(shard.gateway, transfer("a", "b", 50));
  expect(await shard.gateway.submit(transfer("b", "a", 5, "early"))).toEqual({ ...refused, replayed: true });
  shard.host.control({ type: "stop" });
  await shard.exited;
  const next = await startShard(shard.store);
  expect(await next.gateway.submit(transfer("b", "a", 5, "early"))).toEqual({ ...refused, replayed: true });
  expect(await next.gateway.submit(transfer("b", "a", 6, "early"))).toEqual({
    refused: "idempotency_key_reused",
  });
});

test("a UUIDv7 key from before the window is refused without a record", async () => {
  const store = new MemoryStore("log");
  const madeAtMs = 0x01890a5dac96;
  const key = "01890a5d-ac96-774b-bcce-b302099a8057";
  const shard = await startShard(store, "one", () => madeAtMs + 25 * 60 * 60 * 1000);
  const before = store.entries.length;
  const answer = await shard.gateway.submit(transfer("@x", "a", 1, key));
  expect(answer).toEqual({ refused: "idempotency_key_expired" });
  expect(store.entries.length).toBe(before);
});

test("a shard that fails on a control message ends in an orderly way, and its thread survives", async () => {
  const { host, exited } = await startShard(new MemoryStore("s0"));
  // A channel end that cannot be opened.
  host.control({ type: "channel", party: { kind: "archive" }, end: undefined as never });
  expect((await exited).reason).toBe("crashed");
});

test("a past balance that was shown stays the same, even after the clock was set back", async () => {
  const store = new MemoryStore("s0");
  const shownMs = 5_000;
  const cluster = await MemoryCluster.start([store], { now: () => shownMs - 1_000 });
  await mustPost(cluster.gateway, account("alice"));
  const answered = mustPost(cluster.gateway, transfer("@issuance", "alice", 1));
  // One read with an open batch, and one without.
  for (let time = 0; time < 2; time++) {
    await cluster.links[0]?.ask("acme", ["tick", shownMs, "alice"]);
    await answered;
    const shown = recordsOf(store, 0).length;
    await mustPost(cluster.gateway, transfer("@issuance", "alice", 1));
    const later = recordsOf(store, 0).slice(shown);
    expect(later.filter(({ timeMs }) => timeMs <= shownMs)).toEqual([]);
  }
  await cluster.stop(0);
});

test("logged times never go back, whatever the clock does", async () => {
  const store = new MemoryStore("log");
  let nowMs = 50_000;
  // No time passes; only the wall clock moves.
  const { gateway } = await MemoryCluster.start([store], { now: () => nowMs, uptime: () => 0 });
  const logged: number[] = [];
  for (const showsMs of [50_000, 10_000, 90_000]) {
    nowMs = showsMs;
    const answer = await gateway.submit(account(`at-${showsMs}`));
    if ("outcome" in answer) logged.push(answer.timeMs);
  }
  expect(logged).toEqual([50_000, 50_000, 90_000]);
});

test("a batch is answered index for index, and one bad item does not fail the others", async () => {
  const shard = await startWithMoney();
  const { items, positions } = await shard.gateway.submitTransfers([
    transfer("a", "b", 60),
    transfer("a", "b", 60),
    transfer("a", "nobody", 1),
    transfer("b", "a", 10, "k"),
    transfer("b", "a", 10, "k"),
    transfer("b", "a", 11, "k"),
  ]);
  expect(items.map((item) => ("code" in item ? item.code : "ok"))).toEqual([
    "ok",
    "insufficient_funds",
    "account_not_found",
    "ok",
    "ok",
    "idempotency_key_reused",
  ]);
  expect(items[3]).toEqual(items[4]);
  expect(positions).toEqual(["0:1-4"]);
  expect(await posted(shard, "b")).toBe(50);
});

test("a shard that is told to stop answers all requests that were sent to it, also those in transit", async () => {
  const cluster = await MemoryCluster.start([new MemoryStore("log")]);
  const { gateway } = cluster;
  await mustPost(gateway, account("a"));
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    const answer = gateway.submit(transfer("@issuance", "a", 1));
    answer.catch(() => {});
    answers.push(answer);
    if (i === 10) cluster.shard(0).host.control({ type: "stop" });
    if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const codes = (await Promise.allSettled(answers)).map((each) =>
    each.status === "fulfilled" ? "done" : (each.reason as { code: string }).code,
  );
  expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => "done"));
  expect(codes).not.toContain("outcome_unknown");
  expect(codes.at(-1)).toBe("log_unavailable");
});
