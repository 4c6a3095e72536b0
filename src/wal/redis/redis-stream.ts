/**
 * The production log: one Redis stream per shard. One batch is one XADD, which is atomic.
 *
 * It uses neither MULTI nor scripts: after a torn AOF tail Redis may replay half of either. Redis refuses an id at or
 * below the last one, which gives fencing. It accepts gaps, so the journal keeps one append in flight. Acknowledged
 * writes are only as durable as Redis's settings, so these are checked on every new connection and every few seconds.
 */
import type { Redis } from "ioredis";
import {
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  type StoredEntry,
} from "../wal.ts";
import { RedisAudit, type RedisAuditOptions, toLogError } from "./redis-audit.ts";
import { isReplyError, type NewRedisClient, type RedisAddress, RedisConnection } from "./redis-connection.ts";
import { lastGeneratedId, ReadPage, toEntries } from "./stream-entries.ts";

const TIMEOUT_MS = 5_000;

export type RedisStreamOptions = RedisAuditOptions &
  Readonly<{
    address: RedisAddress;
    key: string;
    /** How long one command or one connection attempt may take. */
    timeoutMs?: number;
    newClient?: NewRedisClient;
  }>;

export class RedisStream implements LogStream {
  readonly name: string;
  readonly resolvable = true;
  readonly #audit: RedisAudit;
  readonly #key: string;
  readonly #writer: RedisConnection;
  /** Separate, since a long XRANGE would delay the appends behind it on the writer's connection. */
  readonly #reader: RedisConnection;
  readonly #page = new ReadPage();
  #acknowledged: LogId | undefined;
  #pending: LogId | undefined;
  /** The pending entry, once `find` has returned it. After a restart it may not be on Redis's disk. */
  #foundPending: LogId | undefined;

  constructor(options: RedisStreamOptions) {
    this.#audit = new RedisAudit(options.key, options);
    this.#key = options.key;
    this.name = options.key;
    const shared = {
      address: options.address,
      name: options.key,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      newClient: options.newClient,
    };
    this.#writer = new RedisConnection({ ...shared, check: (client) => this.#checkConnection(client) });
    this.#reader = new RedisConnection(shared);
  }

  get restarts(): number {
    return this.#audit.restarts;
  }

