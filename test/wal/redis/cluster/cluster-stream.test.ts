/** Cases of a cluster's log that a real cluster does not show on demand, with a Redis that the test plays. */
import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { ClusterStream } from "../../../../src/wal/redis/cluster/cluster-stream.ts";
import type { NewRedisClient } from "../../../../src/wal/redis/redis-connection.ts";
import { compareLogIds, formatLogId, parseLogId } from "../../../../src/wal/wal.ts";

const SETTINGS: Readonly<Record<string, string>> = {
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
};
const INFO = "redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\nloading:0\r\n";

/** A primary with one replica that has confirmed everything. */
class PlayedRedis {
  entries: (readonly [id: string, bytes: Buffer])[] = [];
  /** Ids that are refused once, with this message. */
  readonly refused = new Map<string, string>();
  readonly #clients = new Set<PlayedClient>();

  readonly newClient: NewRedisClient = () => {
    const client = new PlayedClient(this);
    this.#clients.add(client);
    return client as unknown as ReturnType<NewRedisClient>;
  };

  /** A replica that has only these entries takes over. */
  failOver(ids: readonly string[]): void {
    this.entries = this.entries.filter(([id]) => ids.includes(id));
    for (const client of this.#clients) client.disconnect();
  }

  add(id: string, bytes: Buffer): string {
    const last = this.entries.at(-1)?.[0];
    if (last !== undefined && compareLogIds(parseLogId(id), parseLogId(last)) <= 0)
      throw replyError("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    const refusal = this.refused.get(id);
    this.refused.delete(id);
    if (refusal !== undefined) throw replyError(refusal);
    this.entries.push([id, bytes]);
    return id;
  }
}

class PlayedClient extends EventEmitter {
  status = "wait";
  readonly #redis: PlayedRedis;

  constructor(redis: PlayedRedis) {
    super();
    this.#redis = redis;
  }

  async connect(): Promise<void> {
    this.status = "ready";
  }

  disconnect(): void {
    this.status = "end";
    this.emit("close");
  }

  info = async () => INFO;
  config = async (_: "GET", parameter: string) => [parameter, SETTINGS[parameter]];
  wait = async () => 1;
  xadd = async (...args: readonly unknown[]) => this.#redis.add(String(args.at(-3)), args.at(-1) as Buffer);
  xrevrangeBuffer = async (_: string, end: string) =>
    this.#within("-", end)
      .slice(-1)
      .map(([id, bytes]) => [Buffer.from(id), [Buffer.from("b"), bytes]]);
  xrangeBuffer = async (_: string, start: string, end: string) =>
    this.#within(start, end).map(([id, bytes]) => [Buffer.from(id), [Buffer.from("b"), bytes]]);

  #within(start: string, end: string): PlayedRedis["entries"] {
    return this.#redis.entries.filter(([id]) => {
      const afterStart = start === "-" || distance(id, start) > 0 || id === start;
      const beforeEnd = end === "+" || distance(id, end) < 0 || id === end;
      return afterStart && beforeEnd;
    });
  }
}

/** @param bound an id, which `(` excludes. */
function distance(id: string, bound: string): number {
  return compareLogIds(parseLogId(id), parseLogId(bound.replace("(", "")));
}

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

function open(redis: PlayedRedis): ClusterStream {
  return new ClusterStream({
    address: async () => ({ host: "played", port: 1, tls: false }),
    key: "daybook:{g1s0}:wal",
    replicas: 1,
    rememberedBytes: 1 << 20,
    newClient: redis.newClient,
  });
}

test.each(["OOM command not allowed when used memory > 'maxmemory'.", "CLUSTERDOWN The cluster is down"])(
  "a repair that is refused an entry leaves no gap: %s",
  async (refusal) => {
    const redis = new PlayedRedis();
    const stream = open(redis);
    await stream.append({ epoch: 1, seq: 0 }, Buffer.from("claim"), true);
    await stream.read(undefined, 1 << 20);
    for (let seq = 1; seq <= 4; seq++) await stream.append({ epoch: 1, seq }, Buffer.from(`batch ${seq}`));
    redis.failOver(["1-0", "1-1"]);
    redis.refused.set("1-2", refusal);
    await expect(stream.last()).rejects.toMatchObject({ code: "log_unavailable" });
    expect(redis.entries.map(([id]) => id)).toEqual(["1-0", "1-1"]);
    expect(formatLogId((await stream.last())?.id ?? { epoch: 0, seq: 0 })).toBe("1-4");
    expect(redis.entries.map(([id]) => id)).toEqual(["1-0", "1-1", "1-2", "1-3", "1-4"]);
    await stream.close();
  },
);
