/** A primary of a Redis Cluster that a test plays: for cases that a real cluster does not show on demand. */
import { EventEmitter } from "node:events";
import type { NewRedisClient } from "../../../../src/wal/redis/redis-connection.ts";
import { compareLogIds, parseLogId } from "../../../../src/wal/wal.ts";

const SETTINGS: Readonly<Record<string, string>> = {
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
  "maxmemory-policy": "noeviction",
};
const INFO = "redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\nloading:0\r\n";

/** A primary with one replica that has confirmed everything. */
export class PlayedRedis {
  entries: (readonly [id: string, bytes: Buffer])[] = [];
  /** The chunks of snapshots, by the key of their slot. */
  readonly lists = new Map<string, Buffer[]>();
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
    this.breakConnections();
  }

  breakConnections(): void {
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

  trim(below: string): number {
    const before = this.entries.length;
    this.entries = this.entries.filter(([id]) => distance(id, below) >= 0);
    return before - this.entries.length;
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
  xtrim = async (...args: readonly unknown[]) => this.#redis.trim(String(args[3]));
  lrange = async (key: string) => (this.#redis.lists.get(key) ?? []).map(String);
  lrangeBuffer = async (key: string, from: number, to: number) =>
    (this.#redis.lists.get(key) ?? []).slice(from, to + 1);
  lindexBuffer = async (key: string) => this.#redis.lists.get(key)?.at(-1) ?? null;
  rpush = async (key: string, value: Buffer | string) => {
    const list = [...(this.#redis.lists.get(key) ?? []), Buffer.from(value)];
    this.#redis.lists.set(key, list);
    return list.length;
  };
  unlink = async (key: string) => Number(this.#redis.lists.delete(key));

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
