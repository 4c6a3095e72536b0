/** A log in a Redis Cluster: its primaries die or hang under load, and nothing that was acknowledged is lost. */
import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openLogStream, streamKey } from "../../src/wal/open.ts";
import { trimmedUpTo } from "../../src/wal/trimmed-log.ts";
import { LEVELS } from "../support/cluster-levels.ts";
import { Load } from "../support/load.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import {
  makePartner,
  operator,
  readiness,
  ServerProcess,
  shardsOf,
  testFolder,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
const KEY = streamKey(1, 0);
const ROUNDS = Number(process.env["ROUNDS"] ?? 1);
/** The cluster needs 2 s (its node timeout) and an election, which a busy machine makes longer; then we have this. */
const OWN_MS_MAX = 2_000;
const CALLERS = 8;

async function begun(program: string) {
  const cluster = await RedisCluster.start(2, { program });
  onTestFinished(() => cluster.destroy());
  const server = await testServer({
    DATA_DIR: testFolder(),
    WAL_URL: cluster.url,
    SHARDS: String(SHARDS),
    SNAPSHOT_RECORDS: "300",
  });
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin) });
  await load.open(server.url);
  return { cluster, server, admin, load };
}

/** The longest time without an answer until `enough` more have arrived after the last pause. */
async function longestPause(load: Load, enough: number): Promise<number> {
  const goal = load.acknowledged + enough;
  let longest = 0;
  let sinceMs = performance.now();
  for (let before = load.acknowledged; load.acknowledged < goal; ) {
    await wait(5);
    const nowMs = performance.now();
    if (load.acknowledged > before) sinceMs = nowMs;
    longest = Math.max(longest, nowMs - sinceMs);
    before = load.acknowledged;
    if (nowMs - sinceMs > 30_000) throw new Error("nothing is answered any more");
  }
  return Math.round(longest);
}

const HARMS = LEVELS.flatMap((each) => (["kill -9", "SIGSTOP"] as const).map((harm) => ({ ...each, harm })));

test.each(HARMS)(
  "$harm of a primary of $level under load: nothing acknowledged is lost, no shard restarts",
  async ({ harm, level, program }) => {
    const { cluster, server, admin, load } = await begun(program);
    const pauses: { pauseMs: number; failoverMs: number }[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      load.begin(server.url, CALLERS);
      await load.moreAcknowledged(100);
      const primary = await cluster.primary(KEY);
      const harmedMs = performance.now();
      if (harm === "kill -9") await primary.kill();
      else primary.pause();
      const replaced = cluster.replaces(primary, KEY).then(() => Math.round(performance.now() - harmedMs));
      const [pauseMs, failoverMs] = await Promise.all([longestPause(load, 1000), replaced]);
      pauses.push({ pauseMs, failoverMs });
      if (harm === "kill -9") await primary.start();
      else primary.resume();
      await load.moreAcknowledged(100);
      await load.stop();
      await load.settle(server.url);
      await cluster.becomesWhole();
    }
    const lines = pauses.map(({ pauseMs, failoverMs }) => `${pauseMs} ms (the failover: ${failoverMs} ms)`);
    console.log(`${harm} of a primary of ${level}, longest pause between two answers: ${lines.join(", ")}`);
    await waitUntilReady(admin);
    expect((await shardsOf(admin)).map(({ restarts }) => restarts)).toEqual([0, 0]);
    expect(load.broken).toBe(0);
    await checkBooks(server.url, load);
    for (const { pauseMs, failoverMs } of pauses) expect(pauseMs - failoverMs).toBeLessThan(OWN_MS_MAX);
  },
);

