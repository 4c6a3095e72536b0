/** A Redis that may lose acknowledged data must not be used as a log. */
import { expect, test } from "vitest";
import { streamKey } from "../../src/wal/open.ts";
import { Load } from "../support/load.ts";
import {
  makePartner,
  operator,
  readiness,
  refusedStart,
  testFolder,
  testRedis,
  testServer,
  waitUntilReady,
} from "../support/server.ts";
import { until } from "../support/until.ts";
import { checkBooks } from "./books.ts";

const CALLERS = 2;
const FILLERS = 200;
const REWRITE_MICROSECONDS = 2_000_000;

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

test("with ALLOW_WEAK_DURABILITY a server starts, and shows a warning as long as it runs", async () => {
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

/** Each setting with its correct value. An append detects the change, or without writes the renewal of the lease. */
const AT_RUN_TIME = [
  { setting: "appendfsync", weak: "no", right: "always", isBusy: true },
  { setting: "appendfsync", weak: "everysec", right: "always", isBusy: false },
  { setting: "appendonly", weak: "no", right: "yes", isBusy: false },
  { setting: "no-appendfsync-on-rewrite", weak: "yes", right: "no", isBusy: false },
  { setting: "maxmemory-policy", weak: "allkeys-lru", right: "noeviction", isBusy: false },
];

test("a Redis whose settings become unsafe at run time gets no writes until they are corrected", async () => {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" });
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin) });
  await load.open(server.url);
  const tamper = redis.client();
  for (const { setting, weak, right, isBusy } of AT_RUN_TIME) {
    load.begin(server.url, CALLERS);
    await load.moreAcknowledged(30);
    if (!isBusy) await load.stop();
    await tamper.config("SET", setting, weak);
    await until("it stops and says why", async () => {
      const { status, text } = await readiness(admin);
      return status === 503 && text.includes(`${setting} is ${weak}`);
    });
    const { acknowledged } = load;
    const length = await tamper.xlen(streamKey(1, 0));
    const refused = load.count("not_done");
    if (!isBusy) load.begin(server.url, CALLERS);
    await until("callers are refused", () => load.count("not_done") > refused + 20);
    expect(load.acknowledged).toBe(acknowledged);
    expect(await tamper.xlen(streamKey(1, 0))).toBe(length);
    await tamper.config("SET", setting, right);
    await waitUntilReady(admin);
    await load.moreAcknowledged(30);
    await load.stop();
  }
  expect(load.broken, "everybody got an answer").toBe(0);
  await checkBooks(server.url, load);
});

/** During the rewrite Redis appends to a file that counts only once the rewrite is complete. */
test("a Redis whose AOF was off is written to again only once its data is on its disk", async () => {
  const redis = await testRedis();
  const server = await testServer({ DATA_DIR: testFolder(), WAL_URL: redis.url, SHARDS: "1" });
  const admin = operator(server);
  const load = new Load({ partnerKey: await makePartner(admin) });
  await load.open(server.url);
  const tamper = redis.client();
  await tamper.mset(Array.from({ length: FILLERS }, (_, no) => [`filler${no}`, "x"]).flat());
  await tamper.config("SET", "appendonly", "no");
  await until("it stops", async () => (await readiness(admin)).text.includes("appendonly is no"));
  await tamper.config("SET", "rdb-key-save-delay", String(REWRITE_MICROSECONDS / FILLERS));
  await tamper.config("SET", "appendonly", "yes");
  await waitUntilReady(admin);
  load.begin(server.url, CALLERS);
  await load.moreAcknowledged(50);
  await redis.kill();
  await redis.restart();
  await waitUntilReady(admin);
  await load.stop();
  await checkBooks(server.url, load);
});
