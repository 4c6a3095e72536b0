/**
 * One connection to Redis that is either checked and usable, or closed. ioredis must never reconnect or resend on its
 * own: an append must not be sent twice unnoticed, and a new connection must be checked before it is used.
 */
import type { Redis, RedisOptions } from "ioredis";
import { messageOf } from "../../errors/error-message.ts";
import { LogError } from "../wal.ts";

const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 1_000;
/** A failover takes some seconds: the new primary should be found soon after. */
const CLUSTER_BACKOFF_MS_MAX = 50;
/** Replies of a cluster member that did not store anything: another member may. */
const ELSEWHERE = /^(MOVED|ASK|READONLY|CLUSTERDOWN|NOREPLICAS|LOADING|UNBLOCKED|MASTERDOWN|TRYAGAIN) /;

/** Creates a client that is not connected yet: ioredis, except in the simulator. */
export type NewRedisClient = (options: Omit<RedisOptions, "replyMapping">) => Redis;

type Login = { username?: string; password?: string };

export type RedisTcpAddress = Readonly<{ host: string; port: number; tls: boolean } & Login>;

/** The address of a Redis. Made by `parseLogUrl`. */
export type RedisAddress = RedisTcpAddress | Readonly<{ path: string } & Login>;

/** Finds the server to connect to, at every connection attempt. @throws LogError `log_unavailable` */
export type FindAddress = (signal: AbortSignal) => Promise<RedisAddress>;

export type RedisConnectionOptions = Readonly<{
  /** In a cluster the address of the primary is looked up. */
  address: RedisAddress | FindAddress;
  /** The stream's name, for messages. */
  name: string;
  timeoutMs: number;
  /** How long connecting and `check` may take together; absent: only their steps are bounded. */
  openTimeoutMs?: number;
  /** Checks every new connection before it is used; if it throws, the connection is closed. */
  check?: (client: Redis) => Promise<void>;
  newClient?: NewRedisClient | undefined;
}>;

export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #closing = new AbortController();
  #client: Redis | undefined;
  #connecting: Promise<Redis> | undefined;
  #failures = 0;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
  }

  /**
   * Runs commands on the connection, and connects first if necessary.
   *
   * @throws LogError `log_unavailable`: there is no connection, or it broke; commands may have been executed. In a
   *   cluster also: this member does not serve the key, so the connection was closed.
   * @throws ReplyError an error reply of Redis.
   */
  async run<T>(commands: (client: Redis) => Promise<T>): Promise<T> {
    const client = this.#client ?? (await (this.#connecting ??= this.#connect()));
    try {
      return await commands(client);
    } catch (error) {
      if (error instanceof LogError) throw error;
      if (isReplyError(error) && !(this.#inCluster && ELSEWHERE.test(error.message))) throw error;
      this.#drop(client);
      throw this.#unavailable(error);
    }
  }

  get #inCluster(): boolean {
    return typeof this.#options.address === "function";
  }

  close(): void {
    this.#closing.abort();
    if (this.#client !== undefined) this.#drop(this.#client);
  }

  async #connect(): Promise<Redis> {
    try {
      const client = await this.#open();
      this.#failures = 0;
      this.#client = client;
      client.once("close", () => this.#drop(client));
      // The connection may have closed between the check and this line.
      if (client.status !== "ready") this.#drop(client);
      return client;
    } catch (error) {
      this.#failures += 1;
      throw error;
    } finally {
      this.#connecting = undefined;
    }
  }

  async #open(): Promise<Redis> {
    const { signal } = this.#closing;
    if (this.#failures > 0 && !signal.aborted) {
      const backoffMsMax = this.#inCluster ? CLUSTER_BACKOFF_MS_MAX : BACKOFF_MS_MAX;
      await pause(Math.min(BACKOFF_MS_MIN * 2 ** (this.#failures - 1), backoffMsMax), signal);
    }
    const newClient = this.#options.newClient ?? (await loadClient());
    const found = this.#options.address;
    const address = typeof found === "function" ? await found(signal) : found;
    if (signal.aborted) throw this.#unavailable(new Error("the stream is closed"));
    const client = newClient(this.#redisOptions(address));
    // ioredis reports the cause of a failed connection here; `connect` rejects with "Connection is closed." only.
    let cause: Error | undefined;
    client.on("error", (error: Error) => {
      cause ??= error;
    });
    const abandon = (): void => client.disconnect();
    signal.addEventListener("abort", abandon);
    const { openTimeoutMs } = this.#options;
    const timer = openTimeoutMs === undefined ? undefined : setTimeout(abandon, openTimeoutMs);
    try {
      await client.connect();
      await this.#options.check?.(client);
      return client;
    } catch (error) {
      client.disconnect();
      if (error instanceof LogError) throw error;
      throw this.#translate(cause ?? error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
    }
  }

  #redisOptions(address: RedisAddress): Omit<RedisOptions, "replyMapping"> {
    const { name, timeoutMs } = this.#options;
    const { username, password } = address;
    const endpoint =
      "path" in address
        ? { path: address.path }
        : {
            host: address.host,
            port: address.port,
            ...(address.tls && { tls: {} }),
          };
    return {
      ...endpoint,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      lazyConnect: true,
      retryStrategy: () => null,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      commandTimeout: timeoutMs,
      connectTimeout: timeoutMs,
      protocol: 2,
      connectionName: name,
      disableClientInfo: true,
    };
  }

  #drop(client: Redis): void {
    if (this.#client === client) this.#client = undefined;
    client.disconnect();
  }

  /** A refused login is a configuration error: retrying does not help. */
  #translate(error: unknown): LogError {
    const message = messageOf(error);
    if (/^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR invalid password)/.test(message)) {
      const text = `${this.#options.name}: Redis refuses the login: ${message}`;
      return new LogError("log_misconfigured", text, { cause: error });
    }
    return this.#unavailable(error);
  }

  #unavailable(cause: unknown): LogError {
    return new LogError(
      "log_unavailable",
      `${this.#options.name}: Redis does not answer: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** Loads ioredis when it is first needed: a server whose log is in sqlite never does. */
async function loadClient(): Promise<NewRedisClient> {
  const { Redis } = await import("ioredis");
  return (options) => new Redis(options);
}

/** Uses the global timers, which the simulator replaces. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

/** Whether it is an error reply of Redis. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}
