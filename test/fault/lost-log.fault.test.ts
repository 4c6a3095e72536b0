/** A log that has forgotten what it acknowledged is not served from: that would lose money silently. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  type Exit,
  makePartner,
  operator,
  refusedStart,
  type ServerProcess,
  testFolder,
  testRedis,
  testServer,
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

test("a server refuses to start over an emptied Redis, or over an older copy of it", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" };
  let server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  await isUsed(server, load);
  await ended(server);
  await redis.stop();
  const files = join(redis.dir, "appendonlydir");
  const older = testFolder();
  cpSync(files, older, { recursive: true });
  await redis.restart();
  server = await testServer(settings);
  await isUsed(server, load);
  await ended(server);
  await redis.stop();
  const newest = testFolder();
  cpSync(files, newest, { recursive: true });

  const restore = async (copy: string): Promise<void> => {
    await redis.stop();
    rmSync(files, { recursive: true });
    cpSync(copy, files, { recursive: true });
    await redis.restart();
  };
  await restore(older);
  expectLost(await refusedStart(settings));
  await restore(newest);
  await redis.client().flushall();
  expectLost(await refusedStart(settings));
  expect(await redis.client().dbsize(), "nothing was made in its place").toBe(0);
  // What was refused has not harmed what is whole.
  await restore(newest);
  await checkBooks((await testServer(settings)).url, load);
});

test("a server whose Redis is emptied under load ends in one line", async () => {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" });
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(100);
  await redis.client().flushall();
  expectLost(await within(10_000, "the server ends", server.exited));
  await load.stop();
});

test("a server whose sqlite log is gone refuses to start, and makes no new one", async () => {
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