  async last(): Promise<StoredEntry | undefined> {
    return this.#run(this.#writer, async (client) => {
      if (this.#audit.isDue) await this.#audit.run(client);
      if (this.#audit.error !== undefined) throw this.#audit.error;
      const entries = toEntries(await client.xrevrangeBuffer(this.#key, "+", "-", "COUNT", 1));
      return entries[0];
    });
  }

  async append(id: LogId, bytes: Uint8Array, create = false, restarts?: number): Promise<void> {
    if (this.#audit.error !== undefined) throw this.#audit.error;
    const text = formatLogId(id);
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      const stored = await this.#writer.run(async (client) => {
        if (restarts !== undefined && restarts !== this.restarts)
          throw new LogError("log_unavailable", `${this.name}: Redis has restarted`);
        // Set only once connected: the check of a new connection must not expect an entry that was never sent.
        this.#pending = id;
        // Sent ahead of the append but not awaited: a problem stops the next append.
        if (this.#audit.isDue) void this.#audit.run(client).catch(() => undefined);
        if (create) return client.xadd(this.#key, text, "b", frame);
        return client.xadd(this.#key, "NOMKSTREAM", text, "b", frame);
      });
      if (stored === null) throw new LogError("stream_missing", `${this.name} does not exist`);
    } catch (error) {
      if (!isReplyError(error)) throw error;
      await this.#explainRefusal(id, frame, error);
    }
    this.#acknowledged = id;
    this.#pending = undefined;
    this.#foundPending = undefined;
  }

  async read(after: LogId | undefined, bytesMax: number): Promise<readonly StoredEntry[]> {
    const start = after === undefined ? "-" : `(${formatLogId(after)}`;
    const entries = await this.#run(this.#reader, async (client) =>
      toEntries(await client.xrangeBuffer(this.#key, start, "+", "COUNT", this.#page.entries)),
    );
    this.#page.adapt(entries, bytesMax);
    return entries;
  }

  async find(id: LogId): Promise<Uint8Array | undefined> {
    const text = formatLogId(id);
    const entries = await this.#run(this.#writer, async (client) =>
      toEntries(await client.xrangeBuffer(this.#key, text, text)),
    );
    const bytes = entries[0]?.bytes;
    if (bytes !== undefined && this.#pending !== undefined && compareLogIds(id, this.#pending) === 0) {
      this.#foundPending = id;
    }
    return bytes;
  }

  /** Trims whole nodes of the stream, which is cheap for Redis; some entries below `below` may stay. */
  async trim(below: LogId, entriesMax: number): Promise<boolean> {
    const trimmed = await this.#run(this.#reader, (client) =>
      client.xtrim(this.#key, "MINID", "~", formatLogId(below), "LIMIT", entriesMax),
    );
    return trimmed > 0;
  }

  async close(): Promise<void> {
    this.#writer.close();
    this.#reader.close();
  }

  /** Checks on a new connection that Redis is ready, safely configured, and that the stream ends where we left it. */
  async #checkConnection(client: Redis): Promise<void> {
    await this.#audit.run(client);
    if (this.#audit.error !== undefined) throw this.#audit.error;
    const acknowledged = this.#acknowledged;
    if (acknowledged === undefined && this.#foundPending === undefined) return;
    const last = await this.#readLastId(client);
    const found = last === undefined ? "does not exist" : `ends at ${formatLogId(last)}`;
    if (acknowledged !== undefined && (last === undefined || compareLogIds(last, acknowledged) < 0)) {
      throw new LogError(
        "log_lost_data",
        `${this.name} has lost data: it ${found}, but has acknowledged ${formatLogId(acknowledged)}`,
      );
    }
    if (
      this.#foundPending !== undefined &&
      (last === undefined || compareLogIds(last, this.#foundPending) < 0)
    ) {
      const lost = `${this.name}: ${formatLogId(this.#foundPending)} was found, but is gone after another restart`;
      throw new LogError("append_lost", lost);
    }
    const expected = [acknowledged, this.#pending].some(
      (id) => id !== undefined && last !== undefined && compareLogIds(last, id) <= 0,
    );
    if (!expected) throw new LogError("fenced", `${this.name} ${found}: another owner has written to it`);
  }

  /** The id that Redis fences with. It outlives the entries, so XREVRANGE cannot tell it. */
  async #readLastId(client: Redis): Promise<LogId | undefined> {
    try {
      return lastGeneratedId(await client.xinfo("STREAM", this.#key));
    } catch (error) {
      if (isReplyError(error) && error.message.includes("no such key")) return undefined;
      throw toLogError(this.name, error);
    }
  }

  async #explainRefusal(id: LogId, frame: Buffer, error: Error): Promise<void> {
    if (!error.message.includes("equal or smaller")) {
      this.#pending = undefined;
      const message = `${this.name}: Redis refuses ${formatLogId(id)}: ${error.message}`;
      throw new LogError("append_refused", message, { cause: error });
    }
    // If the first attempt arrived and only its reply was lost, the stored entry is ours.
    const stored = await this.find(id);
    if (stored !== undefined && Buffer.compare(stored, frame) === 0) return;
    this.#pending = undefined;
    throw new LogError("fenced", `${this.name}: ${formatLogId(id)} is not above the last entry`, {
      cause: error,
    });
  }

  async #run<T>(connection: RedisConnection, commands: (client: Redis) => Promise<T>): Promise<T> {
    try {
      return await connection.run(commands);
    } catch (error) {
      throw toLogError(this.name, error);
    }
  }
}
