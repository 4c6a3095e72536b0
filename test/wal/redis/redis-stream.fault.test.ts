/** The log on a real Redis that is killed, torn, replaced, emptied or reconfigured to weaker settings. */
import { cpSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OpenLogOptions, openLogStream } from "../../../src/wal/open.ts";
import { formatLogId, type LogStream } from "../../../src/wal/wal.ts";
import { RedisServer, type RedisServerOptions } from "../../support/redis.ts";
import { RedisProxy } from "../../support/redis-proxy.ts";
import { makeJournal, replayAll, write } from "../journal-contract.ts";

const KEY = "daybook:{g1s0}:wal";
const X = Buffer.from("x");

let opened: LogStream[];
let servers: RedisServer[];
let proxies: RedisProxy[];

beforeEach(() => {
  opened = [];
  servers = [];
  proxies = [];
});

afterEach(async () => {
  for (const stream of opened) await stream.close();
  for (const proxy of proxies) proxy.close();
  for (const server of servers) await server.destroy();
});

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  servers.push(server);
  return server;
}

function open(url: string, options: Partial<OpenLogOptions> = {}): LogStream {
  const stream = openLogStream(url, { generation: 1, shard: 0, timeoutMs: 300, ...options });
  opened.push(stream);
  return stream;
}

const next = (url: string) =>
  makeJournal(open(url), { claimant: { instance: "next", generation: 1, shard: 0, shards: 2 } });

/** The ids that a new owner reads. */
async function recover(server: RedisServer): Promise<string[]> {
  const journal = next(server.url);
  await journal.claim();
  const ids = (await replayAll(journal)).map(({ id }) => formatLogId(id));
  await journal.close();
  return ids;
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => "it did not fail",
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error.message : String(error);
}

test.each([
  ["appendonly", "no", "yes"],
  ["appendfsync", "everysec", "always"],
  ["no-appendfsync-on-rewrite", "yes", "no"],
  ["maxmemory-policy", "allkeys-lru", "noeviction"],
])("a Redis with %s %s is refused in one line", async (parameter, value, wanted) => {
  const server = await start({ settings: { [parameter]: value } });
  const claim = makeJournal(open(server.url)).claim();
  await expect(claim).rejects.toMatchObject({ code: "log_misconfigured" });
  const message = await messageOf(claim);
  expect(message).toContain(`${parameter} is ${value}, must be ${wanted}`);
  expect(message).not.toContain("\n");
  expect(await server.client().exists(KEY)).toBe(0);
});

test("all problems are in one line; with weak durability allowed they are only reported", async () => {
  const server = await start({ settings: { appendfsync: "everysec", "maxmemory-policy": "allkeys-lru" } });
  const message = await messageOf(makeJournal(open(server.url)).claim());
  expect(message).toMatch(/appendfsync is everysec.*; maxmemory-policy is allkeys-lru/);
  const seen: (readonly string[])[] = [];
  const stream = open(server.url, {
    allowWeakDurability: true,
    onProblems: (problems) => seen.push(problems),
  });
  await write(makeJournal(stream), "a");
  expect(seen).toEqual([
    [expect.stringContaining("appendfsync"), expect.stringContaining("maxmemory-policy")],
  ]);
});

test("a weakened setting is detected at run time, by reads and by appends", async () => {
  const server = await start();
  const journals = [1, 2].map((shard) =>
    makeJournal(open(server.url, { shard, auditEveryMs: 0 }), {
      claimant: { instance: "one", generation: 1, shard, shards: 2 },
    }),
  );
  const [asking, appending] = journals;
  if (asking === undefined || appending === undefined) throw new Error("two journals were made");
  await write(asking, "a");
  await write(appending, "a");
  await server.client().config("SET", "appendfsync", "no");
  await expect(asking.confirmOwner()).rejects.toThrow(/appendfsync is no, must be always/);
  await expect(asking.append(1, 1, X)).rejects.toMatchObject({ code: "log_misconfigured" });
  // The check is sent with one append and stops the next one.
  await appending.append(1, 1, X);
  await expect(appending.append(1, 1, X)).rejects.toMatchObject({ code: "log_misconfigured" });
});

test("a master that becomes a replica is detected", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url, { auditEveryMs: 0 }));
  await write(journal, "a");
  await server.client().call("REPLICAOF", "127.0.0.1", "1");
  await expect(journal.confirmOwner()).rejects.toThrow(/slave, not a master/);
});

test("FLUSHALL counts as data loss, not as a new log", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a");
  await server.client().flushall();
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "log_lost_data" });
  expect(await server.client().exists(KEY)).toBe(0);
});

test("a repeated append of the same bytes succeeds; of other bytes it is fenced", async () => {
  const server = await start();
  const stream = open(server.url);
  await stream.append({ epoch: 1, seq: 0 }, X, true);
  await stream.append({ epoch: 1, seq: 0 }, X);
  await expect(stream.append({ epoch: 1, seq: 0 }, Buffer.from("y"))).rejects.toMatchObject({
    code: "fenced",
  });
  expect(await server.client().xlen(KEY)).toBe(1);
});

