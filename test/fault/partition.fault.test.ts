/**
 * The network between server and Redis breaks, delays, or drops everything: nothing is acknowledged without Redis's
 * reply.
 */
import { expect, onTestFinished, test } from "vitest";
import { Load } from "../support/load.ts";
import { type Hole, RedisProxy } from "../support/redis-proxy.ts";
import {
  type Answer,
  Client,
  codeOf,
  makePartner,
  operator,
  readiness,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const CALLERS = 8;
/** Number of requests, and of transfers in each: more than the queues of two shards hold. */
const FLOOD = 180;
const FLOOD_ITEMS = 1_000;
const REFUSALS = ["overloaded", "log_unavailable", "outcome_unknown"];
const CUTS = ["cut_before_reply", "cut_mid_reply"] as const;
const ROUNDS = 4;

async function begun(isolation = "threads") {
  const redis = await testRedis();
  const proxy = await RedisProxy.start(redis);
  onTestFinished(() => proxy.close());
  const settings = { DATA_DIR: testFolder(), WAL_URL: proxy.url, SHARDS: "2", ISOLATION: isolation };
  const server = await testServer(settings);
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin), acrossShards: 2, owners: 6 });
  await load.open(server.url);
  const flooder = new Client(server.url, await makePartner(admin, "flooder"), FLOOD);
  return { proxy, server, admin, load, flooder };
}

/** Sends far more at once than the queues hold, to one shard and to others. */
function flood(client: Client): Promise<readonly Answer[]> {
  const transfers = Array.from({ length: FLOOD_ITEMS }, (_, no) => ({
    debit_account: "@issuance",
    credit_account: `nobody${no}/a`,
    amount: 1,
  }));
  const body = JSON.stringify({ transfers });
  return Promise.all(Array.from({ length: FLOOD }, () => client.send("POST", "/v1/transfers/batch", body)));
}

/** @param more further requests while the network is blocked. */
async function partitionAndHeal(hole: Hole, more: (flooder: Client) => Promise<void>): Promise<void> {
  const { proxy, server, admin, load, flooder } = await begun(hole === "both" ? "processes" : "threads");
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(60);
  proxy.blackhole(hole);
  const others = more(flooder);
  await until(`it is not ready (${hole})`, async () => (await readiness(admin)).status === 503, 30_000);
  // A reply of the log that had arrived before is answered by now, however busy the machine is.
  const acknowledged = await load.silence(admin);
  const refusedBefore = load.count("not_done");
  await until("callers are refused", () => load.count("not_done") > refusedBefore + 20, 30_000);
  expect(load.acknowledged, "nothing is acknowledged meanwhile").toBe(acknowledged);
  await others;
  proxy.heal();
  await waitUntilReady(admin, 30_000);
  await load.moreAcknowledged(60);
  await load.stop();
  expect(load.broken, "everybody got an answer").toBe(0);
  await checkBooks(server.url, load);
}

async function isRefused(flooder: Client): Promise<void> {
  const answers = await within(30_000, "everybody is answered", flood(flooder));
  expect(answers.filter(({ status }) => status !== 503)).toEqual([]);
  const codes = new Set(answers.map(codeOf));
  expect(codes, "the rest is refused at the door").toContain("overloaded");
  expect(codes, "what is in hand comes to an end, too").toContain("outcome_unknown");
  expect([...codes].filter((code) => !REFUSALS.includes(code))).toEqual([]);
}

test("a network that drops everything, or one direction: nothing is acknowledged, queues are bounded, and afterwards each key has one outcome", async () => {
  await Promise.all([
    partitionAndHeal("requests", isRefused),
    partitionAndHeal("replies", async () => {}),
    partitionAndHeal("both", async () => {}),
  ]);
});

test("with broken connections or a slow network every command gets a definite outcome; a lost append is never acknowledged", async () => {
  const { proxy, server, load } = await begun();
  load.begin(server.url, CALLERS);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const cut of CUTS) {
      await within(10_000, "an answer is cut", proxy.trapNextAppend(cut));
      await load.moreAcknowledged(20);
    }
  }
  proxy.delay(20);
  await load.moreAcknowledged(60);
  proxy.delay(0);
  expect([load.broken, load.count("unknown")], "nobody is left in doubt").toEqual([0, 0]);
  await within(10_000, "an append is lost", proxy.trapNextAppend("swallow_requests"));
  await until("those that waited are told", () => load.count("unknown") > 0);
  await load.moreAcknowledged(60);
  await load.stop();
  expect(load.broken, "everybody got an answer").toBe(0);
  await checkBooks(server.url, load);
});
