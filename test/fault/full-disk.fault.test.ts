/** The disk of Redis or of a sqlite log is full, or Redis is out of memory: what cannot be stored is not acknowledged. */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { streamKey } from "../../src/wal/open.ts";
import { Load, shardOfOwner } from "../support/load.ts";
import {
  Client,
  codeOf,
  isAlive,
  makePartner,
  operator,
  readiness,
  type Settings,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

/** From util-linux: the only way to set limits of a running process. */
const PRLIMIT = "prlimit";
const SHARDS = 2;
const FULL = 1;
const ROOM_BYTES = 10_000;
/** A shard stays down after this many restarts. */
const RESTARTS_MAX = 6;

async function begun(settings: Settings) {
  const server = await testServer({ DATA_DIR: testFolder(), SHARDS: String(SHARDS), ...settings });
  const admin = operator(server);
  const partnerKey = await makePartner(admin);
  const load = new Load({ partnerKey, owners: 6, acrossShards: SHARDS });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(60);
  return { server, admin, load, partnerKey, client: new Client(server.url, partnerKey) };
}

/** Limits the size of its files from now on, like a full disk. */
function limitFiles(pid: number, bytes: number | "unlimited"): void {
  const limit = `--fsize=${bytes}:unlimited`;
  const { status, stderr } = spawnSync(PRLIMIT, ["--pid", String(pid), limit], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${PRLIMIT}: ${stderr}`);
}

type Seen = Readonly<{ id: string; posted: number; seq: number }>;

/** Balances that reads show while nothing can be written; a shard that is down shows none. */
async function look(client: Client, load: Load): Promise<readonly Seen[]> {
  const answers = await Promise.all(
    load.accounts.map((id) => client.send("GET", `/v1/accounts/${encodeURIComponent(id)}`)),
  );
  expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
  return answers.filter(({ status }) => status === 200).map(({ text }) => JSON.parse(text) as Seen);
}

/** I6: every balance that was shown is in the final history. */
async function expectHistory(client: Client, seen: readonly Seen[]): Promise<void> {
  for (const { id, posted, seq } of seen) {
    if (seq === 0) continue;
    const path = `/v1/accounts/${encodeURIComponent(id)}/entries?limit=500`;
    const { data } = await client.get<{ data: { seq: number; balance_after: number }[] }>(path);
    expect(data.find((entry) => entry.seq === seq)?.balance_after, `${id} at ${seq}`).toBe(posted);
  }
}

async function expectRefused(client: Client, load: Load): Promise<void> {
  const transfer = { debit_account: "@issuance", credit_account: load.accounts[0], amount: 1 };
  // One shard may have noticed before the other.
  await until("what is new is refused", async () => {
    const answer = await client.send("POST", "/v1/transfers", transfer);
    expect(answer.status).toBe(503);
    // With Redis out of memory the server refuses without asking Redis.
    return ["log_unavailable", "overloaded"].includes(codeOf(answer));
  });
}

test.each([
  ["its writes fail", ["sh", "-c", 'trap "" XFSZ; exec "$0" "$@"']],
  ["the system ends it", []],
])(
  "the disk of Redis is full, and %s: writes are refused, and with space again nothing acknowledged is missing",
  async (_, launcher) => {
    const redis = await testRedis({ launcher });
    const { server, admin, load, client } = await begun({ WAL_URL: redis.url });
    const { pid } = redis;
    limitFiles(pid, statSync(redis.aofFile()).size + ROOM_BYTES);
    await until("Redis has ended", () => !isAlive(pid));
    await until("it says so", async () => (await readiness(admin)).status === 503);
    const acknowledged = await load.silence(admin);
    await expectRefused(client, load);
    const seen = await look(client, load);
    expect(load.acknowledged).toBe(acknowledged);
    await redis.restart();
    await waitUntilReady(admin);
    await load.moreAcknowledged(60);
    await load.stop();
    expect(load.broken, "everybody got an answer").toBe(0);
    await expectHistory(client, seen);
    await checkBooks(server.url, load);
  },
);

test("the disk of one sqlite log is full: its shard refuses, the other serves, and with space again nothing acknowledged is missing", async () => {
  const dataDir = testFolder();
  const settings = { DATA_DIR: dataDir, ISOLATION: "processes" };
  const { server, admin, load, partnerKey, client } = await begun(settings);
  const others = new Load({ partnerKey, seed: 3, ownerPrefix: "other" });
  await others.open(server.url, (owner) => shardOfOwner(owner, SHARDS) !== FULL);
  const { pid = 0 } = (await shardsOf(admin))[FULL] ?? {};
  limitFiles(pid, statSync(join(dataDir, `wal/g1s${FULL}.sqlite-wal`)).size + ROOM_BYTES);
  await until("it says so", async () => (await readiness(admin)).text.includes(`shard ${FULL} is`));
  others.begin(server.url, 4);
  await others.moreAcknowledged(60);
  const seen = await look(client, load);
  // Its next process has no limit, as if the disk had space again.
  await waitUntilReady(admin, 30_000);
  await load.moreAcknowledged(60);
  await Promise.all([load.stop(), others.stop()]);
  expect([others.count("unknown"), others.count("not_done"), others.broken]).toEqual([0, 0, 0]);
  await expectHistory(client, seen);
  await checkBooks(server.url, load, others);
});

test("the disk of logs and archive is full: the server refuses, or exits with one line, and with space again nothing acknowledged is missing", async () => {
  const dataDir = testFolder();
  const { server, admin, load } = await begun({ DATA_DIR: dataDir });
  limitFiles(server.pid, statSync(join(dataDir, `wal/g1s${FULL}.sqlite-wal`)).size + ROOM_BYTES);
  // All shards share the archive: without space for it the server exits.
  await until("it ends, or refuses", async () => !server.running || (await readiness(admin)).status === 503);
  await load.stop();
  if (server.running) limitFiles(server.pid, "unlimited");
  // A server that refuses may still exit: the write of the archive that fails comes after those of the logs.
  await until(
    "it has ended, or serves",
    async () => !server.running || (await readiness(admin)).status === 200,
    30_000,
  );
  if (!server.running) expect((await server.exited).lines).toHaveLength(1);
  const next = server.running ? server : await testServer(server.settings);
  await waitUntilReady(operator(next), 30_000);
  await load.settle(next.url);
  await checkBooks(next.url, load);
});

test("Redis is out of memory for long: writes are refused, the log has no gap, and with memory again the server continues by itself", async () => {
  const redis = await testRedis();
  const { server, admin, load, client } = await begun({ WAL_URL: redis.url });
  const tamper = redis.client();
  await tamper.config("SET", "maxmemory", "1");
  await until("it says why", async () => (await readiness(admin)).text.includes("OOM command not allowed"));
  await load.stop();
  const lengths = () => Promise.all([0, 1].map((shard) => tamper.xlen(streamKey(1, shard))));
  const before = await lengths();
  await until(
    "it has been tried often",
    async () =>
      (await shardsOf(admin)).every(({ restarts, status }) => restarts > RESTARTS_MAX || status === "failed"),
    30_000,
  );
  await expectRefused(client, load);
  expect(await lengths()).toEqual(before);
  await tamper.config("SET", "maxmemory", "0");
  await waitUntilReady(admin, 30_000);
  load.begin(server.url, 8);
  await load.moreAcknowledged(60);
  await load.stop();
  expect(load.broken, "everybody got an answer").toBe(0);
  await checkBooks(server.url, load);
});