test("a foreign entry fences the owner and makes the next claim fail", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a");
  await server.client().xadd(KEY, "*", "who", "somebody");
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "fenced" });
  await expect(next(server.url).claim()).rejects.toMatchObject({ code: "log_corrupt" });
});

test("a new connection is fenced before it sends anything if another owner has appended", async () => {
  const server = await start();
  const stream = open(server.url);
  await write(makeJournal(stream), "a");
  await next(server.url).claim();
  await server.client().call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await expect
    .poll(() => stream.find({ epoch: 1, seq: 1 }).then(() => "", String))
    .toMatch(/another owner has written/);
  await expect(stream.append({ epoch: 9, seq: 0 }, X)).rejects.toMatchObject({ code: "fenced" });
});

test("when Redis is out of memory the append is lost, with the reason", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a");
  await server.client().config("SET", "maxmemory", "1");
  await expect(journal.append(1, 1, X)).rejects.toThrow(/OOM/);
  await server.client().config("SET", "maxmemory", "0");
  expect(await recover(server)).toEqual(["1-1"]);
});

test("a wrong password fails at once, without retries", async () => {
  const server = await start({ settings: { requirepass: "right" } });
  const url = `redis+unix://default:wrong@localhost${server.socket}`;
  const claim = makeJournal(open(url)).claim();
  await expect(claim).rejects.toMatchObject({ code: "log_misconfigured" });
  expect(await messageOf(claim)).toMatch(/refuses the login: WRONGPASS/);
  await expect(makeJournal(open(server.url)).claim()).rejects.toMatchObject({ code: "log_misconfigured" });
});

test.each(["cut_before_reply", "swallow_replies"] as const)(
  "%s: the append is found in the log, and the next one follows it",
  async (kind) => {
    const server = await start();
    const proxy = await RedisProxy.start(server);
    proxies.push(proxy);
    const journal = makeJournal(open(proxy.url));
    await write(journal, "a");
    const sprung = proxy.trapNextAppend(kind);
    const append = journal.append(1, 1, X);
    await sprung;
    expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: true });
    await journal.append(1, 1, X);
    expect(await recover(server)).toEqual(["1-1", "1-2", "1-3"]);
  },
);

test("an append whose request never arrives is certainly lost", async () => {
  const server = await start();
  const proxy = await RedisProxy.start(server);
  proxies.push(proxy);
  const journal = makeJournal(open(proxy.url));
  await write(journal, "a");
  const sprung = proxy.trapNextAppend("swallow_requests");
  const append = journal.append(1, 1, X);
  await sprung;
  await expect(append).rejects.toMatchObject({ code: "append_lost" });
  expect(await recover(server)).toEqual(["1-1"]);
});

test("if Redis is suspended during an append, its outcome is looked up after Redis resumes", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a");
  server.pause();
  const append = journal.append(1, 1, X);
  await expect.poll(() => journal.available).toBe(false);
  server.resume();
  // The append waited in the socket's buffer: Redis may execute it before or after the lookup.
  const outcome = await append.then(
    ({ id }) => formatLogId(id),
    () => "lost",
  );
  const ids = await recover(server);
  if (outcome !== "lost") expect(ids).toEqual(["1-1", outcome]);
});

test("after kill -9 of Redis, an append whose reply was lost is found, and settled by the next one", async () => {
  const server = await start();
  const proxy = await RedisProxy.start(server);
  proxies.push(proxy);
  const stream = open(proxy.url);
  const journal = makeJournal(stream);
  await write(journal, "a");
  const sprung = proxy.trapNextAppend("swallow_replies");
  const append = journal.append(1, 1, X);
  await sprung;
  await server.kill();
  await server.restart();
  expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: false });
  expect(stream.restarts).toBe(1);
  expect(await journal.append(1, 0, Buffer.alloc(0))).toMatchObject({ settled: true });
  expect(await recover(server)).toEqual(["1-1", "1-2", "1-3"]);
});

test("an unsettled append that a second crash loses is lost, and nothing is appended after the gap", async () => {
  const server = await start();
  const proxy = await RedisProxy.start(server);
  proxies.push(proxy);
  const journal = makeJournal(open(proxy.url));
  await write(journal, "a");
  const aof = join(server.dir, "appendonlydir");
  cpSync(aof, `${aof}.old`, { recursive: true });
  const sprung = proxy.trapNextAppend("swallow_replies");
  const append = journal.append(1, 1, X);
  await sprung;
  await server.restart();
  expect(await append).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: false });
  await server.kill();
  rmSync(aof, { recursive: true });
  cpSync(`${aof}.old`, aof, { recursive: true });
  await server.restart();
  await expect(journal.append(1, 1, X)).rejects.toMatchObject({ code: "append_lost" });
  expect(await recover(server)).toEqual(["1-1"]);
});

