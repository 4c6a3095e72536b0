/**
 * The production log: one Redis stream per shard. One batch is one XADD, which is atomic.
 *
 * It uses neither MULTI nor scripts: after a torn AOF tail Redis may replay half of either. Redis refuses an id at or
 * below the last one, which gives fencing. It accepts gaps, so the journal keeps one append in flight. Acknowledged
 * writes are only as durable as Redis's settings, so these are checked on every new connection and every few seconds.
 */
import type { Redis } from "ioredis";
import { assert } from "../../errors/assert.ts";
import {
  compareLogIds,
  formatLogId,
  LogError,
  type LogId,
  type LogStream,
  parseLogId,
  type StoredEntry,
} from "../wal.ts";
import {
  CONFIG_PARAMETERS,
  describeFullness,
  findConfigurationProblems,
  isLoading,
  isRewriting,
  parseInfo,
  type RedisValues,
} from "./redis-configuration.ts";
import { isReplyError, type NewRedisClient, type RedisAddress, RedisConnection } from "./redis-connection.ts";

const TIMEOUT_MS = 5_000;
const AUDIT_EVERY_MS = 2_000;
/** XRANGE is bounded by a count of entries, not by bytes. The count adapts to the size of the entries read last. */
const READ_COUNT_MIN = 4;
const READ_COUNT_MAX = 128;

export type RedisStreamOptions = Readonly<{
  address: RedisAddress;
  key: string;
  /** How long one command or one connection attempt may take. */
  timeoutMs?: number;
  /** How often the settings are read again while the stream is in use. */
  auditEveryMs?: number;
  /** Report settings that may lose data instead of refusing them: the operator's explicit choice. */
  allowWeakDurability?: boolean;
  /** Called with all problems whenever they change, and with none once they are fixed. */
  onProblems?: (problems: readonly string[]) => void;
  /** Called with a reason once Redis is nearly full, and with `undefined` once it no longer is. */
  onFull?: (reason: string | undefined) => void;
  newClient?: NewRedisClient;
}>;

export class RedisStream implements LogStream {
  readonly name: string;
  readonly resolvable = true;
  readonly #options: RedisStreamOptions;
  readonly #key: string;
  readonly #writer: RedisConnection;
  /** Separate, since a long XRANGE would delay the appends behind it on the writer's connection. */
  readonly #reader: RedisConnection;
  #restarts = 0;
  #runId: string | undefined;
  #problems: readonly string[] = [];
  #configurationError: LogError | undefined;
  #fullReason: string | undefined;
  #auditedMs = 0;
  #acknowledged: LogId | undefined;
  #pending: LogId | undefined;
  /** The pending entry, once `find` has returned it. After a restart it may not be on Redis's disk. */
  #foundPending: LogId | undefined;
  #readCount = READ_COUNT_MIN;

  constructor(options: RedisStreamOptions) {
    this.#options = options;
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
    return this.#restarts;
  }

