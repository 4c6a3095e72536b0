/** I5, I9, I11: what was acknowledged outlives the process that acknowledged it. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  makePartner,
  operator,
  type Settings,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { checkBooks } from "./books.ts";

const ROUNDS = 3;

async function isKilledAgainAndAgain(settings: Settings): Promise<void> {
  let server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)) });
  await load.open(server.url);
  let unanswered = 0;
  for (let round = 1; round <= ROUNDS; round++) {
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

test("a server killed again and again under load keeps every acknowledged transfer once (sqlite)", async () => {
  await isKilledAgainAndAgain({ DATA_DIR: testFolder(), SHARDS: "2" });
});

test("a server killed again and again under load keeps every acknowledged transfer once (Redis)", async () => {
  const redis = await testRedis();
  await isKilledAgainAndAgain({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2" });
});
