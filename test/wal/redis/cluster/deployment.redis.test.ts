/** Checks the files of deploy/redis/cluster, on real processes with their settings and users. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { openLogStream, openSnapshotStore, parseLogUrl, streamKey } from "../../../../src/wal/open.ts";
import { ClusterPlace } from "../../../../src/wal/redis/cluster/cluster-place.ts";
import { slotOf } from "../../../../src/wal/redis/cluster/cluster-view.ts";
import { daybook } from "../../../cli/cli.ts";
import { LEVELS } from "../../../support/cluster-levels.ts";
import { RedisCluster } from "../../../support/redis-cluster.ts";
import { makeScratchFolder } from "../../../support/scratch-folder.ts";
import { refusedStart, testFolder } from "../../../support/server.ts";
import { as, makeJournal, replayAll, write } from "../../journal-contract.ts";

const STREAM = { generation: 1, shard: 0 };
const USER = { username: "daybook", password: "daybook-secret" };
const DEPLOY = new URL("../../../../deploy/redis/", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, DEPLOY), "utf8");

describe.each(LEVELS)("a cluster of $level with the files of deploy/redis/cluster", ({ program }) => {
  let dir: string;
  let cluster: RedisCluster;
  let url: string;

  beforeAll(async () => {
    dir = makeScratchFolder("daybook-deployed");
    const configFile = join(dir, "redis.conf");
    const aclfile = join(dir, "users.acl");
    writeFileSync(configFile, `${read("redis.conf")}\n${read("cluster/cluster.conf")}`);
    const acl = read("cluster/users.acl").replaceAll(
      /@(\w+)_PASSWORD@/g,
      (_, name: string) => `${name.toLowerCase()}-secret`,
    );
    writeFileSync(aclfile, acl);
    cluster = await RedisCluster.start(2, {
      program,
      configFile,
      settings: { aclfile, masteruser: "replica", masterauth: "replica-secret" },
      operator: { username: "operator", password: "operator-secret" },
    });
    url = cluster.url.replace("://", "://daybook:daybook-secret@");
  });

  afterAll(async () => {
    await cluster.destroy();
    rmSync(dir, { recursive: true });
  });

  test("the application's user may run every command of the journal and of snapshots", async () => {
    const journal = makeJournal(openLogStream(url, { ...STREAM, rememberedBytes: 1 << 20 }), as("one", 1));
    await write(journal, "a", "b");
    await journal.confirmOwner();
    // One of the two may have been enough so far.
    await cluster.catchesUp(streamKey(1, 0));
    const [replica] = await cluster.replicas(streamKey(1, 0));
    const asked = new ClusterPlace([{ host: "127.0.0.1", port: replica?.port ?? 0, tls: false, ...USER }]);
    expect(await asked.highestEpoch(streamKey(1, 0))).toBe(1);
    await (await cluster.primary(streamKey(1, 0))).client.call("CLIENT", "KILL", "TYPE", "normal");
    await journal.append(1, 1, Buffer.from("c"));
    const next = makeJournal(openLogStream(url, STREAM), as("two", 1));
    await next.claim();
    expect(await replayAll(next)).toHaveLength(3);
    expect(await next.trim({ epoch: 1, seq: 1 })).toBe(false);
    const store = openSnapshotStore(url, STREAM);
    await store.append(3, Buffer.from("chunk"));
    expect(await store.last(3)).toEqual(Buffer.from("chunk"));
    await store.clear(3);
    for (const each of [journal, next, store]) await each.close();
  });

  test.each([
    "DEL daybook:{g1s0}:wal",
    "SET daybook:{g1s0}:wal x",
    "SET daybook:{g1s0}:snapshot:3 x",
    "CLIENT KILL TYPE normal",
    "CLIENT PAUSE 100",
    "CLUSTER FAILOVER",
    "CLUSTER RESET",
    "CONFIG SET appendfsync no",
    "REPLICAOF NO ONE",
    "FLUSHALL",
    "MULTI",
  ])("it cannot %s", async (line) => {
    const { port } = await cluster.primary(streamKey(1, 0));
    const client = new Redis({ port, ...USER, retryStrategy: null });
    const [command = "", ...args] = line.split(" ");

    await expect(client.call(command, ...args)).rejects.toThrow(/NOPERM/);
    client.disconnect();
  });

  test("the doctor finds every member safe, and names the one that is not", async () => {
    const env = { WAL_URL: url, DATA_DIR: testFolder() };
    const well = await daybook(["doctor"], env);
    expect(well.lines.filter((line) => line.includes("✗"))).toEqual([]);
    expect(well.lines.join("\n")).toMatch(/3 primaries serve all slots/);
    expect(well.lines.filter((line) => line.includes("has 2 replicas"))).toHaveLength(3);
    const [replica] = await cluster.replicas(streamKey(1, 0));
    if (replica === undefined) throw new Error("it has replicas");
    await replica.client.config("SET", "appendfsync", "everysec");
    const problem = `127.0.0.1:${replica.port}: appendfsync is everysec`;
    const unsafe = await daybook(["doctor"], env);
    expect(unsafe.code).toBe(1);
    expect(unsafe.lines.join("\n")).toContain(`✗ ${problem}`);
    const { code, lines } = await refusedStart({ ...env, SHARDS: "1" });
    expect({ code, lines }).toEqual({ code: 1, lines: [expect.stringContaining(problem)] });
    await replica.client.config("SET", "appendfsync", "always");
  });

  test("commands on the log follow the primary", async () => {
    const env = { WAL_URL: url, DATA_DIR: testFolder() };
    const { code, stdout } = await daybook(["wal", "info", "--json"], env);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("redis-stream") });
  });
});

test("the compose file has three copies of each primary, one in each zone, and a valid WAL_URL", () => {
  const { services } = parse(read("cluster/docker-compose.yml"), { merge: true }) as {
    services: Record<string, { environment: Record<string, string>; command: unknown }>;
  };
  const members = Object.keys(services).filter((name) => name.startsWith("redis-"));
  expect(members.toSorted()).toEqual(
    ["1", "2", "3"].flatMap((primary) => ["a", "b", "c"].map((zone) => `redis-${primary}${zone}`)),
  );
  for (const name of members) expect(read("cluster/join.sh")).toContain(name);
  const walUrl = services["app"]?.environment["WAL_URL"] ?? "";
  expect(parseLogUrl(walUrl.replace(/\$\{\w+:-(\w+)\}/, "$1"))).toMatchObject({
    kind: "cluster",
    members: [{ host: "redis-1a" }, { host: "redis-2b" }, { host: "redis-3c" }],
  });
});

test("the slots that join.sh gives out are all of them", () => {
  const ranges = [...read("cluster/join.sh").matchAll(/ADDSLOTSRANGE (\d+) (\d+)/g)];
  const slots = ranges.flatMap(([, from, to]) => [Number(from), Number(to)]);
  expect(slots).toEqual([0, 5460, 5461, 10_922, 10_923, 16_383]);
  expect(slotOf(streamKey(1, 0))).toBeLessThan(16_384);
});
