/** A log that lost acknowledged entries must not be served: that would lose money silently. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { StreamJournal } from "../../src/wal/journal.ts";
import { openLogStream, streamKey } from "../../src/wal/open.ts";
import { Load } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
  type Exit,
  makePartner,
  operator,
  refusedStart,
  type ServerProcess,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
  within,
} from "../support/server.ts";
import { checkBooks } from "./books.ts";

function expectLost({ code, lines }: Exit): void {
  expect(lines.join("\n")).toContain("has lost data");
  expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
}

async function ended(server: ServerProcess): Promise<void> {
  server.signal("SIGTERM");
  expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
}

async function isUsed(server: ServerProcess, load: Load): Promise<void> {
  load.begin(server.url, 8);
  await load.moreAcknowledged(60);
  await load.stop();
}

/** Redis returns with another disk, or with an empty one. */
async function restartRedisWith(redis: RedisServer, backup?: string): Promise<void> {
  await redis.stop();
  redis.replaceBy(backup);
  await redis.restart();
}

/** Stops Redis for the duration of the copy. */
async function backupOf(redis: RedisServer): Promise<string> {
  const backup = testFolder();
  await redis.stop();
  redis.copyTo(backup);
  await redis.restart();
  return backup;
}

test("a server refuses to start over an emptied Redis, a new one, or an older copy of its own", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" };
  let server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  await isUsed(server, load);
  await ended(server);
  const older = await backupOf(redis);
  server = await testServer(settings);
  await isUsed(server, load);
  await ended(server);
  const newest = await backupOf(redis);

  await restartRedisWith(redis, older);
  expectLost(await refusedStart(settings));
  await restartRedisWith(redis, newest);
  await redis.client().flushall();
  expectLost(await refusedStart(settings));
  expect(await redis.client().dbsize(), "nothing was made in its place").toBe(0);
  await restartRedisWith(redis);
  expectLost(await refusedStart(settings));
  expect(await redis.client().dbsize(), "nothing was made in its place").toBe(0);
  // The refusals have not changed the intact log.
  await restartRedisWith(redis, newest);
  await checkBooks((await testServer(settings)).url, load);
});

// Under load an append detects it; without writes the renewal of the lease does.
test.each([
  ["under load", "threads"],
  ["idle", "processes"],
])(
  "a running server (%s, %s) whose Redis returns with an older copy of its data exits with one line",
  async (how, isolation) => {
    const redis = await testRedis();
    const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2", ISOLATION: isolation };
    const server = await testServer(settings);
    const admin = operator(server);
    const load = new Load({ partnerKey: await makePartner(admin) });
    await load.open(server.url);
    await isUsed(server, load);
    const older = await backupOf(redis);
    await waitUntilReady(admin);
    load.begin(server.url, 8);
    await load.moreAcknowledged(60);
    if (how === "idle") await load.stop();
    await redis.kill();
    const newest = testFolder();
    redis.copyTo(newest);
    redis.replaceBy(older);
    await redis.restart();
    expectLost(await within(10_000, "the server ends", server.exited));
    await load.stop();

    await restartRedisWith(redis, newest);
    await checkBooks((await testServer(settings)).url, load);
  },
);

test.each([
  ["is emptied", (client: Redis) => client.flushall()],
  ["loses the log of one shard", (client: Redis) => client.del(streamKey(1, 1))],
])("a server whose Redis %s under load exits with one line", async (_, lose) => {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" });
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(100);
  await lose(redis.client());
  expectLost(await within(10_000, "the server ends", server.exited));
  await load.stop();
});

test("a running server does not accept a missing or shorter log as a new one", async () => {
  const redis = await testRedis();
  const claim = async (claimedEpoch: number) => {
    const journal = new StreamJournal({
      stream: openLogStream(redis.url, { generation: 1, shard: 0 }),
      claimant: { instance: "one", generation: 1, shard: 0, shards: 1 },
      witnesses: [],
      mayCreate: true,
      claimedEpoch,
    });
    try {
      await journal.claim();
      return journal.epoch;
    } finally {
      await journal.close();
    }
  };
  await expect(claim(1)).rejects.toThrow(/has lost data: it no longer exists/);
  expect(await redis.client().dbsize(), "nothing was made in its place").toBe(0);
  expect([await claim(0), await claim(1), await claim(1)], "nobody heard of the second").toEqual([1, 2, 3]);
  await expect(claim(4)).rejects.toThrow(/has lost data: it ends at 3-0, but was claimed under epoch 4/);
});

test("a server whose sqlite log is missing refuses to start, and creates no new one", async () => {
  const dataDir = testFolder();
  const settings = { DATA_DIR: dataDir, SHARDS: "2" };
  const server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  await isUsed(server, load);
  await ended(server);
  rmSync(join(dataDir, "wal"), { recursive: true });
  expectLost(await refusedStart(settings));
  expectLost(await refusedStart(settings));
});
