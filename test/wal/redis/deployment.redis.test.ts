/** Checks the files of deploy/ and the compose file, partly on a real Redis. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { openLogStream, openSnapshotStore, parseLogUrl } from "../../../src/wal/open.ts";
import { checkBooks } from "../../fault/books.ts";
import { loadAndSnapshots, openLoad, SHARDS, SnapshotPlace, snapshotShards } from "../../fault/snapshots.ts";
import { deployedIn, urlOf } from "../../support/deployed-redis.ts";
import { RedisServer } from "../../support/redis.ts";
import { testFolder, testRedis, testServer } from "../../support/server.ts";
import { makeJournal, replayAll, write } from "../journal-contract.ts";

const STREAM = { generation: 1, shard: 0 };
const ROOT = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

describe("Redis with the conf and the users of deploy/redis", () => {
  let dir: string;
  let server: RedisServer;
  let url: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "daybook-acl-"));
    server = await RedisServer.start(deployedIn(dir));
    url = urlOf(server, "daybook");
  });

  afterAll(async () => {
    await server.destroy();
    rmSync(dir, { recursive: true, force: true });
  });

  test("the application's ACL user may run every command of the journal", async () => {
    const journal = makeJournal(openLogStream(url, STREAM));
    await write(journal, "a", "b");
    await journal.confirmOwner();
    const next = makeJournal(openLogStream(url, STREAM));
    await next.claim();
    expect((await replayAll(next)).length).toBe(2);
    await expect(journal.append(1, 1, Buffer.from("c"))).rejects.toMatchObject({ code: "fenced" });
    await server.restart();
    await expect
      .poll(() =>
        next.confirmOwner().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await next.append(1, 1, Buffer.from("c"));
    await journal.close();
    await next.close();
  });

  test("it may trim, which drops only the oldest entries", async () => {
    const client = server.client({ username: "daybook", password: "app-secret" });
    expect(await client.xtrim("daybook:{g1s0}:wal", "MINID", "1-0")).toBe(0);
  });

  test("it may write and clear snapshots", async () => {
    const store = openSnapshotStore(url, STREAM);
    await store.append(0, Buffer.from("chunk"));
    expect(await store.read(0, 0, 1)).toHaveLength(1);
    expect(await store.last(0)).toEqual(Buffer.from("chunk"));
    await store.clear(0);
    expect(await store.last(0)).toBeUndefined();
    await store.close();
  });

  test.each([
    "DEL daybook:{g1s0}:wal",
    "UNLINK daybook:{g1s0}:wal",
    "UNLINK daybook:{g1s0}:snapshot:0 daybook:{g1s0}:wal",
    "DEL daybook:{g1s0}:snapshot:0",
    "LPOP daybook:{g1s0}:snapshot:0",
    "LRANGE other:{g1s0}:snapshot:0 0 1",
    "RENAME daybook:{g1s0}:wal daybook:x",
    "RENAME daybook:{g1s0}:snapshot:0 daybook:{g1s0}:wal",
    "RPUSH daybook:{g1s0}:wal x",
    "COPY daybook:{g1s0}:wal daybook:x",
    "RESTORE daybook:x 0 x",
    "FLUSHALL",
    "FLUSHDB",
    "XSETID daybook:{g1s0}:wal 99-0",
    "XDEL daybook:{g1s0}:wal 1-0",
    "EXPIRE daybook:{g1s0}:wal 1",
    "SWAPDB 0 1",
    "MOVE daybook:{g1s0}:wal 1",
    "SET daybook:{g1s0}:wal x",
    "CONFIG SET appendfsync no",
    "BGREWRITEAOF",
    "REPLICAOF NO ONE",
    "SHUTDOWN NOSAVE",
    "ACL LIST",
    "MULTI",
    "EVAL return 0",
    "XADD other:{g1s0}:wal 1-0 b x",
  ])("it cannot %s", async (line) => {
    const client = server.client({ username: "daybook", password: "app-secret" });
    const [command = "", ...args] = line.split(" ");
    await expect(client.call(command, ...args)).rejects.toThrow(/NOPERM|No permissions/i);
  });

  test("anonymous clients are refused, and the health check's user may only PING", async () => {
    await expect(server.client({}).ping()).rejects.toThrow(/NOAUTH/);
    const healthcheck = server.client({ username: "healthcheck", password: "none" });
    expect(await healthcheck.ping()).toBe("PONG");
    await expect(healthcheck.get("daybook:x")).rejects.toThrow(/NOPERM/);
  });
});

test("a server on the files of deploy/redis takes snapshots, trims its logs, and restarts from its snapshots", async () => {
  const redis = await testRedis(deployedIn(testFolder()));
  const wal = { WAL_URL: urlOf(redis, "daybook"), SNAPSHOT_RECORDS: "100" };
  const settings = { ...wal, DATA_DIR: testFolder(), SHARDS: String(SHARDS) };
  const server = await testServer(settings);
  const load = await openLoad(server);
  await loadAndSnapshots(server, load, 3);
  const place = new SnapshotPlace(settings, undefined);
  await place.becomesTrimmed();
  await server.kill();

  const next = await testServer(settings);
  for (const { recovery } of await snapshotShards(next)) expect(recovery.snapshot_position).not.toBeNull();
  expect(server.stdout).not.toContain("NOPERM");
  await checkBooks(next.url, load);
});

describe("the compose file", () => {
  const compose: {
    services: Record<"redis" | "app" | "test", Record<string, unknown>>;
    volumes: Record<string, unknown>;
  } = parse(read("docker-compose.yml"));
  const { redis, app, test: tests } = compose.services;

  test("starts Redis with its conf, its users and a volume, and has a health check", () => {
    expect(redis).toMatchObject({
      volumes: [
        "redis-data:/data",
        "./deploy/redis/redis.conf:/etc/daybook/redis.conf:ro",
        "./deploy/redis/users.acl:/etc/daybook/users.acl:ro",
      ],
      healthcheck: { test: ["CMD-SHELL", expect.stringContaining("--user healthcheck")] },
    });
    expect(JSON.stringify(redis["command"])).toContain("redis-server /etc/daybook/redis.conf --aclfile");
    expect(redis).not.toHaveProperty("ports");
    expect(compose.volumes).toHaveProperty("redis-data");
  });

  test("starts the server once Redis is healthy, with a valid WAL_URL and a volume for its data", () => {
    expect(app).toMatchObject({
      build: { target: "server" },
      depends_on: { redis: { condition: "service_healthy" } },
      environment: { HOST: "0.0.0.0", DATA_DIR: "/data" },
      volumes: ["app-data:/data"],
    });
    const walUrl = (app["environment"] as Record<string, string>)["WAL_URL"] ?? "";
    expect(parseLogUrl(walUrl.replace(/\$\{\w+:-(\w+)\}/, "$1"))).toEqual({
      kind: "redis",
      address: { host: "redis", port: 6379, tls: false, username: "daybook", password: "daybook" },
    });
  });

  test("runs the tests in a profile", () => {
    expect(tests).toMatchObject({ profiles: ["test"], build: { target: "test" }, command: ["npm", "test"] });
  });

  test("every placeholder of the users file is replaced", () => {
    for (const [, name] of read("deploy/redis/users.acl").matchAll(/@([A-Z_]+)@/g)) {
      expect(JSON.stringify(redis["command"])).toContain(`s|@${name}@|`);
      expect(redis["environment"]).toHaveProperty(name ?? "");
    }
  });
});

test("the image runs the locked runtime as a non-root user and has a health check", () => {
  const dockerfile = read("Dockerfile");
  for (const line of [
    /^FROM node:26-bookworm-slim AS base$/m,
    /libatomic1/,
    /^RUN npm ci --omit=dev/m,
    /^USER node$/m,
    /^HEALTHCHECK /m,
    /\/readyz/,
    /^CMD \["node", "bin\/run.mjs", "src\/main.ts"\]$/m,
  ]) {
    expect(dockerfile).toMatch(line);
  }
});
