/** Parses `WAL_URL` and opens the streams and snapshot stores that it names. */
import { join } from "node:path";
import { MemoryStore } from "./memory.ts";
import { ClusterPlace } from "./redis/cluster/cluster-place.ts";
import { ClusterStream } from "./redis/cluster/cluster-stream.ts";
import { checkMembers } from "./redis/cluster/member-check.ts";
import { ReplicaWait } from "./redis/cluster/replica-wait.ts";
import { RedisClock } from "./redis/redis-clock.ts";
import type { FindAddress, RedisAddress, RedisTcpAddress } from "./redis/redis-connection.ts";
import { RedisSnapshotStore } from "./redis/redis-snapshots.ts";
import { RedisStream, type RedisStreamOptions } from "./redis/redis-stream.ts";
import { MemorySnapshotStore, type SnapshotStore } from "./snapshots/snapshot-store.ts";
import { SqliteSnapshotStore } from "./sqlite/sqlite-snapshots.ts";
import { SqliteStream } from "./sqlite/sqlite-stream.ts";
import { LogError, type LogStream } from "./wal.ts";

export type LogLocation =
  | Readonly<{ kind: "sqlite"; dir: string }>
  | Readonly<{ kind: "redis"; address: RedisAddress }>
  /** A Redis Cluster: some of its members, which know the others. */
  | Readonly<{ kind: "cluster"; members: readonly RedisTcpAddress[] }>
  | Readonly<{ kind: "memory"; name: string }>;

export type StreamName = Readonly<{ generation: number; shard: number }>;

export type OpenLogOptions = StreamName &
  Readonly<{
    /** For tools that inspect a log: see `SqliteStream`. Redis needs no such mode: only `append` writes there. */
    readOnly?: boolean;
    /** Of a cluster: see `ClusterStreamOptions`. A reader needs none of them. */
    replicas?: number;
    rememberedBytes?: number;
    onRepair?: (message: string) => void;
    onReplicas?: (message: string) => void;
  }> &
  Omit<RedisStreamOptions, "address" | "key">;

/** In a cluster: how many replicas must have a write before it counts. */
const REPLICAS = 1;

const FORMS =
  "sqlite:<folder>, redis://[user:password@]host[:port], rediss://…, redis+unix:///path.sock, redis+cluster://[user:password@]host:port[,host:port…], rediss+cluster://… or memory:";

/** A log in memory lives as long as its thread, so that a restarted shard finds it again. */
const memoryStores = new Map<string, MemoryStore>();
const memorySnapshots = new Map<string, MemorySnapshotStore>();

