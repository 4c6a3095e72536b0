/** A log that was damaged on disk: the server stops at the damage, or drops only what was never acknowledged. */
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { Load } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
  Client,
  type Exit,
  makePartner,
  operator,
  refusedStart,
  ServerProcess,
  type Settings,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";
import { checkBooks } from "./books.ts";

const NEEDLE = "needle in the middle of the log";
const ROUNDS = 2;

/** Runs a server with load before and after one transfer, stops it, and returns that transfer's position. */
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

/** The allowed results of a damaged AOF: Redis does not start, the server stops at a position, or nothing is missing. */
type End = "Redis refuses" | "we stop" | "nothing is missing";

const DAMAGES: readonly Readonly<{ name: string; damage: (aof: Aof) => Buffer; ends: readonly End[] }>[] = [
  {
    name: "zeros behind its end, as a power cut leaves them",
    damage: ({ bytes }) => Buffer.concat([bytes, Buffer.alloc(4_096)]),
    ends: ["Redis refuses", "nothing is missing"],
  },
  {
    name: "zeros where its last bytes were",
    damage: ({ bytes }) => Buffer.concat([bytes.subarray(0, -40), Buffer.alloc(40)]),
    ends: ["we stop", "Redis refuses"],
  },
  {
    name: "zeros where a block in the middle was",
    damage: ({ bytes }) => bytes.fill(0, 4_096, 8_192),
    ends: ["Redis refuses", "we stop"],
  },
  {
    name: "a block of the disk twice",
    damage: ({ bytes }) => Buffer.concat([bytes.subarray(0, 8_192), bytes.subarray(4_096)]),
    ends: ["Redis refuses", "we stop"],
  },
  {
    name: "an append twice",
    damage: ({ bytes, appends, middle }) =>
      Buffer.concat([bytes.subarray(0, appends[middle + 1]), bytes.subarray(appends[middle])]),
    ends: ["nothing is missing"],
  },
  {
    name: "its last append twice",
    damage: ({ bytes, appends }) => Buffer.concat([bytes, bytes.subarray(appends.at(-1))]),
    ends: ["nothing is missing"],
  },
  {
    name: "an append missing",
    damage: ({ bytes, appends, middle }) =>
      Buffer.concat([bytes.subarray(0, appends[middle]), bytes.subarray(appends[middle + 1])]),
    ends: ["we stop"],
  },
  {
    name: "two appends in the wrong order",
    damage: ({ bytes, appends, middle }) =>
      Buffer.concat([
        bytes.subarray(0, appends[middle]),
        bytes.subarray(appends[middle + 1], appends[middle + 2]),
        bytes.subarray(appends[middle], appends[middle + 1]),
        bytes.subarray(appends[middle + 2]),
      ]),
    ends: ["we stop"],
  },
  {
    name: "another id at an append",
    damage: ({ bytes, appends, middle }) => {
      const at = bytes.indexOf(`1-${middle}\r\n`, appends[middle]);
      bytes.write("9", at);
      return bytes;
    },
    ends: ["we stop"],
  },
];

/** `appends`: the offset of each append. Batch 1-n is number n, since the claim comes first. */
type Aof = Readonly<{ bytes: Buffer; appends: readonly number[]; middle: number }>;

function parseAof(bytes: Buffer): Aof {
  const appends = [...bytes.toString("latin1").matchAll(/\*[56]\r\n\$4\r\nxadd\r\n/g)].map(
    ({ index }) => index,
  );
  return { bytes, appends, middle: appends.length >> 1 };
}

test("for any damage of the AOF, Redis refuses it, or the start stops at a position, or nothing is missing", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" };
  const server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)), owners: 4 });
  await load.open(server.url);
  load.begin(server.url, 4);
  await load.moreAcknowledged(200);
  await load.stop();
  await server.kill();
  await redis.stop();
  const backup = testFolder();
  redis.copyTo(backup);

  for (const { name, damage, ends } of DAMAGES) {
    redis.replaceBy(backup);
    writeFileSync(redis.aofFile(), damage(parseAof(readFileSync(redis.aofFile()))));
    expect(ends, name).toContain(await endOf(redis, settings, load));
    await redis.stop();
  }
  redis.replaceBy(backup);
  await redis.restart();
  expect(await endOf(redis, settings, load)).toBe("nothing is missing");
});

async function endOf(redis: RedisServer, settings: Settings, load: Load): Promise<End> {
  const starts = await redis.restart().then(
    () => true,
    () => false,
  );
  if (!starts) return "Redis refuses";
  const server = ServerProcess.launch(settings);
  onTestFinished(async () => void (await server.kill()));
  try {
    await server.serving();
  } catch {
    const { code, lines } = await within(10_000, "the server has ended", server.exited);
    expect(lines.join("\n")).toMatch(/daybook:\{g1s0\}:wal: bad entry \d+-\d+: .*Restore/);
    expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
    return "we stop";
  }
  await checkBooks(server.url, load);
  await server.kill();
  return "nothing is missing";
}

/** An append that a power cut has truncated. */
function tearRedis(redis: RedisServer): void {
  const file = redis.aofFile();
  const bytes = readFileSync(file);
  const last = bytes.subarray(bytes.lastIndexOf("*6\r\n$4\r\nxadd"));
  expect(last.length).toBeLessThan(bytes.length);
  appendFileSync(file, last.subarray(0, Math.floor(last.length / 2)));
}

/** A commit that a power cut has truncated: a frame of SQLite's WAL without its end. */
function tearSqlite(dataDir: string): void {
  for (const shard of [0, 1]) {
    const file = join(dataDir, `wal/g1s${shard}.sqlite-wal`);
    expect(statSync(file).size).toBeGreaterThan(4_096);
    appendFileSync(file, readFileSync(file).subarray(-3_000));
  }
}

test.each(["sqlite", "Redis"])(
  "a torn tail after a crash under load is dropped, without anything acknowledged, twice in a row (%s)",
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
