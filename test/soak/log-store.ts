/** The store of the log under soak, and its size. */
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import type { PrivateRedis } from "../stress/trial.ts";
import { haltProcess } from "./halt.ts";

const MEASURE_MS_MAX = 2_000;

export type LogSize = Readonly<{
  /** Of all shards. */
  entries: number;
  /** Total size of the store: Redis's memory, or files. */
  bytes: number;
  /** Part of that for snapshots: it grows with the keys of the last 24 hours, whatever is trimmed. */
  snapshotBytes: number;
}>;

export interface LogStore {
  readonly url: string;
  /** Restarts it on the same folder. */
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Stops its process for a time, and lets it go on. */
  halt(ms: number): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
  /** @returns `undefined` if it cannot be measured now. */
  size(): Promise<LogSize | undefined>;
}

export class RedisStore implements LogStore {
  readonly #startRedis: () => Promise<PrivateRedis>;
  readonly #shards: number;
  #redis: PrivateRedis | undefined;

  /** @param startRedis always with the same folder and address. */
  constructor(startRedis: () => Promise<PrivateRedis>, shards: number) {
    this.#startRedis = startRedis;
    this.#shards = shards;
  }

  get url(): string {
    return this.#redis?.url ?? "";
  }

  async start(): Promise<void> {
    this.#redis = await this.#startRedis();
  }

  async kill(): Promise<void> {
    if (this.#redis !== undefined) process.kill(this.#redis.pid, "SIGKILL");
    await this.stop();
  }

  async halt(ms: number): Promise<void> {
    if (this.#redis !== undefined) await haltProcess(this.#redis.pid, ms);
  }

  async stop(): Promise<void> {
    await this.#redis?.stop();
  }

  async size(): Promise<LogSize | undefined> {
    const client = new Redis({
      path: this.url.replace("redis+unix://", ""),
      retryStrategy: () => null,
      commandTimeout: MEASURE_MS_MAX,
      enableReadyCheck: false,
    });
    client.on("error", () => undefined);
    try {
      return await sizeIn(client, Array(this.#shards).keys());
    } catch {
      return undefined;
    } finally {
      client.disconnect();
    }
  }
}

/** @param client of a Redis that holds the logs of these shards. */
export async function sizeIn(client: Redis, shards: Iterable<number>): Promise<LogSize> {
  const names = [...shards].map((shard) => `daybook:{g1s${shard}}`);
  const found = await Promise.all(names.map((name) => client.keys(`${name}:snapshot:*`)));
  const lengths = await Promise.all(names.map((name) => client.xlen(`${name}:wal`)));
  const sizes = await Promise.all(found.flat().map((key) => client.memory("USAGE", key)));
  const used = /^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1];
  return {
    entries: sumOf(lengths),
    bytes: Number(used),
    snapshotBytes: sumOf(sizes.map((size) => size ?? 0)),
  };
}

export class SqliteStore implements LogStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  get url(): string {
    return `sqlite:${this.#folder}`;
  }

  async start(): Promise<void> {}

  async kill(): Promise<void> {}

  async halt(): Promise<void> {}

  async stop(): Promise<void> {}

  async size(): Promise<LogSize | undefined> {
    try {
      const files = readdirSync(this.#folder);
      const bytesOf = (names: readonly string[]) =>
        sumOf(names.map((name) => statSync(join(this.#folder, name)).size));
      const logs = files.filter((name) => /^g1s\d+\.sqlite$/.test(name));
      return {
        entries: sumOf(logs.map((name) => entriesIn(join(this.#folder, name)))),
        bytes: bytesOf(files),
        snapshotBytes: bytesOf(files.filter((name) => name.includes("snapshot"))),
      };
    } catch {
      return undefined;
    }
  }
}

function entriesIn(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const { entries } = database.prepare("SELECT count(*) AS entries FROM entry").get() as {
      entries: number;
    };
    return entries;
  } finally {
    database.close();
  }
}

export function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
