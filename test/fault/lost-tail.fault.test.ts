/** I8: the other shards detect a log that lost its end, even if no witness remembers it. */
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

/** Removes everything that remembers the ends of the logs. */
function forgetWitnesses(dataDir: string): void {
  const names = readdirSync(dataDir).filter((name) => name === "archive" || name.startsWith("witness-"));
  expect(names).toContain("archive");
  for (const name of names) rmSync(join(dataDir, name), { recursive: true });
}

describe.each(ISOLATIONS)("%s", (isolation) => {
  test("an older copy of one shard's log, detected only by the other shard, stops the start in one line", async () => {
    // A loss on the debit's shard and one on the credit's shard are detected in the same way.
    const loser = isolation === "threads" ? 0 : 1;
    const redis = await testRedis();
    const dataDir = testFolder();
    const settings = {
      DATA_DIR: dataDir,
      WAL_URL: redis.url,
      SHARDS: String(SHARDS),
      ISOLATION: isolation,
    };
    const server = await testServer(settings);
    const partnerKey = await makePartner(operator(server));
    const load = new Load({ partnerKey, owners: 6, acrossShards: SHARDS });
    await load.open(server.url);
    load.begin(server.url, 8);
    await load.moreAcknowledged(60);
    const older = await copyOf(redis, loser);
    await load.moreAcknowledged(60);
    await load.stop();
    server.signal("SIGTERM");
    expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
    const newest = await copyOf(redis, loser);

    forgetWitnesses(dataDir);
    await restore(redis, loser, older);
    const { code, lines } = await refusedStart(settings);
    expect(lines.join("\n")).toContain(`the log of shard ${loser} has lost its end`);
    expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });

    // The refusals have not changed the intact log.
    await restore(redis, loser, newest);
    await checkBooks((await testServer(settings)).url, load);
  });
});
