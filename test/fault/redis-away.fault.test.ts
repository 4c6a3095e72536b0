/** A log that goes away and returns: nothing acknowledged is lost, and the server recovers by itself. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  Client,
  codeOf,
  makePartner,
  operator,
  readiness,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const ROUNDS = 2;

async function begun() {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" });
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin) });
  await load.open(server.url);
  return { redis, server, admin, load };
}

test("a Redis killed repeatedly under load loses nothing, and the server recovers by itself", async () => {
  const { redis, server, admin, load } = await begun();
  for (let round = 1; round <= ROUNDS; round++) {
    load.begin(server.url);
    await load.moreAcknowledged(100);
    await redis.kill();
    if (round === 1) {
      await until("it says that it is not ready", async () => (await readiness(admin)).status === 503);
    }
    await redis.restart();
    await waitUntilReady(admin);
    await load.moreAcknowledged(100);
    await load.stop();
    await load.settle(server.url);
  }
  expect(load.broken).toBe(0);
  await checkBooks(server.url, load);
});

test("while Redis is stopped nothing is acknowledged: waiting commands get outcome_unknown, new ones log_unavailable", async () => {
  const { redis, server, admin, load } = await begun();
  load.begin(server.url);
  await load.moreAcknowledged(100);
  redis.pause();
  await until("it says that it is not ready", async () => (await readiness(admin)).status === 503);
  const acknowledged = load.acknowledged;
  const client = new Client(server.url, load.partnerKey);
  const ask = () =>
    client.send("POST", "/v1/transfers", {
      debit_account: "@issuance",
      credit_account: load.accounts[0],
      amount: 1,
    });
  // One shard may have noticed before the other, whose requests then time out for a moment.
  await until("its shard has noticed", async () => {
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(refused.headers["retry-after"]).toBeDefined();
    return codeOf(refused) === "log_unavailable";
  });
  await until("those that waited are told", () => load.count("unknown") > 0);
  expect(load.acknowledged).toBe(acknowledged);
  redis.resume();
  await waitUntilReady(admin);
  await load.moreAcknowledged(100);
  await load.stop();
  expect(load.broken).toBe(0);
  await checkBooks(server.url, load);
});
