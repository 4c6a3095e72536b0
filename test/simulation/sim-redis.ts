/**
 * A simulated Redis for the real `RedisStream` and `RedisSnapshotStore`: their commands, connections that break, and a
 * server that restarts, loads, refuses, stalls or is reconfigured. With appendfsync=always it never loses acknowledged
 * entries; a power cut may lose others.
 */
import type { NewRedisClient } from "../../src/wal/redis/redis-connection.ts";
import { RedisSnapshotStore } from "../../src/wal/redis/redis-snapshots.ts";
import { RedisStream } from "../../src/wal/redis/redis-stream.ts";
import type { MemorySnapshotStore, SnapshotStore } from "../../src/wal/snapshots/snapshot-store.ts";
import {
  compareLogIds,
  formatLogId,
  type LogId,
  type LogStream,
  parseLogId,
  type StoredEntry,
} from "../../src/wal/wal.ts";
import type { Oracle } from "./sim-context.ts";
import { faultOf, type LogEvents, type OpenOptions, SimStore } from "./sim-log.ts";
import { type RedisLink, ReplyError, ServerDied, SimRedisClient } from "./sim-redis-client.ts";
import { SnapshotLists } from "./sim-redis-snapshots.ts";
import { StreamNodes } from "./stream-nodes.ts";
import { ENVIRONMENT } from "./virtual-clock.ts";

/** Faults of a Redis server, beyond those of single commands. */
export const REDIS_TROUBLES = [
  "wrong_settings",
  "config_denied",
  "replica",
  "stop_writes",
  "loading",
  "aof_rewrite",
  "aof_write_fails",
  "cut_connections",
  "stall",
] as const;
export type RedisTrouble = (typeof REDIS_TROUBLES)[number];

const WRONG_SETTINGS = [
  ["appendfsync", "everysec"],
  ["no-appendfsync-on-rewrite", "yes"],
  ["maxmemory-policy", "allkeys-lru"],
] as const;
const RIGHT_SETTINGS: Settings = new Map([
  ["appendfsync", "always"],
  ["no-appendfsync-on-rewrite", "no"],
  ["maxmemory-policy", "noeviction"],
]);
const WRONG_SETTINGS_MS_MAX = 20_000;
const TROUBLE_MS_MAX = 2_500;
const STALL_MS_MAX = 8_000;
/** The stream reads the settings every 2 s, and commands are delayed. */
const NOTICED_MS = 3_000;
/** Appends that one connection may still send after that: settings are read with an append, and stop a later one. */
const UNNOTICED_APPENDS_MAX = 3;
type Settings = ReadonlyMap<string, string>;

export type RedisEvents = LogEvents & Readonly<{ fail: (oracle: Oracle, message: string) => void }>;

export class SimRedis extends SimStore {
  /** While stalled, commands wait; they are executed afterwards. */
  isStalled = false;
  isDown = false;
  isLoading = false;
  readonly #redis: RedisEvents;
  readonly #connections = new Set<SimRedisClient>();
  /** Makes connections to this server. */
  readonly newClient: NewRedisClient;
  readonly snapshots = new SnapshotLists();
  #settings: Settings = RIGHT_SETTINGS;
  #wrongSinceMs = Number.POSITIVE_INFINITY;
  #isConfigDenied = false;
  #isReplica = false;
  #stopsWrites = false;
  #isRewriting = false;
  #failsNextWrite = false;
  #runId: number;
  #stalled: (() => void)[] = [];
  readonly #nodes = new StreamNodes();

  /** @param runId the number of its first process; each restart adds 1. */
  constructor(name: string, events: RedisEvents, runId = 1) {
    super(name, events);
    this.#runId = runId;
    this.#redis = events;
    const link: RedisLink = {
      ...events,
      store: this,
      connected: (client) => void this.#connections.add(client),
      closed: (client) => void this.#connections.delete(client),
    };
    this.newClient = (options) => new SimRedisClient(link, options) as unknown as ReturnType<NewRedisClient>;
  }

  override open(options: OpenOptions = {}): LogStream {
    return new RedisStream({
      ...options,
      address: { host: "simulated", port: 6379, tls: false },
      key: this.memory.name,
      newClient: this.newClient,
    });
  }

  override openSnapshots(memory: MemorySnapshotStore): SnapshotStore {
    this.snapshots.slots = memory.slots;
    const name = `${this.memory.name}:snapshot`;
    const address = { host: "simulated", port: 6379, tls: false };
    return new RedisSnapshotStore(address, name, { newClient: this.newClient });
  }

