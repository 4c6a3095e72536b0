/** One owner per log: a replaced server neither writes nor shows stale data. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  type Answer,
  Client,
  type Exit,
  makePartner,
  operator,
  refusedStart,
  type ServerProcess,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const ISSUE = { debit_account: "@issuance", credit_account: "witness/a", amount: 7 };

function expectOneLine({ code, lines }: Exit, says: RegExp): void {
  expect(lines.join("\n")).toMatch(says);
  expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
}

async function first(isolation = "threads") {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "2", ISOLATION: isolation };
  const old = await testServer(settings);
  const partnerKey = await makePartner(operator(old));
  const otherKey = await makePartner(operator(old), "other");
  const load = new Load({ partnerKey });
  await load.open(old.url);
  const replace = (): Promise<ServerProcess> => testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url });
  return { redis, old, otherKey, load, replace };
}

test.each(["threads", "processes"])(
  "a server whose log is claimed by another under load exits with one line, and has acknowledged only logged commands (%s)",
  async (isolation) => {
    const { old, load, replace } = await first(isolation);
    load.begin(old.url);
    await load.moreAcknowledged(150);
    const next = await replace();
    const exit = await within(5_000, "the replaced server ends", old.exited);
    await load.stop();
    expectOneLine(exit, /another owner|not above the last entry/);
    expect(exit.lines[0]).toContain("two must not own one log");
    await checkBooks(next.url, load);
  },
);

// Under load its next append is refused at once; when idle, only the lease prevents stale reads.
test.each([
  ["under load", "threads"],
  ["idle", "threads"],
  ["idle", "processes"],
])(
  "a server that was stopped (%s, %s), replaced and resumed shows nothing stale and writes nothing",
  async (how, isolation) => {
    const isBusy = how === "under load";
    const { redis, old, otherKey, load, replace } = await first(isolation);
    const shards = (await shardsOf(operator(old))).map(({ pid }) => pid).filter((pid) => pid !== undefined);
    const signal = (name: NodeJS.Signals) => {
      old.signal(name);
      for (const pid of shards) process.kill(pid, name);
    };
    load.begin(old.url);
    await load.moreAcknowledged(100);
    if (!isBusy) await load.stop();
    // Use open connections: their requests wait in the sockets of the stopped server.
    const stale = new Client(old.url, otherKey);
    await Promise.all(Array.from({ length: 10 }, () => stale.get("/healthz")));
    signal("SIGSTOP");
    const next = await replace();

    // The stopped server cannot know of these changes.
    const client = new Client(next.url, otherKey);
    const opened = await client.send("POST", "/v1/accounts", { id: "witness/a", asset: "PTS/0" });
    expect(opened.status).toBe(201);
    expect((await client.send("POST", "/v1/transfers", ISSUE)).status).toBe(201);

    const ask = (): Promise<Answer | undefined>[] => [
      ...[
        "/v1/accounts/witness%2Fa",
        "/v1/accounts/witness%2Fa/entries",
        "/v1/accounts?prefix=witness",
        "/v1/accounts/@issuance",
        "/v1/transfers?account=witness/a",
      ].map((path) => stale.send("GET", path).catch(() => undefined)),
      ...Array.from({ length: isBusy ? 4 : 0 }, () =>
        stale.send("POST", "/v1/transfers", ISSUE).catch(() => undefined),
      ),
    ];
    const asked = ask();
    // While the log does not answer, only the old server's own clock prevents stale reads.
    redis.pause();
    signal("SIGCONT");
    asked.push(...ask());
    for (let round = 0; round < 10; round++) await stale.get("/healthz");
    redis.resume();
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer !== undefined && answer.status < 500)).toEqual([]);
    expectOneLine(await within(5_000, "the replaced server ends", old.exited), /another owner|not above/);
    await load.stop();

    expect(await client.get("/v1/accounts/witness%2Fa")).toMatchObject({ posted: ISSUE.amount, seq: 1 });
    await checkBooks(next.url, load);
  },
);

test("a server whose shard restarts while another server takes its log over exits, and does not disturb the other", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1", ISOLATION: "processes" };
  const old = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(old)) });
  await load.open(old.url);
  load.begin(old.url, 4);
  await load.moreAcknowledged(50);
  const { pid = 0 } = (await shardsOf(operator(old)))[0] ?? {};
  // Its supervisor has not noticed the end of its shard yet when the other server starts.
  old.signal("SIGSTOP");
  process.kill(pid, "SIGKILL");
  const next = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url });
  old.signal("SIGCONT");
  expectOneLine(await within(10_000, "the replaced server ends", old.exited), /another owner/);
  await load.stop();
  await checkBooks(next.url, load);
  expect((await shardsOf(operator(next))).map(({ restarts }) => restarts)).toEqual([0]);
});

test.each(["sqlite", "Redis"])(
  "a second server on the folders of a running one is refused in one line, and the first keeps serving (%s)",
  async (log) => {
    const dataDir = testFolder();
    const wal = log === "Redis" ? { WAL_URL: (await testRedis()).url } : {};
    const settings = { DATA_DIR: dataDir, SHARDS: "2", ...wal };
    const server = await testServer(settings);
    const load = new Load({ partnerKey: await makePartner(operator(server)) });
    await load.open(server.url);
    load.begin(server.url, 4);
    await load.moreAcknowledged(50);
    const refusals = [await refusedStart(settings)];
    if (log === "sqlite")
      refusals.push(
        await refusedStart({ DATA_DIR: testFolder(), WAL_URL: `sqlite:${dataDir}/wal`, SHARDS: "2" }),
      );
    for (const exit of refusals)
      expectOneLine(exit, new RegExp(`in use by another Daybook server \\(pid ${server.pid}\\)`));
    await load.moreAcknowledged(50);
    await load.stop();
    expect([load.broken, load.count("unknown"), load.count("not_done")]).toEqual([0, 0, 0]);
    await checkBooks(server.url, load);
  },
);

test("a server that was stopped and not replaced continues", async () => {
  const { old, load } = await first();
  load.begin(old.url);
  await load.moreAcknowledged(50);
  old.signal("SIGSTOP");
  const beforeMs = performance.now();
  await until("the lease is over", () => performance.now() - beforeMs > 1_500);
  old.signal("SIGCONT");
  await load.moreAcknowledged(50);
  await load.stop();
  expect(load.broken).toBe(0);
  await checkBooks(old.url, load);
});
