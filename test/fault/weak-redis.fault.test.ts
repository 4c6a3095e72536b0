/** A Redis that may lose what it acknowledges is no log. */
import { expect, test } from "vitest";
import { Load } from "../support/load.ts";
import {
  becomesReady,
  makePartner,
  operator,
  readiness,
  refusedStart,
  testFolder,
  testRedis,
  testServer,
  until,
} from "../support/server.ts";
import { checkBooks } from "./books.ts";

const WEAKNESSES = [
  { settings: { appendonly: "no" }, says: "appendonly is no" },
  { settings: { appendfsync: "everysec" }, says: "appendfsync is everysec" },
  { settings: { "maxmemory-policy": "allkeys-lru" }, says: "maxmemory-policy is allkeys-lru" },
  { settings: { "no-appendfsync-on-rewrite": "yes" }, says: "no-appendfsync-on-rewrite is yes" },
];

test("a server refuses a Redis that may lose data and says why in one line", async () => {
  await Promise.all(
    WEAKNESSES.map(async ({ settings, says }) => {
      const redis = await testRedis({ settings });
      const { code, lines } = await refusedStart({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" });
      expect(lines.join("\n")).toContain(says);
      expect({ code, lines: lines.length }).toEqual({ code: 1, lines: 1 });
      expect(await redis.client().keys("*"), "nothing was written").toEqual([]);
    }),
  );
});

test("a server that is told to accept weak durability starts, and says so for as long as it lasts", async () => {
  const redis = await testRedis({ settings: { appendfsync: "everysec" } });
  const server = await testServer({
    DATA_DIR: testFolder(),
    WAL_URL: redis.url,
    SHARDS: "1",
    ALLOW_WEAK_DURABILITY: "true",
  });
  const { status, text } = await readiness(operator(server));
  expect(status).toBe(200);
  const { warnings } = JSON.parse(text) as { warnings: string[] };
  expect(warnings.join()).toContain("appendfsync is everysec");
});

test("a Redis that is weakened at run time gets no more writes until it is set right", async () => {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" });
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin) });
  await load.open(server.url);
  load.begin(server.url, 8);
  await load.moreAcknowledged(100);
  const tamper = redis.client();
  await tamper.config("SET", "appendfsync", "no");
  await until("it stops and says why", async () => {
    const { status, text } = await readiness(admin);
    return status === 503 && text.includes("appendfsync is no");
  });
  const acknowledged = load.acknowledged;
  const length = await tamper.xlen("daybook:{g1s0}:wal");
  await until("callers are refused", () => load.count("not_done") > 50);
  expect(load.acknowledged).toBe(acknowledged);
  expect(await tamper.xlen("daybook:{g1s0}:wal")).toBe(length);
  await tamper.config("SET", "appendfsync", "always");
  await becomesReady(admin);
  await load.moreAcknowledged(100);
  await load.stop();
  await checkBooks(server.url, load);
});
