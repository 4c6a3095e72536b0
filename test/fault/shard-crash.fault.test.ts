/** One shard crashes under load: it restarts by itself, and the others serve throughout. */
import { expect, test } from "vitest";
import { shardOfVnode, vnodeOf } from "../../src/actors/ledger/routing.ts";
import { Load } from "../support/load.ts";
import {
  makePartner,
  operator,
  readiness,
  shardsOf,
  testFolder,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 3;
const CRASHING = 1;

async function begun(isolation: string, failpoints = "") {
  const settings = { SHARDS: String(SHARDS), ISOLATION: isolation, FAILPOINTS: failpoints };
  const server = await testServer({ DATA_DIR: testFolder(), ...settings });
  const admin = operator(server);
  const partnerKey = await makePartner(admin);
  const load = new Load({ partnerKey, seed: 2, batchShare: 0 });
  const others = new Load({ partnerKey, seed: 3, ownerPrefix: "other" });
  const isThere = (owner: string) => shardOfVnode(vnodeOf("acme", owner), SHARDS) === CRASHING;
  await load.open(server.url, isThere);
  await others.open(server.url, (owner) => !isThere(owner));
  return { server, admin, load, others };
}

test.each([
  ["threads", "before_decide"],
  ["threads", "before_append"],
  ["threads", "after_append"],
  ["processes", "kill -9"],
])(
  "a shard that crashes (%s, %s) restarts by itself, and the others serve throughout",
  async (isolation, how) => {
    const isKilled = how === "kill -9";
    const { server, admin, load, others } = await begun(isolation, isKilled ? "" : `${CRASHING}:${how}@120`);
    const pid = (await shardsOf(admin))[CRASHING]?.pid;
    others.begin(server.url, 8);
    load.begin(server.url, 8);
    if (isKilled) {
      await load.moreAcknowledged(100);
      process.kill(pid ?? -1, "SIGKILL");
    }
    await until("the shard has crashed", () => load.count("unknown") > 0);
    const served = others.acknowledged;
    expect((await readiness(admin)).status).toBe(503);
    await waitUntilReady(admin);
    const servedMeanwhile = others.acknowledged - served;
    await load.moreAcknowledged(100);
    await Promise.all([load.stop(), others.stop()]);

    expect(servedMeanwhile, "answers of the other shards during the outage").toBeGreaterThan(10);
    expect([others.count("unknown"), others.count("not_done"), others.broken]).toEqual([0, 0, 0]);
    expect(load.broken, "everybody got an answer").toBe(0);
    const shards = await shardsOf(admin);
    expect(shards.map((shard) => shard.restarts)).toEqual([0, 1, 0]);
    expect(shards.map((shard) => shard.epoch)).toEqual([1, 2, 1]);
    if (isolation === "processes") expect(shards[CRASHING]?.pid).not.toBe(pid);
    const done = await load.settle(server.url);
    if (how === "after_append") expect(done, "what had no answer but was logged").toBeGreaterThan(0);
    if (how === "before_append") expect(done, "what was not logged").toBe(0);
    await checkBooks(server.url, load, others);
  },
);

test("a shard that the operator restarts under load comes back under its next epoch, and the others serve", async () => {
  const { server, admin, load, others } = await begun("threads");
  const before = await shardsOf(admin);
  others.begin(server.url, 8);
  load.begin(server.url, 8);
  await load.moreAcknowledged(100);
  const { status } = await admin.send("POST", `/v1/admin/shards/${CRASHING}/restart`);
  expect(status).toBe(202);
  await until("it serves again", async () => {
    const shard = (await shardsOf(admin))[CRASHING];
    return shard?.status === "ready" && shard.epoch === (before[CRASHING]?.epoch ?? 0) + 1;
  });
  await load.moreAcknowledged(100);
  await Promise.all([load.stop(), others.stop()]);
  expect([others.count("unknown"), others.count("not_done"), others.broken, load.broken]).toEqual([
    0, 0, 0, 0,
  ]);
  await checkBooks(server.url, load, others);
  expect((await admin.send("POST", "/v1/admin/shards/3/restart")).status).toBe(404);
});