  override restart(losesPower: boolean): void {
    super.restart(losesPower);
    this.#runId += 1;
    const { random } = this.#redis;
    // Commands that were received but not executed are lost.
    this.#stalled = [];
    this.isStalled = false;
    for (const client of this.#connections) client.breakOff(random.chance(0.8));
    this.#nodes.rebuild(this.memory.entries);
  }

  breakConnections(): void {
    for (const client of this.#connections) client.breakOff(true);
  }

  /** Trims what another member of its cluster has trimmed. */
  trimBelow(below: LogId): void {
    this.trim(below, Number.POSITIVE_INFINITY);
    this.#nodes.rebuild(this.memory.entries);
  }

  override copyFrom(other: SimRedis): void {
    super.copyFrom(other);
    this.snapshots.copyFrom(other.snapshots);
    this.#nodes.rebuild(this.memory.entries);
  }

  /** Ends all faults. */
  heal(): void {
    this.#settings = RIGHT_SETTINGS;
    this.#wrongSinceMs = Number.POSITIVE_INFINITY;
    this.#isConfigDenied = false;
    this.#isReplica = false;
    this.#stopsWrites = false;
    this.#isRewriting = false;
    this.#failsNextWrite = false;
    this.isLoading = false;
    this.isDown = false;
    this.#resume();
  }

  strike(trouble: RedisTrouble): void {
    const { random, trace, count } = this.#redis;
    count(`redis ${trouble}`);
    trace(`${this.memory.name}: ${trouble}`);
    switch (trouble) {
      case "wrong_settings": {
        const [parameter, value] = random.oneOf(WRONG_SETTINGS);
        this.#settings = new Map(RIGHT_SETTINGS).set(parameter, value);
        this.#wrongSinceMs = Math.min(this.#wrongSinceMs, this.#redis.clock.nowMs);
        this.#later(WRONG_SETTINGS_MS_MAX, () => {
          this.#settings = RIGHT_SETTINGS;
          this.#wrongSinceMs = Number.POSITIVE_INFINITY;
        });
        return;
      }
      case "config_denied":
        this.#isConfigDenied = true;
        this.#later(TROUBLE_MS_MAX, () => {
          this.#isConfigDenied = false;
        });
        return;
      case "replica":
        this.#isReplica = true;
        this.#later(TROUBLE_MS_MAX, () => {
          this.#isReplica = false;
        });
        return;
      case "stop_writes":
        this.#stopsWrites = true;
        this.#later(TROUBLE_MS_MAX, () => {
          this.#stopsWrites = false;
        });
        return;
      case "loading":
        this.restart(random.chance(0.5));
        this.#load();
        return;
      case "aof_rewrite":
        this.#isRewriting = true;
        this.#later(TROUBLE_MS_MAX, () => {
          this.#isRewriting = false;
        });
        return;
      case "aof_write_fails":
        this.#failsNextWrite = true;
        return;
      case "cut_connections":
        this.breakConnections();
        return;
      case "stall":
        this.isStalled = true;
        this.#later(STALL_MS_MAX, () => this.#resume());
        return;
    }
  }

  /** Executes an arrived command, now or after a stall. */
  take(execute: () => void): void {
    if (this.isStalled) this.#stalled.push(execute);
    else execute();
  }

  /**
   * Executes a command, syncs, and returns the reply.
   *
   * @throws ReplyError an error reply. @throws Died the server has ended before it could reply.
   */
  execute(client: SimRedisClient, name: string, args: readonly unknown[]): unknown {
    this.sync();
    if (this.isLoading && name !== "info" && name !== "config")
      throw new ReplyError("LOADING Redis is loading the dataset in memory");
    const reply = this.#reply(client, name, args);
    this.sync();
    return reply;
  }

  /** Executes an append without a sync and without a reply. */
  executeUnsynced(client: SimRedisClient, args: readonly unknown[]): void {
    this.sync();
    if (!this.isLoading) this.#append(client, args);
  }

  #reply(client: SimRedisClient, name: string, args: readonly unknown[]): unknown {
    const { memory } = this;
    switch (name) {
      case "info":
        return this.#info();
      case "config": {
        if (this.#isConfigDenied)
          throw new ReplyError("NOPERM this user has no permissions to run the 'config|get' command");
        const parameter = String(args[1]);
        return [parameter, this.#settings.get(parameter)];
      }
      case "xadd":
        return this.#append(client, args);
      case "xrevrangeBuffer":
        return this.#range(String(args[2]), String(args[1]))
          .slice(-Number(args[4]))
          .toReversed()
          .map(replyOf);
      case "xrangeBuffer":
        return this.#range(String(args[1]), String(args[2]))
          .slice(0, Number(args[4] ?? Number.POSITIVE_INFINITY))
          .map(replyOf);
      case "xinfo": {
        const last = memory.entries.at(-1)?.id;
        if (last === undefined) throw new ReplyError("ERR no such key");
        return ["length", memory.entries.length, "last-generated-id", formatLogId(last)];
      }
      case "xtrim":
        this.#checkWritable();
        return this.#trimNodes(parseLogId(String(args[3])), Number(args[5]));
      case "rpush":
        this.#checkWritable();
        return this.snapshots.reply(name, args);
      default:
        return this.snapshots.reply(name, args);
    }
  }

  #append(client: SimRedisClient, args: readonly unknown[]): string | null {
    this.#checkWritable();
    const { random, clock, fail } = this.#redis;
    const isCreating = args[1] !== "NOMKSTREAM";
    const [idText, , bytes] = args.slice(isCreating ? 1 : 2) as [string, string, Uint8Array];
    const id = parseLogId(idText);
    const last = this.memory.entries.at(-1)?.id;
    if (last === undefined && !isCreating) return null;
    if (last !== undefined && compareLogIds(id, last) <= 0)
      throw new ReplyError(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
      );
    if (clock.nowMs - this.#wrongSinceMs > NOTICED_MS) {
      client.appendsUnderWrongSettings += 1;
      if (client.appendsUnderWrongSettings > UNNOTICED_APPENDS_MAX)
        fail(
          "weak settings are noticed",
          `${this.memory.name} ${idText} is appended although Redis may lose it`,
        );
    } else client.appendsUnderWrongSettings = 0;
    this.store(id, bytes, true);
    this.#nodes.note(id, bytes.length);
    if (!this.#failsNextWrite) return idText;
    // With appendfsync=always Redis exits if it cannot write its AOF.
    this.#failsNextWrite = false;
    this.restart(true);
    this.isDown = true;
    clock.after(ENVIRONMENT, TROUBLE_MS_MAX * random.fraction(), () => {
      this.isDown = false;
      this.#load();
    });
    throw new ServerDied();
  }

  #checkWritable(): void {
    if (this.#isReplica) throw new ReplyError("READONLY You can't write against a read only replica.");
    if (this.#stopsWrites)
      throw new ReplyError("MISCONF Redis is configured to save RDB snapshots, but it is unable to persist");
    if (this.isFull) throw new ReplyError("OOM command not allowed when used memory > 'maxmemory'.");
  }

  /** @param start, end an id, which `(` excludes, or `-` and `+`. */
  #range(start: string, end: string): readonly StoredEntry[] {
    const { memory } = this;
    if (start === end) {
      const id = parseLogId(start);
      const bytes = memory.find(id);
      return bytes === undefined ? [] : [{ id, bytes }];
    }
    const isBelow = start === "-" ? () => false : isOutside(start, -1);
    const isAbove = end === "+" ? () => false : isOutside(end, 1);
    const { entries } = memory;
    let [from, to] = [0, entries.length];
    while (from < to && isBelow((entries[from] as StoredEntry).id)) from += 1;
    while (from < to && isAbove((entries[to - 1] as StoredEntry).id)) to -= 1;
    return entries.slice(from, to);
  }

  #trimNodes(below: LogId, entriesMax: number): number {
    const { dropped, end } = this.#nodes.takeBelow(below, entriesMax);
    if (end !== undefined) this.trim({ epoch: end.epoch, seq: end.seq + 1 }, dropped);
    return dropped;
  }

  #info(): string {
    const fields = {
      role: this.#isReplica ? "slave" : "master",
      aof_enabled: 1,
      aof_last_write_status: "ok",
      aof_rewrite_in_progress: this.#isRewriting ? 1 : 0,
      aof_rewrite_scheduled: 0,
      loading: this.isLoading ? 1 : 0,
      run_id: `${this.memory.name}-${this.#runId}`,
      used_memory: 1_000_000,
      maxmemory: 0,
    };
    return Object.entries(fields)
      .map(([name, value]) => `${name}:${value}\r\n`)
      .join("");
  }

  #load(): void {
    this.isLoading = true;
    this.#later(TROUBLE_MS_MAX, () => {
      this.isLoading = false;
    });
  }

  #resume(): void {
    this.isStalled = false;
    for (const execute of this.#stalled.splice(0)) execute();
  }

  #later(msMax: number, act: () => void): void {
    const { clock, random } = this.#redis;
    clock.after(ENVIRONMENT, msMax * random.fraction(), act);
  }

  /** The fault of the next append; `undefined` for none. */
  drawFault(): ReturnType<typeof faultOf> {
    return faultOf(this.#redis.random, this.faults);
  }
}

/** @param sign -1: below the bound; 1: above it. */
function isOutside(bound: string, sign: 1 | -1): (id: LogId) => boolean {
  const isExcluded = bound.startsWith("(");
  const limit = parseLogId(isExcluded ? bound.slice(1) : bound);
  return (id) => {
    const distance = sign * compareLogIds(id, limit);
    return distance > 0 || (isExcluded && distance === 0);
  };
}

function replyOf({ id, bytes }: Readonly<{ id: LogId; bytes: Uint8Array }>): unknown {
  return [Buffer.from(formatLogId(id)), [Buffer.from("b"), Buffer.from(bytes)]];
}
