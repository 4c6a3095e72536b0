/** Snapshots in a real Redis, also while it is down or full. */
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { parseLogUrl } from "../../../src/wal/open.ts";
import { RedisSnapshotStore } from "../../../src/wal/redis/redis-snapshots.ts";
import { RedisServer } from "../../support/redis.ts";
import { testRedis, within } from "../../support/server.ts";
import { describeSnapshotStore, readSlot } from "./snapshot-store-contract.ts";

const WAIT_MS_MAX = 30_000;

function openStore(url: string, name: string): RedisSnapshotStore {
  const location = parseLogUrl(url);
  if (location.kind !== "redis") throw new Error(`${url} is not the URL of a Redis`);
  return new RedisSnapshotStore(location.address, name);
}

describe("on a Redis that stays", () => {
  let server: RedisServer | undefined;
  let url: string;
  let places = 0;

  beforeAll(async () => {
    url = inject("redisUrl");
    if (url !== "") return;
    server = await RedisServer.start();
    url = server.url;
  });

  afterAll(() => server?.destroy());

  describeSnapshotStore("redis", async () => {
    places += 1;
    // A server given by REDIS_URL may hold any data, so use unique keys.
    const name = `test:${process.pid}:${places}:daybook:{g1s0}:snapshot`;
    const opened: RedisSnapshotStore[] = [];
    const open = () => {
      const store = openStore(url, name);
      opened.push(store);
      return store;
    };
    const destroy = async () => {
      const store = openStore(url, name);
      for (const slot of [0, 1, 2]) await store.clear(slot);
      for (const each of [store, ...opened]) await each.close();
    };
    return { open, destroy };
  });
});

async function testStore(settings: Readonly<Record<string, string>> = {}) {
  const redis = await testRedis({ settings });
  const store = openStore(redis.url, "daybook:{g1s0}:snapshot");
  onTestFinished(() => store.close());
  return { redis, store };
}

test("reading or clearing missing snapshots creates no key", async () => {
  const { redis, store } = await testStore();
  expect(await store.last(0)).toBeUndefined();
  await store.clear(0);
  expect(await redis.client().dbsize()).toBe(0);
  await store.append(0, Buffer.from("chunk"));
  expect(await redis.client().keys("*")).toEqual(["daybook:{g1s0}:snapshot:0"]);
});

test("while Redis is down, writing a chunk fails and reads wait", async () => {
  const { redis, store } = await testStore();
  await store.append(0, Buffer.from("chunk"));
  await redis.kill();
  const reading = store.last(0);
  await expect(store.append(0, Buffer.from("next"))).rejects.toMatchObject({ code: "log_unavailable" });
  await expect(store.clear(0)).rejects.toMatchObject({ code: "log_unavailable" });
  await redis.restart();
  expect(Buffer.from((await within(WAIT_MS_MAX, "it is read", reading)) ?? []).toString()).toBe("chunk");
  expect(await readSlot(store, 0)).toHaveLength(1);
});

test("closing the store ends the wait for a Redis that is down", async () => {
  const { redis, store } = await testStore();
  await redis.kill();
  const reading = Promise.allSettled([store.read(0, 0, 1)]);
  await store.close();
  expect(await within(WAIT_MS_MAX, "the reader is let go", reading)).toMatchObject([
    { status: "rejected", reason: { code: "log_unavailable" } },
  ]);
});

test("a full Redis refuses the next chunk, but clearing a slot works and frees memory", async () => {
  const { redis, store } = await testStore({ maxmemory: "8mb" });
  const chunk = Buffer.alloc(256 * 1024);
  let written = 0;
  const fill = async () => {
    for (; written < 1000; written += 1) await store.append(0, chunk);
  };
  await expect(fill()).rejects.toMatchObject({
    code: "log_unavailable",
    message: expect.stringContaining("OOM command not allowed"),
  });
  expect(written).toBeGreaterThan(3);
  // Stored chunks can still be read.
  expect(await readSlot(store, 0)).toHaveLength(written);
  await store.clear(0);
  await expect
    .poll(() => store.append(1, chunk).then(() => "written"), { timeout: WAIT_MS_MAX })
    .toBe("written");
  expect(await redis.client().exists("daybook:{g1s0}:snapshot:0")).toBe(0);
});

test("a user without permissions gets log_misconfigured", async () => {
  const { redis } = await testStore();
  const client = redis.client();
  await client.call(
    "ACL",
    "SETUSER",
    "app",
    "on",
    ">secret",
    "~daybook:*",
    "+xadd",
    "+ping",
    "+info",
    "+client",
  );
  const store = openStore(`redis+unix://app:secret@localhost${redis.socket}`, "daybook:{g1s0}:snapshot");
  onTestFinished(() => store.close());
  const misconfigured = { code: "log_misconfigured", message: expect.stringContaining("NOPERM") };
  await expect(store.read(0, 0, 1)).rejects.toMatchObject(misconfigured);
  await expect(store.append(0, Buffer.from("chunk"))).rejects.toMatchObject(misconfigured);
  await expect(store.clear(0)).rejects.toMatchObject(misconfigured);
});
