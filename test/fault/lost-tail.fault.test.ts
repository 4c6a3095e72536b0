/** I8: a log that lost its end is noticed by the other shards, also when nothing else remembers it. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ISOLATIONS } from "../support/isolations.ts";
import { Load } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
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

const SHARDS = 2;

function keyOf(shard: number): string {
  return `daybook:{g1s${shard}}:wal`;
}

async function copyOf(redis: RedisServer, shard: number): Promise<Buffer> {
  const copy = await redis.client().dumpBuffer(keyOf(shard));
  if (copy === null) throw new Error(`there is no ${keyOf(shard)}`);
  return copy;
}

async function restore(redis: RedisServer, shard: number, copy: Buffer): Promise<void> {
  await redis.client().restore(keyOf(shard), 0, copy, "REPLACE");
}

/** Everything that remembers where the logs had ended. */
function forgetWitnesses(dataDir: string): void {
  const names = readdirSync(dataDir).filter((name) => name === "archive" || name.startsWith("witness-"));
  expect(names).toContain("archive");
  for (const name of names) rmSync(join(dataDir, name), { recursive: true });
}

/** Serves until `count` more transfers are answered, and ends in good order. */
async function isUsed(settings: Settings, load: Load | undefined, count: number): Promise<Load> {
  const server = await testServer(settings);
  const used = load ?? (await opened(server.url, await makePartner(operator(server))));
  used.begin(server.url, 8);
  await used.moreAcknowledged(count);
  await used.stop();
  server.signal("SIGTERM");
  expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
  return used;
}

async function opened(url: string, partnerKey: string): Promise<Load> {
  const load = new Load({ partnerKey, owners: 6, acrossShards: SHARDS });
  await load.open(url);
  return load;
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  test("an older copy of one shard's log, with nobody to remember it but the other shard, stops the start in one line", async () => {
    const redis = await testRedis();
    const dataDir = testFolder();
    const settings = {
      DATA_DIR: dataDir,
      WAL_URL: redis.url,
      SHARDS: String(SHARDS),
      ISOLATION: isolation,
    };
    const load = await isUsed(settings, undefined, 60);
    const older = [await copyOf(redis, 0), await copyOf(redis, 1)] as const;
    await isUsed(settings, load, 60);
    for (const loser of [0, 1] as const) {
      const newest = await copyOf(redis, loser);
      forgetWitnesses(dataDir);
      await restore(redis, loser, older[loser]);
      const { code, lines } = await refusedStart(settings);
      expect(lines.join("\n")).toContain(`the log of shard ${loser} has lost its end`);
      expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
      await restore(redis, loser, newest);
    }
    // What was refused has not harmed what is whole.
    const server = await testServer(settings);
    await checkBooks(server.url, load);
  });
});