test.each(LEVELS)(
  "a wrong replica of $level is promoted under load: the living owner repairs it",
  async ({ program }) => {
    const { cluster, server, admin, load } = await begun(program);
    load.begin(server.url, CALLERS);
    await load.moreAcknowledged(100);
    const behind = await cluster.leaveBehind(KEY);
    await load.moreAcknowledged(300);
    const killed = await cluster.promoteAlone(behind, KEY);
    await Promise.all(killed.map((member) => member.start()));
    await load.moreAcknowledged(300);
    await load.stop();
    await waitUntilReady(admin);
    expect((await shardsOf(admin)).map(({ restarts }) => restarts)).toEqual([0, 0]);
    // The server writes its log some time after the event.
    const repaired = /the new primary ended at \S+: \d+ entries up to \S+ were appended again/;
    await until("the repair is in the server's log", () => repaired.test(server.stdout));
    await checkBooks(server.url, load);
  },
);

test.each(LEVELS)(
  "a primary of $level dies while shards restart, take snapshots and trim their logs",
  async ({ program }) => {
    const { cluster, server, admin, load } = await begun(program);
    for (let round = 1; round <= ROUNDS; round++) {
      load.begin(server.url, CALLERS);
      await load.moreAcknowledged(300);
      const primary = await cluster.primary(KEY);
      const snapshots = admin.send("POST", "/v1/admin/snapshots", {});
      const restarts = [0, 1].map((shard) => admin.send("POST", `/v1/admin/shards/${shard}/restart`));
      await Promise.all([snapshots, ...restarts, primary.kill()]);
      await load.moreAcknowledged(600, 60_000);
      await primary.start();
      await load.stop();
      await load.settle(server.url);
      await cluster.becomesWhole();
    }
    await waitUntilReady(admin);
    await admin.send("POST", "/v1/admin/snapshots", {});
    const stream = openLogStream(cluster.url, { generation: 1, shard: 0 });
    await until("the log is trimmed", async () => (await trimmedUpTo(stream)) !== undefined, 60_000);
    await stream.close();
    await checkBooks(server.url, load);
    await server.kill();
    const next = await testServer(server.settings);
    await checkBooks(next.url, load);
  },
);

test("while no replica answers nothing is acknowledged, and all is well when they return", async () => {
  const { cluster, server, admin, load } = await begun(LEVELS[0]?.program ?? "");
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(100);
  const metrics = async () => (await (await fetch(`${server.url}/metrics`)).text()).split("\n");
  expect(await metrics()).toEqual(
    expect.arrayContaining(
      [0, 1].flatMap((shard) => [
        `daybook_log_replicas{shard="${shard}"} 2`,
        `daybook_log_replicas_required{shard="${shard}"} 1`,
      ]),
    ),
  );
  const replicas = await Promise.all([0, 1].map((shard) => cluster.replicas(streamKey(1, shard))));
  for (const replica of replicas.flat()) replica.pause();
  await until("it says that it is not ready", async () => (await readiness(admin)).status === 503);
  await until("its metrics show the replicas", async () =>
    (await metrics()).includes('daybook_log_replicas{shard="0"} 0'),
  );
  const refused = load.count("not_done");
  const { acknowledged } = load;
  await until("callers are refused", () => load.count("not_done") > refused + 20);
  expect(load.acknowledged).toBe(acknowledged);
  for (const replica of replicas.flat()) replica.resume();
  await waitUntilReady(admin);
  await load.moreAcknowledged(100);
  await load.stop();
  expect((await shardsOf(admin)).map(({ restarts }) => restarts)).toEqual([0, 0]);
  await checkBooks(server.url, load);
});

test("a primary dies while a server starts and claims: it serves after the failover, and nothing is lost", async () => {
  const { cluster, server, load } = await begun(LEVELS[0]?.program ?? "");
  let current = server;
  for (let round = 1; round <= ROUNDS; round++) {
    load.begin(current.url, CALLERS);
    await load.moreAcknowledged(100);
    await current.kill();
    await load.stop();
    // With the owner gone nobody could repair what a replica lacks.
    const primary = await cluster.catchesUp(KEY);
    const next = ServerProcess.launch(server.settings);
    onTestFinished(async () => void (await next.kill()));
    await Promise.all([primary.kill(), next.serving(60_000)]);
    await primary.start();
    await load.settle(next.url);
    await cluster.becomesWhole();
    current = next;
  }
  await checkBooks(current.url, load);
});