  /** Problems of the settings. Only visible if weak durability is allowed; otherwise calls fail. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async last(): Promise<StoredEntry | undefined> {
    return this.#run(this.#writer, async (client) => {
      if (this.#auditIsDue()) await this.#audit(client);
      if (this.#configurationError !== undefined) throw this.#configurationError;
      const entries = toEntries(await client.xrevrangeBuffer(this.#key, "+", "-", "COUNT", 1));
      return entries[0];
    });
  }

  async append(id: LogId, bytes: Uint8Array, create = false, restarts?: number): Promise<void> {
    if (this.#configurationError !== undefined) throw this.#configurationError;
    const text = formatLogId(id);
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      const stored = await this.#writer.run(async (client) => {
        if (restarts !== undefined && restarts !== this.#restarts)
          throw new LogError("log_unavailable", `${this.name}: Redis has restarted`);
        // Set only once connected: the check of a new connection must not expect an entry that was never sent.
        this.#pending = id;
        // Sent ahead of the append but not awaited: a problem stops the next append.
        if (this.#auditIsDue()) void this.#audit(client).catch(() => undefined);
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
      toEntries(await client.xrangeBuffer(this.#key, start, "+", "COUNT", this.#readCount)),
    );
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
    if (entries.length > 0) {
      const fitting = Math.floor(bytesMax / (bytes / entries.length + 1));
      this.#readCount = Math.max(READ_COUNT_MIN, Math.min(fitting, this.#readCount * 2, READ_COUNT_MAX));
    }
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
    await this.#audit(client);
    if (this.#configurationError !== undefined) throw this.#configurationError;
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
      const reply: unknown = await client.xinfo("STREAM", this.#key);
      assert(Array.isArray(reply), "XINFO STREAM answers with a list of names and values");
      return parseLogId(String(reply[reply.indexOf("last-generated-id") + 1]));
    } catch (error) {
      if (isReplyError(error) && error.message.includes("no such key")) return undefined;
      throw this.#translate(error);
    }
  }

  #auditIsDue(): boolean {
    return performance.now() - this.#auditedMs >= (this.#options.auditEveryMs ?? AUDIT_EVERY_MS);
  }

  /** Reads the settings and the run id, and updates `#configurationError`, `#problems` and `#restarts`. */
  async #audit(client: Redis): Promise<void> {
    this.#auditedMs = performance.now();
    const values = await this.#readValues(client);
    if (isLoading(values.info)) {
      throw new LogError("log_unavailable", `${this.name}: Redis is loading its data`);
    }
    // A server that found the AOF off has stopped. Its successor must wait until the new AOF is complete.
    if (this.#runId === undefined && isRewriting(values.info)) {
      throw new LogError("log_unavailable", `${this.name}: Redis rewrites its AOF`);
    }
    const runId = values.info.get("run_id");
    if (this.#runId !== undefined && runId !== this.#runId) this.#restarts += 1;
    this.#runId = runId;
    const problems = findConfigurationProblems(values);
    const { allowWeakDurability = false, onProblems, onFull } = this.#options;
    this.#configurationError =
      problems.length === 0 || allowWeakDurability
        ? undefined
        : new LogError("log_misconfigured", `${this.name}: this Redis may lose data: ${problems.join("; ")}`);
    if (problems.join() !== this.#problems.join()) onProblems?.(problems);
    const full = describeFullness(values.info);
    if ((full === undefined) !== (this.#fullReason === undefined)) onFull?.(full);
    this.#fullReason = full;
    this.#problems = problems;
  }

  async #readValues(client: Redis): Promise<RedisValues> {
    const info = client.info();
    const parameters = CONFIG_PARAMETERS.map((parameter) => client.config("GET", parameter));
    const [infoReply, ...replies] = await Promise.allSettled([info, ...parameters]);
    if (infoReply.status === "rejected") throw this.#translate(infoReply.reason);
    const config = new Map<string, string>();
    for (const reply of replies) {
      if (reply.status === "rejected") {
        if (!isReplyError(reply.reason)) throw reply.reason;
        return { info: parseInfo(infoReply.value), config: { refused: reply.reason.message } };
      }
      const [parameter, value] = reply.value;
      if (parameter !== undefined && value !== undefined) config.set(parameter, value);
    }
    return { info: parseInfo(infoReply.value), config };
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
      throw this.#translate(error);
    }
  }

  /** Turns error replies to reads into LogErrors. */
  #translate(error: unknown): unknown {
    if (!isReplyError(error)) return error;
    const message = `${this.name}: Redis says "${error.message}"`;
    if (error.message.startsWith("WRONGTYPE")) {
      return new LogError("log_corrupt", `${message}: the key does not hold a stream`, {
        cause: error,
      });
    }
    const denied = error.message.startsWith("NOPERM") || error.message.startsWith("NOAUTH");
    return new LogError(denied ? "log_misconfigured" : "log_unavailable", message, { cause: error });
  }
}

function toEntries(reply: readonly [Buffer, Buffer[]][]): StoredEntry[] {
  return reply.map(([id, fields]) => {
    // An entry that Daybook did not write has no frame: decoding rejects the empty bytes.
    const bytes = fields[0]?.toString() === "b" && fields[1] !== undefined ? fields[1] : Buffer.alloc(0);
    return { id: parseLogId(id.toString()), bytes };
  });
}