test("kill -9 of Redis under load, three times: no acknowledged batch is missing or duplicated", async () => {
  const server = await start();
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const journal = next(server.url);
    await write(journal);
    const enough = Promise.withResolvers<void>();
    const load = async (): Promise<never> => {
      for (let count = 0; ; count += 1) {
        const { id, settled } = await journal.append(count, 1, Buffer.alloc(2000));
        if (settled) acknowledged.push(formatLogId(id));
        if (count === 100) enough.resolve();
      }
    };
    // Attach the handler at once: the promise may reject before Redis is back.
    const outcome = load().catch((error: unknown) => error);
    await enough.promise;
    await server.kill();
    await server.restart();
    // The append in flight is either lost or found. If found, the load continues until another owner claims the log.
    const fence = next(server.url);
    await fence.claim();
    expect(await outcome).toMatchObject({ code: expect.stringMatching(/append_lost|fenced/) });
    await fence.close();
  }
  const ids = await recover(server);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => acknowledged.includes(id))).toEqual(acknowledged);
});

test("while Redis is down, the log is unavailable and a claim waits until the stream is closed", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a");
  await server.stop();
  await expect(journal.confirmOwner()).rejects.toMatchObject({ code: "log_unavailable" });
  const waiting = next(server.url);
  const claim = waiting.claim();
  const hopeless = next(server.url);
  const ended = hopeless.claim();
  await expect.poll(() => waiting.available || hopeless.available).toBe(false);
  await hopeless.close();
  await expect(ended).rejects.toMatchObject({ code: "log_unavailable" });
  await server.restart();
  await claim;
  expect((await replayAll(waiting)).length).toBe(1);
});

test("a restart of Redis between two appends is not an error", async () => {
  const server = await start();
  const stream = open(server.url);
  const journal = makeJournal(stream);
  await write(journal, "a");
  await server.restart();
  await expect
    .poll(() =>
      journal.confirmOwner().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  expect(stream.restarts).toBe(1);
  expect(await journal.append(1, 1, X)).toMatchObject({ id: { epoch: 1, seq: 2 }, settled: true });
});

test("a claim waits while Redis is loading", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a");
  // While loading, Redis serves connections only after every 1024 commands.
  const filler = server.client().pipeline();
  for (let index = 0; index < 6_000; index += 1) filler.set("filler", index);
  await filler.exec();
  await server.restart({ "key-load-delay": "100" }, "Server initialized");
  const waiting = next(server.url);
  const claim = waiting.claim();
  await expect.poll(() => waiting.problem ?? "", { interval: 1, timeout: 10_000 }).toMatch(/loading/i);
  await claim;
  expect((await replayAll(waiting)).length).toBe(1);
});

test("a Redis restored from an older copy of its data is detected, by appends and by reads", async () => {
  const server = await start();
  const journals = [1, 2].map((shard) =>
    makeJournal(open(server.url, { shard }), {
      claimant: { instance: "one", generation: 1, shard, shards: 2 },
    }),
  );
  for (const journal of journals) await write(journal, "a");
  const aof = join(server.dir, "appendonlydir");
  cpSync(aof, `${aof}.old`, { recursive: true });
  for (const journal of journals) await journal.append(1, 1, X);
  await server.kill();
  rmSync(aof, { recursive: true });
  cpSync(`${aof}.old`, aof, { recursive: true });
  await server.restart();
  await expect(journals[0]?.append(1, 1, X)).rejects.toMatchObject({ code: "log_lost_data" });
  await expect(journals[1]?.confirmOwner()).rejects.toMatchObject({ code: "log_lost_data" });
});

test("a torn AOF, cut at every byte of its last record, recovers to the last complete batch, twice in a row", async () => {
  const server = await start();
  const journal = makeJournal(open(server.url));
  await write(journal, "a", "b");
  const whole = statSync(server.aofFile()).size;
  await journal.append(1, 1, Buffer.from("c"));
  await journal.close();
  const length = statSync(server.aofFile()).size;
  expect(readFileSync(server.aofFile()).byteLength).toBe(length);
  await server.kill();
  const aof = join(server.dir, "appendonlydir");
  cpSync(aof, `${aof}.full`, { recursive: true });
  for (let size = whole; size <= length; size += 1) {
    await server.kill();
    rmSync(aof, { recursive: true });
    cpSync(`${aof}.full`, aof, { recursive: true });
    truncateSync(server.aofFile(), size);
    const expected = ["1-1", "1-2", ...(size === length ? ["1-3"] : [])];
    await server.restart();
    const first = next(server.url);
    await first.claim();
    expect((await replayAll(first)).map(({ id }) => formatLogId(id))).toEqual(expected);
    await first.append(2, 1, X);
    await first.close();
    await server.kill();
    await server.restart();
    expect(await recover(server)).toEqual([...expected, "2-1"]);
  }
});
