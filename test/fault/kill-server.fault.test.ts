/** I5, I9, I11: acknowledged commands survive the process that acknowledged them. */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  isAlive,
  makePartner,
  operator,
  type Settings,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const ROUNDS = 2;

async function expectSurvivesKills(settings: Settings, rounds = ROUNDS): Promise<void> {
  let server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  let unanswered = 0;
  for (let round = 1; round <= rounds; round++) {
    load.begin(server.url);
    await load.moreAcknowledged(150);
    await server.kill();
    await load.stop();
    unanswered += load.count("unknown");
    server = await testServer(settings);
    await load.settle(server.url);
  }
  expect(unanswered, "the kills came under load").toBeGreaterThan(0);
  await checkBooks(server.url, load);
}

test("a server killed repeatedly under load keeps every acknowledged transfer once (sqlite)", async () => {
  await expectSurvivesKills({ DATA_DIR: testFolder(), SHARDS: "2" });
});

test("a server killed repeatedly under load keeps every acknowledged transfer once (Redis)", async () => {
  const redis = await testRedis();
  await expectSurvivesKills({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" });
});

// Shard processes may live a moment longer than their server; the next server must tolerate that.
test("a server killed under load keeps every acknowledged transfer once (processes)", async () => {
  await expectSurvivesKills({ DATA_DIR: testFolder(), ISOLATION: "processes", SHARDS: "2" }, 1);
});

test("no process and no socket outlives a killed server", async () => {
  const temporary = testFolder();
  const socketFolders = () => readdirSync(temporary).filter((name) => name.startsWith("daybook-"));
  const isolation = { ISOLATION: "processes", TMPDIR: temporary };
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: "2", ...isolation });
  const pids = (await shardsOf(operator(server))).map(({ pid }) => pid ?? server.pid);
  expect(pids.filter(isAlive)).toHaveLength(2);
  expect(socketFolders()).toHaveLength(1);
  await server.kill();
  await until("its shards have ended", () => !pids.some(isAlive), 5_000);
  expect(socketFolders()).toEqual([]);
});
