/** I1, I2, I3: a bank of eight accounts with 100 in total, read continuously while money moves and shards crash. */
import { describe, expect, test } from "vitest";
import type { Isolation } from "../../src/workers/carriers/carrier.ts";
import { Bank, type CutBody, faultsOfCut, TOTAL } from "../support/bank.ts";
import { expectBalanced } from "../support/compound-books.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import {
  type Client,
  operator,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";

const SHARDS = 4;
/** Shortest duration of each test; for ten minutes set `BANK_MS=600000`. */
const BANK_MS = Number(process.env["BANK_MS"] ?? 2_000);
const TIMEOUT_MS = BANK_MS + 60_000;
/** Minimum numbers of cuts and transfers, however long they take. */
const CUTS_MIN = 200;
const TRANSFERS_MIN = 400;
const SEED = 11;

async function begun(isolation: Isolation, hasOtherHome = false, failpoints = "", gateways = 1) {
  const redis = await testRedis();
  const server = await testServer({
    DATA_DIR: testFolder(),
    WAL_URL: redis.url,
    SHARDS: String(SHARDS),
    ISOLATION: isolation,
    GATEWAYS: String(gateways),
    FAILPOINTS: failpoints,
  });
  return { server, admin: operator(server), bank: await Bank.open(server.url, SHARDS, SEED, hasOtherHome) };
}

/** Runs until the minimum numbers and the duration are reached; repeats `meanwhile`, so many times at least. */
async function runUntilEnough(bank: Bank, timesMin: number, meanwhile: () => Promise<void>): Promise<void> {
  bank.begin();
  const endMs = performance.now() + BANK_MS;
  for (let times = 0; times < timesMin || performance.now() < endMs; times++) await meanwhile();
  await until(
    `${CUTS_MIN} cuts and ${TRANSFERS_MIN} transfers`,
    () => bank.has(CUTS_MIN, TRANSFERS_MIN),
    30_000,
  );
  await bank.stop();
}

/** Waits until the pending transfers have expired, then compares the books with the answers. */
async function expectSettled(bank: Bank): Promise<void> {
  await until("nothing is held", async () => (await bank.held()) === 0);
  await bank.check();
  await expectBalanced(bank.client);
  for (const what of [
    "move 1: 201",
    "move 2: 201",
    "hold 1: 201",
    "hold 2: 201",
    "post",
    "void",
    "revert: 201",
    "read",
    "asked again",
  ])
    expect(bank.tally.get(what) ?? 0, `${what} happens`).toBeGreaterThan(0);
}

/** Cuts and transfers are interleaved: each tenth of the history contains both, so neither waits for the other. */
function expectNoStarvation({ events }: Bank): void {
  const portion = Math.floor(events.length / 10);
  for (let part = 0; part < 10; part++) {
    const there = events.slice(part * portion, (part + 1) * portion);
    expect(new Set(there), `part ${part}`).toEqual(new Set(["cut", "transfer"]));
  }
}

/** Alternates between a restart by the operator and a crash. */
async function kill(admin: Client, isolation: Isolation, round: number): Promise<void> {
  const shard = round % SHARDS;
  const { pid, epoch = 0 } = (await shardsOf(admin))[shard] ?? {};
  if (isolation === "processes" && round % 2 === 0) process.kill(pid ?? -1, "SIGKILL");
  else expect((await admin.send("POST", `/v1/admin/shards/${shard}/restart`)).status).toBe(202);
  await until("it has started anew", async () => {
    const now = (await shardsOf(admin))[shard];
    // A crashed shard restarts by itself only a few times, unless it serves for a while in between.
    if (now?.status === "failed") await admin.send("POST", `/v1/admin/shards/${shard}/restart`);
    return (now?.epoch ?? 0) > epoch;
  });
  await waitUntilReady(admin, 30_000);
}

/** What is read does not depend on where shards run, unless they die. */
describe("threads or processes", () => {
  const isolation = "threads";

  test(
    "every consistent read has the right sum while money moves, and neither reads nor transfers wait for the other",
    async () => {
      const { bank } = await begun(isolation);
      await runUntilEnough(bank, 1, () => bank.client.get("/v1/trial-balance"));
      expectNoStarvation(bank);
      await expectSettled(bank);
    },
    TIMEOUT_MS,
  );

  test(
    "sums are also exact if the home of every transfer, hold and revert is a shard without any of the accounts",
    async () => {
      const { bank } = await begun(isolation, true, "", 2);
      await runUntilEnough(bank, 1, () => bank.client.get("/v1/trial-balance"));
      expectNoStarvation(bank);
      await expectSettled(bank);
    },
    TIMEOUT_MS,
  );
});

describe.each(ISOLATIONS)("%s", (isolation) => {
  test(
    "every consistent read has the right sum while shards crash and restart, and the books match the answers",
    async () => {
      // A thread cannot be killed: it fails once, without an answer to its append.
      const { server, admin, bank } = await begun(
        isolation,
        false,
        isolation === "threads" ? "2:after_append@25" : "",
      );
      let round = 0;
      // Each shard dies once.
      await runUntilEnough(bank, SHARDS, async () => {
        const goal = bank.count("transfer") + 20;
        await until("twenty more transfers", () => bank.has(0, goal), 30_000);
        await kill(admin, isolation, round++);
      });
      const lives = (await shardsOf(admin)).reduce((sum, { epoch }) => sum + epoch, 0);
      expect(lives).toBeGreaterThanOrEqual(SHARDS + round);
      if (isolation === "threads") expect(server.stdout).toContain("failpoint after_append");
      expect(round, "shards died").toBeGreaterThanOrEqual(SHARDS);
      await expectSettled(bank);
    },
    TIMEOUT_MS,
  );
});

/** Eight accounts, of which the second has `missing` less than it should have. */
function cutOf(missing: number, held = 0, onItsWay = 0): CutBody {
  const posted = [30, 10 - missing, 10, 10, 10, 10, 10, 10];
  return {
    data: posted.map((each, no) => ({ id: `a${no}`, posted: each, held, available: each - held, seq: 1 })),
    missing: [],
    in_transit: onItsWay === 0 ? {} : { "PTS/0": onItsWay },
  };
}

test("the checker of this test notices a unit that is missing, surplus, or in transit", () => {
  const good = cutOf(0);
  expect(faultsOfCut(good, TOTAL)).toEqual([]);
  expect(faultsOfCut(cutOf(3, 5, 3), TOTAL)).toEqual([]);
  expect(faultsOfCut(cutOf(1), TOTAL)).toEqual(["99 are there and 0 on their way, not 100"]);
  expect(faultsOfCut(cutOf(-1), TOTAL)).toEqual(["101 are there and 0 on their way, not 100"]);
  expect(faultsOfCut(cutOf(3, 0, 4), TOTAL)).toEqual(["97 are there and 4 on their way, not 100"]);
  expect(faultsOfCut(cutOf(11, 0, 11), TOTAL)).toEqual(["a1 is below zero: -1, 0 held"]);
  expect(faultsOfCut(cutOf(0, 11), TOTAL).length).toBe(7);
  expect(faultsOfCut(cutOf(0, -1), TOTAL).length).toBe(8);
  const wrong = {
    ...good,
    data: good.data.map((account) => ({ ...account, available: account.posted + 1 })),
  };
  expect(faultsOfCut(wrong, TOTAL).length).toBe(8);
  expect(faultsOfCut({ ...good, data: good.data.slice(1) }, TOTAL).length).toBe(2);
});
