/** I5, I8, I11: cross-shard transfers survive when the server, one shard, or Redis is killed under load. */
import { describe, expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { Load, shardOfOwner } from "../support/load.ts";
import {
  type Client,
  makePartner,
  operator,
  readiness,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 3;
/** For ten rounds set `ROUNDS=10`. */
const ROUNDS = Number(process.env["ROUNDS"] ?? 1);
const VICTIM = 1;
const CALLERS = 16;

async function begun(isolation: Isolation, failpoints = "") {
  const redis = await testRedis();
  const settings = {
    DATA_DIR: testFolder(),
    WAL_URL: redis.url,
    SHARDS: String(SHARDS),
    ISOLATION: isolation,
    FAILPOINTS: failpoints,
  };
  const server = await testServer(settings);
  const admin = operator(server);
  const partnerKey = await makePartner(admin);
  const load = new Load({ partnerKey, acrossShards: SHARDS });
  await load.open(server.url);
  return { redis, settings, server, admin, partnerKey, load };
}

/** Kills a process; a thread fails in the first round and is restarted in later ones. */
async function kill(admin: Client, isolation: Isolation, round: number): Promise<void> {
  if (isolation === "processes") {
    const { pid } = (await shardsOf(admin))[VICTIM] ?? {};
    if (pid === undefined) throw new Error("a shard in a process of its own says which");
    process.kill(pid, "SIGKILL");
  } else if (round > 1) {
    expect((await admin.send("POST", `/v1/admin/shards/${VICTIM}/restart`)).status).toBe(202);
  }
}

/** It restarts by itself, unless it has failed too often without serving for long; then the operator restarts it. */
const FAILURES_MAX = 5;

async function expectServing(admin: Client, load: Load, round: number): Promise<void> {
  const goal = load.acknowledged + 100;
  await until(
    "a hundred more answers from a server that is ready",
    async () => {
      const failed = (await shardsOf(admin)).filter(({ status }) => status === "failed");
      if (round > FAILURES_MAX) {
        for (const { shard } of failed) await admin.send("POST", `/v1/admin/shards/${shard}/restart`);
      }
      return load.acknowledged >= goal && (await readiness(admin)).status === 200;
    },
    30_000,
  );
}

/** The end of the server and of Redis is the same for threads and processes; the end of a shard is not. */
describe("threads or processes", () => {
  const isolation = "threads";

  test("the server is killed under cross-shard transfers: every acknowledged one is there, whole, once", async () => {
    const { settings, server, load } = await begun(isolation);
    let current = server;
    for (let round = 1; round <= ROUNDS; round++) {
      load.begin(current.url, CALLERS);
      await load.moreAcknowledged(200);
      await current.kill();
      await load.stop();
      expect(load.count("unknown"), "the kill came under load").toBeGreaterThan(0);
      current = await testServer(settings);
      await load.settle(current.url);
    }
    await checkBooks(current.url, load);
  });

  test("Redis is killed under cross-shard transfers: nothing is lost, and the server recovers by itself", async () => {
    const { redis, server, admin, load } = await begun(isolation);
    for (let round = 1; round <= ROUNDS; round++) {
      load.begin(server.url, CALLERS);
      await load.moreAcknowledged(100);
      await redis.kill();
      await redis.restart();
      await expectServing(admin, load, round);
      await load.stop();
      await load.settle(server.url);
    }
    expect(load.broken, "everybody got an answer").toBe(0);
    await checkBooks(server.url, load);
  });
});

describe.each(ISOLATIONS)("%s", (isolation) => {
  test("one shard is killed under cross-shard transfers: it comes back, and the others serve throughout", async () => {
    const failpoints = isolation === "threads" ? `${VICTIM}:after_append@150` : "";
    const { server, admin, partnerKey, load } = await begun(isolation, failpoints);
    const others = new Load({ partnerKey, seed: 3, ownerPrefix: "other", acrossShards: SHARDS });
    await others.open(server.url, (owner) => shardOfOwner(owner, SHARDS) !== VICTIM);
    others.begin(server.url, 8);
    load.begin(server.url, CALLERS);
    for (let round = 1; round <= ROUNDS; round++) {
      await load.moreAcknowledged(100);
      const crashed = isolation === "threads" && round === 1;
      const epoch = crashed ? 1 : ((await shardsOf(admin))[VICTIM]?.epoch ?? 0);
      await kill(admin, isolation, round);
      await until("the shard has ended", async () => {
        const shard = (await shardsOf(admin))[VICTIM];
        return shard !== undefined && (shard.status !== "ready" || shard.epoch > epoch);
      });
      await others.moreAcknowledged(10);
      await expectServing(admin, load, round);
      expect((await shardsOf(admin))[VICTIM]?.epoch, "it has started anew").toBeGreaterThan(epoch);
    }
    await Promise.all([load.stop(), others.stop()]);
    expect([others.count("unknown"), others.count("not_done"), others.broken]).toEqual([0, 0, 0]);
    expect(load.broken, "everybody got an answer").toBe(0);
    const restarts = (await shardsOf(admin)).map((shard) => Math.min(1, shard.restarts));
    expect(restarts).toEqual([0, 1, 0]);
    await checkBooks(server.url, load, others);
  });
});