/** @throws LogError `log_misconfigured`: one line that says what is wrong. It never contains a password. */
export function parseLogUrl(url: string): LogLocation {
  if (url.startsWith("sqlite:")) {
    const dir = url.slice("sqlite:".length);
    if (dir === "") throw bad("sqlite: needs a folder");
    return { kind: "sqlite", dir };
  }
  if (url.startsWith("memory:")) return { kind: "memory", name: url.slice("memory:".length) };
  const cluster = /^(rediss?)\+cluster:\/\/(?:([^/?#]*)@)?(.*)$/.exec(url);
  if (cluster !== null) {
    const [, scheme = "", login, hosts = ""] = cluster;
    const members = hosts.split(",").map((host) => memberAddress(scheme, login, host));
    return { kind: "cluster", members };
  }
  if (!URL.canParse(url)) throw bad("it is not a valid URL");
  const parsed = new URL(url);
  if (parsed.search !== "" || parsed.hash !== "") throw bad("Redis takes no ?options and no #fragment");
  switch (parsed.protocol) {
    case "redis:":
    case "rediss:":
      return { kind: "redis", address: tcpAddress(parsed) };
    case "redis+unix:":
      return { kind: "redis", address: socketAddress(parsed) };
    default:
      throw bad(`${parsed.protocol} is not a supported kind of log`);
  }
}

/** Opens the stream of a shard. Does not connect or create anything yet. */
export function openLogStream(url: string, options: OpenLogOptions): LogStream {
  const {
    generation,
    shard,
    readOnly = false,
    replicas = REPLICAS,
    rememberedBytes = 0,
    ...others
  } = options;
  const location = parseLogUrl(url);
  const key = streamKey(generation, shard);
  switch (location.kind) {
    case "sqlite":
      return new SqliteStream(join(location.dir, `g${generation}s${shard}.sqlite`), { readOnly });
    case "redis":
      return new RedisStream({ ...others, address: location.address, key });
    case "cluster": {
      const place = new ClusterPlace(location.members);
      return new ClusterStream({
        ...others,
        address: (signal) => place.findPrimary(key, signal),
        highestEpoch: () => place.highestEpoch(key),
        key,
        snapshots: snapshotsKey(generation, shard),
        replicas,
        rememberedBytes,
      });
    }
    case "memory": {
      const name = `${location.name}/${key}`;
      const store = memoryStores.get(name) ?? new MemoryStore(key);
      memoryStores.set(name, store);
      return store.open();
    }
  }
}

/** Opens the snapshot store of a shard. Does not connect or create anything yet. */
export function openSnapshotStore(
  url: string,
  {
    generation,
    shard,
    readOnly = false,
    replicas = REPLICAS,
  }: StreamName & Pick<OpenLogOptions, "readOnly" | "replicas">,
): SnapshotStore {
  const location = parseLogUrl(url);
  const key = snapshotsKey(generation, shard);
  switch (location.kind) {
    case "sqlite":
      return new SqliteSnapshotStore(join(location.dir, `g${generation}s${shard}.snapshots.sqlite`), {
        readOnly,
      });
    case "redis":
      return new RedisSnapshotStore(location.address, key);
    case "cluster":
      return new RedisSnapshotStore(addressOf(location, key), key, { wait: new ReplicaWait(replicas) });
    case "memory": {
      const name = `${location.name}/${key}`;
      const store = memorySnapshots.get(name) ?? new MemorySnapshotStore(key);
      memorySnapshots.set(name, store);
      return store;
    }
  }
}

/**
 * Checks the settings of all members of a cluster. The settings of other logs are checked when they are opened.
 *
 * @throws LogError `log_misconfigured`, `log_unavailable`
 */
export async function checkStore(url: string): Promise<void> {
  const location = parseLogUrl(url);
  if (location.kind === "cluster") await checkMembers(location.members);
}

/** The clock of a Redis that may run on another machine; `undefined` for other logs. */
export function openRedisClock(url: string): RedisClock | undefined {
  const location = parseLogUrl(url);
  if (location.kind === "redis" && "host" in location.address) return new RedisClock(location.address);
  return location.kind === "cluster" ? new RedisClock(addressOf(location, streamKey(1, 0))) : undefined;
}

/** Where the Redis of a key is; in a cluster it is looked up at every connection attempt. */
export function addressOf(
  location: Extract<LogLocation, { kind: "redis" | "cluster" }>,
  key: string,
): RedisAddress | FindAddress {
  return location.kind === "redis" ? location.address : finderOf(location, key);
}

function finderOf({ members }: Extract<LogLocation, { kind: "cluster" }>, key: string): FindAddress {
  const place = new ClusterPlace(members);
  return (signal) => place.findPrimary(key, signal);
}

export function streamKey(generation: number, shard: number): string {
  return `${keyPrefix(generation, shard)}:wal`;
}

function snapshotsKey(generation: number, shard: number): string {
  return `${keyPrefix(generation, shard)}:snapshot`;
}

/** The hash tag keeps all keys of one shard in one slot. */
function keyPrefix(generation: number, shard: number): string {
  return `daybook:{g${generation}s${shard}}`;
}

/** One member of a cluster; all have the same user and password. */
function memberAddress(scheme: string, login: string | undefined, host: string): RedisTcpAddress {
  const url = `${scheme}://${login === undefined ? "" : `${login}@`}${host}`;
  if (host === "" || !URL.canParse(url)) throw bad("a member of the cluster is not host:port");
  const parsed = new URL(url);
  if (parsed.search !== "" || parsed.hash !== "") throw bad("Redis takes no ?options and no #fragment");
  return tcpAddress(parsed);
}

function tcpAddress(url: URL): RedisTcpAddress {
  if (!["", "/", "/0"].includes(url.pathname)) throw bad("only database 0 can be used");
  if (url.hostname === "") throw bad("the host is missing");
  // URLs put IPv6 addresses in brackets, sockets do not.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? 6379 : Number(url.port);
  return { host, port, tls: url.protocol === "rediss:", ...credentials(url) };
}

function socketAddress(url: URL): RedisAddress {
  if (!["", "localhost"].includes(url.hostname) || url.pathname.length < 2) {
    throw bad(
      "redis+unix takes an absolute path: redis+unix:///path.sock or redis+unix://user:password@localhost/path.sock",
    );
  }
  return { path: decodeURIComponent(url.pathname), ...credentials(url) };
}

function credentials(url: URL): { username?: string; password?: string } {
  return {
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
  };
}

function bad(reason: string): LogError {
  return new LogError("log_misconfigured", `WAL_URL: ${reason}. Give ${FORMS}`);
}
