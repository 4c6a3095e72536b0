/** Runs deploy/redis/cluster/join.sh on nine processes with the files of deploy/redis. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { parseNodes } from "../../src/wal/redis/cluster/cluster-view.ts";
import { makeScratchFolder } from "../support/scratch-folder.ts";
import { until } from "../support/until.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy/redis");
const BUS = 10_000;
const JOINED_MS_MAX = 25_000;

/** Every member has an address of its own, since all have the same port. */
const MEMBERS = [1, 2, 3].flatMap((primary) =>
  ["a", "b", "c"].map((zone, no) => ({
    name: `redis-${primary}${zone}`,
    host: `127.0.${primary}.${no + 1}`,
  })),
);
const HOSTS = Object.fromEntries(MEMBERS.map(({ name, host }) => [name, host]));
const NAMES = Object.fromEntries(MEMBERS.map(({ name, host }) => [host, name]));

const dir = makeScratchFolder("daybook-join");
const children: ChildProcess[] = [];
let port: number;

beforeAll(async () => {
  port = await freePort();
  writeFileSync(join(dir, "users.acl"), read("cluster/users.acl").replaceAll(/@\w+_PASSWORD@/g, "secret"));
  writeFileSync(join(dir, "redis.conf"), `${read("redis.conf")}\n${read("cluster/cluster.conf")}`);
  // What the containers ask for addresses.
  const cases = MEMBERS.map(({ name, host }) => `${name}) echo "${host} ${name}" ;;`);
  writeFileSync(join(dir, "getent"), `#!/bin/sh\ncase "$2" in\n${cases.join("\n")}\nesac\n`, { mode: 0o755 });
  await Promise.all(MEMBERS.map(start));
});

afterAll(async () => {
  await Promise.all(
    children.map(async (child) => {
      child.kill("SIGKILL");
      await once(child, "exit");
    }),
  );
  rmSync(dir, { recursive: true, force: true });
});

function read(path: string): string {
  return readFileSync(join(DEPLOY, path), "utf8");
}

async function start({ name, host }: (typeof MEMBERS)[number]): Promise<void> {
  const own = join(dir, name);
  mkdirSync(own);
  // As in a container, the others see the address at which it can be reached.
  const settings = { bind: host, "bind-source-addr": host, port, dir: own, aclfile: join(dir, "users.acl") };
  const login = { masteruser: "replica", masterauth: "secret" };
  const flags = Object.entries({ ...settings, ...login }).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  children.push(spawn(inject("redisServer"), [join(dir, "redis.conf"), ...flags], { stdio: "ignore" }));
  await until(`${name} answers`, async () => (await ask(name, "PING")) === "PONG");
}

async function ask(name: string, command: string, ...args: readonly string[]): Promise<string> {
  const login = { username: "operator", password: "secret" };
  const client = new Redis({
    host: HOSTS[name] ?? "",
    port,
    ...login,
    lazyConnect: true,
    retryStrategy: null,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return String(await client.call(command, ...args));
  } finally {
    client.disconnect();
  }
}

/** @returns the last line that it prints. */
async function runJoin(): Promise<string | undefined> {
  const path = [dir, dirname(inject("redisServer")), process.env["PATH"]].join(delimiter);
  const env = { PATH: path, PORT: String(port), REDISCLI_AUTH: "secret" };
  const script = join(DEPLOY, "cluster/join.sh");
  const { stdout } = await promisify(execFile)("sh", [script], { env, timeout: JOINED_MS_MAX });
  return stdout.trimEnd().split("\n").at(-1);
}

/** What each member is: the name of its primary, or its slots. */
async function placement(): Promise<Readonly<Record<string, unknown>>> {
  const view = parseNodes(await ask("redis-1a", "CLUSTER", "NODES"));
  // A member that nobody has asked to meet does not know its own address.
  const named = new Map(view.map(({ id, host, isMyself }) => [id, isMyself ? "redis-1a" : NAMES[host]]));
  return Object.fromEntries(
    view.map(({ id, primaryId, slots, configEpoch }) => [
      named.get(id),
      primaryId === undefined ? { slots, configEpoch } : named.get(primaryId),
    ]),
  );
}

/** A port that is free at all addresses, with the one of the cluster's bus. It is outside of what the system gives to others. */
async function freePort(): Promise<number> {
  for (let tried = 11_000 + (process.pid % 5_000); ; tried++) {
    const both = MEMBERS.flatMap(({ host }) => [tried, tried + BUS].map((each) => isFree(host, each)));
    if ((await Promise.all(both)).every(Boolean)) return tried;
  }
}

async function isFree(host: string, tried: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, "listening").then(
    () => true,
    () => false,
  );
  server.listen(tried, host);
  const free = await listening;
  if (free) await once(server.close(), "close");
  return free;
}

test("join.sh puts a copy of each primary into each zone, and changes nothing when it runs again", async () => {
  // A run that was interrupted after its first step: this member alone says that all is well.
  await ask("redis-1a", "CLUSTER", "ADDSLOTSRANGE", "0", "5460");
  await until("its state is ok", async () =>
    (await ask("redis-1a", "CLUSTER", "INFO")).includes("cluster_state:ok"),
  );
  expect(await runJoin()).toBe("joined");
  const placed = await placement();
  expect(placed).toEqual({
    "redis-1a": { slots: [[0, 5460]], configEpoch: 1 },
    "redis-1b": "redis-1a",
    "redis-1c": "redis-1a",
    "redis-2a": "redis-2b",
    "redis-2b": { slots: [[5461, 10_922]], configEpoch: 2 },
    "redis-2c": "redis-2b",
    "redis-3a": "redis-3c",
    "redis-3b": "redis-3c",
    "redis-3c": { slots: [[10_923, 16_383]], configEpoch: 3 },
  });
  expect(await runJoin()).toBe("they are joined");
  expect(await placement()).toEqual(placed);
  for (const name of ["redis-1a", "redis-2b", "redis-3c"])
    await until(`${name} has its replicas`, async () => {
      const info = await ask(name, "INFO", "replication");
      return info.match(/^slave\d:.*state=online/gm)?.length === 2;
    });
});

test("join.sh places a member that was reset, and leaves a replica that has become the primary as it is", async () => {
  await ask("redis-1b", "CLUSTER", "FAILOVER");
  await until("it is the primary, and the former one its replica", async () => {
    const { "redis-1a": former, "redis-1c": other } = await placement();
    return former === "redis-1b" && other === "redis-1b";
  });
  const placed = await placement();
  await ask("redis-2a", "CLUSTER", "RESET");
  await until("the others have noticed", async () => typeof (await placement())["redis-2a"] === "object");
  expect(await runJoin()).toBe("joined");
  expect(await placement()).toEqual(placed);
});
