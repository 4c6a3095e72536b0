/**
 * Entries that no Daybook server wrote, or that this version cannot decode: the start stops there and reports the
 * position.
 */
import { expect, test } from "vitest";
import { encode } from "../../src/actors/records/pack.ts";
import { StreamJournal } from "../../src/wal/journal.ts";
import { openLogStream, streamKey } from "../../src/wal/open.ts";
import { formatLogId, parseLogId } from "../../src/wal/wal.ts";
import { ISOLATIONS } from "../support/isolations.ts";
import { Load, shardOfOwner } from "../support/load.ts";
import type { RedisServer } from "../support/redis.ts";
import {
  makePartner,
  operator,
  readiness,
  refusedStart,
  shardsOf,
  testFolder,
  testRedis,
  testServer,
  within,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const SHARDS = 2;
const POISONED = 1;
const KEY = streamKey(1, POISONED);
const HUGE_BYTES = 32 << 20;

/** `[op, partner, key, fingerprint, command, outcome]`; an accepted outcome begins with 0. See docs/WAL_FORMAT.md. */
const recordOf = (op: number, asked: unknown, outcome: unknown) => [op, "acme", null, 0, asked, outcome];
const TRANSFER = 1;
const CREDIT = 3;

type Poison = Readonly<{
  name: string;
  /** Appends it to the log; resolves with its id. */
  pour: (redis: RedisServer) => Promise<string>;
  says: RegExp;
}>;

const POISONS: readonly Poison[] = [
  {
    name: "a record of a type that nobody knows",
    pour: batch(encode([recordOf(99, {}, [0, {}])])),
    says: /record 0 .*unknown command 99/,
  },
  {
    name: "a transfer that has no accounts",
    pour: batch(encode([recordOf(TRANSFER, "everything", [0])])),
    says: /record 0 .*array/,
  },
  {
    name: "a transfer between accounts that do not exist",
    pour: batch(
      encode([recordOf(TRANSFER, ["no/a", "no/b", 5, null, null, null, 0], [0, "x", -5, 0, 1, 5, 0, 1])]),
    ),
    says: /record 0 /,
  },
  {
    name: "a credit whose number no other shard has come to",
    pour: batch(
      encode([
        recordOf(CREDIT, ["@issuance", "owner0/a", 5, null, null, null, "x", 0, 0, 9_999_999], [0, 5, 0, 1]),
      ]),
    ),
    says: /record 0 /,
  },
  {
    name: "fewer records than the batch says",
    pour: batch(encode([]), 2),
    says: /record 0 .*as many records as it says/,
  },
  {
    name: "more records than there are bytes",
    pour: batch(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff), 2 ** 32 - 1),
    says: /record 0 /,
  },
  { name: "a huge body of nothing", pour: batch(new Uint8Array(HUGE_BYTES)), says: /record 0 / },
  { name: "no frame, but text", pour: entry("b", "sorry"), says: /cut short: 5 bytes/ },
  { name: "no frame, but much", pour: entry("b", Buffer.alloc(HUGE_BYTES)), says: /bad magic/ },
  { name: "a field of somebody else", pour: entry("who", "somebody"), says: /cut short: 0 bytes/ },
];

/** A valid frame at its place in the chain, under its own claim, as only our code writes it. */
function batch(body: Uint8Array, count = 1): Poison["pour"] {
  return async ({ url }) => {
    const journal = new StreamJournal({
      stream: openLogStream(url, { generation: 1, shard: POISONED }),
      claimant: { instance: "stranger", generation: 1, shard: POISONED, shards: SHARDS },
      witnesses: [],
      mayCreate: false,
    });
    await journal.claim();
    await journal.replay(() => undefined);
    const { id } = await journal.append(Date.now(), count, body);
    await journal.close();
    return formatLogId(id);
  };
}

/** An entry under the next id, as any client of Redis can write it. */
function entry(field: string, value: string | Buffer): Poison["pour"] {
  return async (redis) => {
    const client = redis.client();
    const [last] = await client.xrevrange(KEY, "+", "-", "COUNT", 1);
    const { epoch, seq } = parseLogId(last?.[0] ?? "0-0");
    return String(await client.xadd(KEY, "NOMKSTREAM", formatLogId({ epoch, seq: seq + 1 }), field, value));
  };
}

test("any foreign entry at the end of one shard's log stops the start in one line; without it the start succeeds", async () => {
  const redis = await testRedis();
  const settings = { DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: String(SHARDS) };
  const server = await testServer(settings);
  const load = new Load({ partnerKey: await makePartner(operator(server)), owners: 6, acrossShards: SHARDS });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(60);
  await load.stop();
  server.signal("SIGTERM");
  expect((await within(10_000, "the server has ended", server.exited)).code).toBe(0);
  const backup = testFolder();
  await redis.stop();
  redis.copyTo(backup);

  for (const [no, { name, pour, says }] of POISONS.entries()) {
    redis.replaceBy(backup);
    await redis.restart();
    const id = await pour(redis);
    const ISOLATION = ISOLATIONS[no % ISOLATIONS.length] ?? "threads";
    const { code, lines } = await refusedStart({ ...settings, ISOLATION });
    expect(lines[0], name).toMatch(says);
    expect(lines[0], name).toContain(`${KEY}: bad entry ${id}: `);
    expect(lines[0], name).toMatch(/Restore .* do not delete it/);
    expect({ code, lines: lines.length }, name).toEqual({ code: 1, lines: 1 });
    const behind = await redis.client().xrange(KEY, `(${id}`, "+");
    expect(
      behind.filter((found) => parseLogId(found[0]).seq > 0),
      `${name}: no batch follows`,
    ).toEqual([]);
    await redis.stop();
  }

  redis.replaceBy(backup);
  await redis.restart();
  await checkBooks((await testServer(settings)).url, load);
});

test("a restarting shard that finds a foreign entry stays down and reports its position, and the others serve", async () => {
  const redis = await testRedis();
  const server = await testServer({
    DATA_DIR: testFolder(),
    WAL_URL: redis.url,
    SHARDS: String(SHARDS),
    ISOLATION: "processes",
  });
  const admin = operator(server);
  const others = new Load({ partnerKey: await makePartner(admin) });
  await others.open(server.url, (owner) => shardOfOwner(owner, SHARDS) !== POISONED);
  others.begin(server.url, 4);
  const { pid = 0 } = (await shardsOf(admin))[POISONED] ?? {};
  process.kill(pid, "SIGSTOP");
  const id = await entry("who", "somebody")(redis);
  process.kill(pid, "SIGKILL");
  await until("it is down", async () => (await shardsOf(admin))[POISONED]?.status === "failed");
  const { status, text } = await readiness(admin);
  expect(status).toBe(503);
  expect(text).toContain(`shard ${POISONED} is failed: ${KEY}: bad entry ${id}: `);
  await others.moreAcknowledged(50);
  await others.stop();
  expect([others.count("unknown"), others.count("not_done"), others.broken]).toEqual([0, 0, 0]);
  expect(await redis.client().xlen(KEY), "nothing was written behind it").toBe(
    (await redis.client().xrange(KEY, "-", id)).length,
  );
});
