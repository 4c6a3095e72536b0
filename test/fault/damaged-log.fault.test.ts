/** A log that was damaged behind the server's back: it stops where the damage is, or drops what nobody was told. */
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
  Client,
  type Exit,
  makePartner,
  operator,
  refusedStart,
  type Settings,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";
import { checkBooks } from "./books.ts";

const NEEDLE = "needle in the middle of the log";
const ROUNDS = 2;

/** Runs a server with load before and behind one transfer, stops it in good order, and tells where that stands. */
async function loggedNeedle(settings: Settings): Promise<string> {
  const server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)), owners: 4 });
  await load.open(server.url);
  load.begin(server.url, 4);
  await load.moreAcknowledged(50);
  const transfer = { debit_account: "@issuance", credit_account: "owner0/a", amount: 1, memo: NEEDLE };
  const answer = await new Client(server.url, load.partnerKey).send("POST", "/v1/transfers", transfer);
  expect(answer.status).toBe(201);
  await load.moreAcknowledged(50);
  await load.stop();
  server.signal("SIGTERM");
  expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
  return String(answer.headers["daybook-position"]).split(":")[1] ?? "";
}

function expectStopAt(position: string, { code, lines }: Exit): void {
  expect(lines.join("\n")).toContain(position);
  expect(lines.join("\n"), "a hint").toMatch(/restore|copy/i);
  expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
}

function flipIn(bytes: Buffer): Buffer {
  const at = bytes.indexOf(NEEDLE);
  expect(at).toBeGreaterThan(0);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

test("one flipped bit in the middle of a sqlite log stops the start, with its position and what to do", async () => {
  const settings = { DATA_DIR: testFolder(), SHARDS: "1" };
  const position = await loggedNeedle(settings);
  const [epoch = "", seq = ""] = position.split("-");
  const database = new DatabaseSync(join(settings.DATA_DIR, "wal/g1s0.sqlite"));
  const row = database.prepare("SELECT bytes FROM entry WHERE epoch = ? AND seq = ?").get(epoch, seq);
  const damaged = flipIn(Buffer.from(row?.["bytes"] as Uint8Array));
  database.prepare("UPDATE entry SET bytes = ? WHERE epoch = ? AND seq = ?").run(damaged, epoch, seq);
  database.close();
  expectStopAt(position, await refusedStart(settings));
  expectStopAt(position, await refusedStart(settings));
});

test("one flipped bit in the middle of a Redis log stops the start, with its position and what to do", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" };
  const position = await loggedNeedle(settings);
  await redis.stop();
  const file = redis.aofFile();
  writeFileSync(file, flipIn(readFileSync(file)));
  await redis.restart();
  expectStopAt(position, await refusedStart(settings));
});

/** An append that the power cut in the middle of its write. */
function tearRedis(redis: RedisServer): void {
  const file = redis.aofFile();
  const bytes = readFileSync(file);
  const last = bytes.subarray(bytes.lastIndexOf("*6\r\n$4\r\nxadd"));
  expect(last.length).toBeLessThan(bytes.length);
  appendFileSync(file, last.subarray(0, Math.floor(last.length / 2)));
}

/** A commit that the power cut in the middle of its write: a frame of SQLite's own log without its end. */
function tearSqlite(dataDir: string): void {
  for (const shard of [0, 1]) {
    const file = join(dataDir, `wal/g1s${shard}.sqlite-wal`);
    expect(statSync(file).size).toBeGreaterThan(4_096);
    appendFileSync(file, readFileSync(file).subarray(-3_000));
  }
}

test.each(["sqlite", "Redis"])(
  "a tail that was torn in a crash under load is dropped, and nothing acknowledged with it, twice in a row (%s)",
  async (log) => {
    const redis = log === "Redis" ? await testRedis() : undefined;
    const settings = { DATA_DIR: testFolder(), SHARDS: "2", ...(redis && { WAL_URL: redis.url }) };
    let server = await testServer(settings);
    const load = new Load({ partnerKey: await makePartner(operator(server)) });
    await load.open(server.url);
    for (let round = 1; round <= ROUNDS; round++) {
      load.begin(server.url);
      await load.moreAcknowledged(100);
      await Promise.all([server.kill(), redis?.kill()]);
      await load.stop();
      if (redis === undefined) tearSqlite(settings.DATA_DIR);
      else tearRedis(redis);
      await redis?.restart();
      server = await testServer(settings);
      await load.settle(server.url);
    }
    await checkBooks(server.url, load);
  },
);
