/** A Redis Cluster promotes a replica that lacks entries, and the only server that could repair it is gone. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { ArchivedLog } from "../../src/archive/batches/archived-log.ts";
import { lacks, NO_ID } from "../../src/wal/log-repair.ts";
import { openLogStream, streamKey } from "../../src/wal/open.ts";
import { daybook } from "../cli/cli.ts";
import { LEVELS } from "../support/cluster-levels.ts";
import { Load } from "../support/load.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import {
  Client,
  makePartner,
  operator,
  refusedStart,
  type ServerProcess,
  shardsOf,
  testFolder,
  testServer,
} from "../support/server.ts";
import { until, untilQuiet } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
const KEY = streamKey(1, 0);
const CALLERS = 8;

type Lost = Readonly<{
  server: ServerProcess;
  load: Load;
  env: Readonly<{ WAL_URL: string; DATA_DIR: string }>;
}>;

/** @param isCalm the load ends, and the archive has everything, before the server is killed. */
async function lostEnd(program: string, isCalm: boolean): Promise<Lost> {
  const cluster = await RedisCluster.start(2, { program });
  onTestFinished(() => cluster.destroy());
  const env = { DATA_DIR: testFolder(), WAL_URL: cluster.url };
  const server = await testServer({ ...env, SHARDS: String(SHARDS) });
  const load = new Load({ partnerKey: await makePartner(operator(server)), acrossShards: SHARDS });
  await load.open(server.url);
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(100);
  const behind = await cluster.leaveBehind(KEY);
  await load.moreAcknowledged(300);
  if (isCalm) {
    await load.stop();
    await withClient(server, load, (client) => archiveHasAll(operator(server), client));
  }
  await server.kill();
  await load.stop();
  const killed = await cluster.promoteAlone(behind, KEY);
  await Promise.all(killed.map((member) => member.start()));
  await cluster.becomesWhole();
  const refused = await refusedStart(server.settings, 60_000);
  expect(refused.lines.at(-1)).toMatch(
    /g1s\d\}:wal has lost data: it held \d+-\d+ before .*"daybook log repair"/,
  );
  return { server, load, env };
}

/** Shards still log for some time that messages have arrived. */
async function archiveHasAll(admin: Client, client: Client): Promise<void> {
  await untilQuiet("nothing is logged any more, and the archive has everything", async () => {
    // It is answered once the archive has everything that was done before.
    await client.get("/v1/transfers");
    return (await shardsOf(admin)).map(({ position }) => position).join(" ");
  });
  admin.close();
}

async function withClient(
  server: ServerProcess,
  load: Load,
  use: (client: Client) => Promise<void>,
): Promise<void> {
  const client = new Client(server.url, load.partnerKey);
  await use(client);
  client.close();
}

/** The log has every batch that the archive has. */
async function expectArchiveInLog({ WAL_URL, DATA_DIR }: Lost["env"]): Promise<void> {
  const archive = new DatabaseSync(join(DATA_DIR, "archive", "archive.sqlite"), { readOnly: true });
  for (let shard = 0; shard < SHARDS; shard++) {
    const stream = openLogStream(WAL_URL, { generation: 1, shard, readOnly: true });
    for (const batch of new ArchivedLog(archive, shard).after(NO_ID))
      expect(await lacks(stream, batch), `${shard}:${batch.id.epoch}-${batch.id.seq}`).toBe(false);
    await stream.close();
  }
  archive.close();
}

/** All shards' sums are 0, and each account's archived entries sum to its balance. */
async function expectBalanced(server: ServerProcess, load: Load): Promise<void> {
  await withClient(server, load, async (client) => {
    const { assets } = await client.get<{
      assets: Record<string, { sum: string | number; in_transit: string | number }>;
    }>("/v1/trial-balance");
    expect(Object.keys(assets)).toHaveLength(1);
    for (const { sum, in_transit } of Object.values(assets))
      expect([sum, in_transit].map(Number)).toEqual([0, 0]);
    for (const id of load.accounts)
      expect(await client.get(`/v1/accounts/${encodeURIComponent(id)}/reconciliation`)).toMatchObject({
        reconciled: true,
      });
  });
}

describe.each(LEVELS)("on a cluster of $level", ({ program }) => {
  test("log repair brings back everything that the archive has, and all of it is served", async () => {
    const { server, load, env } = await lostEnd(program, true);
    const { code, stdout, stderr } = await daybook(["log", "repair"], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/g1s0\}:wal: appended \d+ batches with \d+ records, 0:\d+-\d+ to 0:\d+-\d+/);
    await expectArchiveInLog(env);
    const next = await testServer(server.settings);
    await checkBooks(next.url, load);
  });
});

/** What is given up does not depend on what a write waits for. */
describe.each(LEVELS.slice(-1))("on a cluster of $level", ({ program }) => {
  test("after a kill under load, what nobody has is given up: the server starts, and its books balance", async () => {
    const { server, load, env } = await lostEnd(program, false);
    const repaired = await daybook(["log", "repair"], env);
    expect(repaired.stderr).toBe("");
    expect(repaired.stdout).toMatch(/g1s0\}:wal: appended \d+ batches/);
    await expectArchiveInLog(env);
    const accepted = await daybook(["log", "accept-loss", "--yes"], env);
    expect(accepted, repaired.stdout).toMatchObject({ code: 0, stderr: "" });
    await expectBalanced(await testServer(server.settings), load);
  });

  test("accept-loss alone: the server starts on what is left, and the archive agrees with it", async () => {
    const { server, load, env } = await lostEnd(program, false);
    const accepted = await daybook(["log", "accept-loss", "--yes", "--discard-archived"], env);
    expect(accepted).toMatchObject({ code: 0, stderr: "" });
    expect(accepted.stdout).toMatch(/g1s0\}:wal keeps everything up to 0:\d+-\d+\. Given up: all after it/);
    await expectArchiveInLog(env);
    const next = await testServer(server.settings);
    const reported = "batches of the log are lost, as an operator has accepted";
    await until("the server has reported the loss", () => next.stdout.includes(reported));
    await expectBalanced(next, load);
    load.begin(next.url, CALLERS);
    await load.moreAcknowledged(200);
    await load.stop();
    await expectBalanced(next, load);
  });
});
