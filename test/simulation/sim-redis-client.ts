/**
 * One connection to a simulated Redis, with the part of the ioredis interface that the log uses. Commands and replies
 * arrive in order and with delays; a connection that ends rejects all commands without a reply.
 */
import { EventEmitter } from "node:events";
import type { NewRedisClient } from "../../src/wal/redis/redis-connection.ts";
import { delayOf } from "./sim-channel.ts";
import type { AppendFault, LogEvents, SimStore } from "./sim-log.ts";
import { ENVIRONMENT, type Owner } from "./virtual-clock.ts";

/** The longest delay of a command that arrives after its connection has ended. */
const LATE_MS_MAX = 3_000;
const CLOSE_MS = 5;
const SECOND_RESTART_MS_MAX = 100;

export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** The server has ended during a command. */
export class ServerDied extends Error {}

export type WaitName = "WAIT" | "WAITAOF";

/** The server's interface for connections. */
export type RedisServer = Pick<SimStore, "memory" | "delays" | "life" | "isReachable" | "restart"> &
  Readonly<{
    isDown: boolean;
    drawFault: () => AppendFault | undefined;
    take: (execute: () => void) => void;
    execute: (client: SimRedisClient, name: string, args: readonly unknown[]) => unknown;
    executeUnsynced: (client: SimRedisClient, args: readonly unknown[]) => void;
    /** Only of members of a cluster. Calls `done` once replicas have what the connection has written, or after `ms`. */
    wait?: (
      client: SimRedisClient,
      name: WaitName,
      enough: Readonly<{ replicas: number; ms: number }>,
      done: (execute: () => unknown) => void,
    ) => void;
  }>;

export type RedisLink = LogEvents &
  Readonly<{
    store: RedisServer;
    connected: (client: SimRedisClient) => void;
    closed: (client: SimRedisClient) => void;
  }>;

type Waiting = Readonly<{ reject: (error: Error) => void }>;

export class SimRedisClient extends EventEmitter {
  status: "wait" | "connecting" | "ready" | "end" = "wait";
  /** Appends since the client should have noticed wrong settings. */
  appendsUnderWrongSettings = 0;
  /** In a cluster: the replication offset after its last write; 0 before that. */
  writtenOffset = 0;
  readonly #link: RedisLink;
  readonly #owner: Owner;
  readonly #options: Parameters<NewRedisClient>[0];
  readonly #waiting = new Set<Waiting>();
  #life = 0;
  #arrivesMs = 0;
  #repliesMs = 0;
  /** After a missing reply no later replies arrive. */
  #isMute = false;
  /** After a command that hangs no later command is executed. */
  #isDeaf = false;
  /** Commands behind one that blocks the connection; `undefined` while none does. */
  #blocked: (() => void)[] | undefined;

  constructor(link: RedisLink, options: Parameters<NewRedisClient>[0]) {
    super();
    this.#link = link;
    this.#owner = link.clock.current;
    this.#options = options;
  }

  connect(): Promise<void> {
    const { clock, random, store, connected } = this.#link;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = { reject };
    this.#waiting.add(wait);
    this.status = "connecting";
    const fail = (message: string) => {
      if (this.status !== "connecting") return;
      this.emit("error", new Error(message));
      this.#end();
    };
    const delayMs = delayOf(random, store.delays) + delayOf(random, store.delays);
    clock.after(this.#owner, delayMs, () => {
      if (this.status !== "connecting") return;
      if (store.isDown) fail("connect ECONNREFUSED");
      else if (store.isReachable) {
        this.#waiting.delete(wait);
        this.status = "ready";
        this.#life = store.life;
        connected(this);
        resolve();
      } else clock.after(this.#owner, this.#options.connectTimeout ?? 0, () => fail("connect ETIMEDOUT"));
    });
    return promise;
  }

  disconnect(): void {
    if (this.status === "end") return;
    const isOpen = this.status === "ready";
    this.status = "end";
    this.#link.clock.after(this.#owner, 0, () => this.#end(isOpen));
  }

  /** Breaks the connection. @param isNoticed whether the client notices at once, and not only at the next command */
  breakOff(isNoticed: boolean): void {
    const { clock, random, closed } = this.#link;
    closed(this);
    this.#life = -1;
    if (isNoticed) clock.after(this.#owner, CLOSE_MS * random.fraction(), () => this.#end());
  }

  xadd = (...args: unknown[]) => this.#append(args);
  xrevrangeBuffer = (...args: unknown[]) => this.#send("xrevrangeBuffer", args);
  xrangeBuffer = (...args: unknown[]) => this.#send("xrangeBuffer", args);
  xinfo = (...args: unknown[]) => this.#send("xinfo", args);
  xtrim = (...args: unknown[]) => this.#send("xtrim", args);
  info = (...args: unknown[]) => this.#send("info", args);
  config = (...args: unknown[]) => this.#send("config", args);
  lrange = (...args: unknown[]) => this.#send("lrange", args);
  lrangeBuffer = (...args: unknown[]) => this.#send("lrangeBuffer", args);
  lindexBuffer = (...args: unknown[]) => this.#send("lindexBuffer", args);
  rpush = (key: unknown, value: Uint8Array | string) =>
    this.#send("rpush", [key, typeof value === "string" ? value : Uint8Array.from(value)]);
  unlink = (...args: unknown[]) => this.#send("unlink", args);
  set = (...args: unknown[]) => this.#send("set", args);
  wait = (replicas: number, ms: number) => this.#wait("WAIT", replicas, ms);
  /** Only WAITAOF, with the local disk. */
  call = (_: "WAITAOF", __: 1, replicas: number, ms: number) => this.#wait("WAITAOF", replicas, ms);

  #wait(name: WaitName, replicas: number, ms: number): Promise<unknown> {
    return this.#send(name, [], (reply) => {
      this.#blocked = [];
      this.#link.store.wait?.(this, name, { replicas, ms }, (execute) => {
        reply(execute);
        const rest = this.#blocked ?? [];
        this.#blocked = undefined;
        for (const each of rest) this.#inTurn(each);
      });
    });
  }

  #inTurn(run: () => void): void {
    if (this.#blocked === undefined) run();
    else this.#blocked.push(run);
  }

  #append(args: readonly unknown[]): Promise<unknown> {
    const { store, random, clock, count, trace } = this.#link;
    const copy = args.map((arg) => (arg instanceof Uint8Array ? Uint8Array.from(arg) : arg));
    const fault = store.drawFault();
    if (fault === undefined) return this.#send("xadd", copy);
    count(fault);
    trace(`${store.memory.name} ${String(args.at(-3))}: ${fault}`);
    const execute = () => attempt(() => store.execute(this, "xadd", copy));
    switch (fault) {
      case "drop_answer":
        return this.#send("xadd", copy, () => {
          execute();
          this.breakOff(true);
        });
      case "fail_before":
        return this.#send("xadd", copy, () => this.breakOff(true));
      case "refuse":
        return this.#send("xadd", copy, (reply) =>
          reply(() => {
            throw new ReplyError(random.oneOf(REFUSALS));
          }),
        );
      case "duplicate":
        return this.#send("xadd", copy, (reply) => {
          const { life } = store;
          reply(() => store.execute(this, "xadd", copy));
          // The first execution may have ended the server, and with it the connection.
          if (store.life === life) execute();
        });
      case "late": {
        const { life } = store;
        return this.#send("xadd", copy, () => {
          this.breakOff(true);
          clock.after(ENVIRONMENT, LATE_MS_MAX * random.fraction(), () => {
            if (store.life === life) store.take(execute);
          });
        });
      }
      case "hang":
        return this.#send("xadd", copy, () => {
          if (random.chance(0.5)) execute();
          this.#isMute = true;
          this.#isDeaf = true;
        });
      case "tear":
        return this.#send("xadd", copy, () => {
          // Executed, but the server restarts before the sync.
          attempt(() => store.executeUnsynced(this, copy));
          store.restart(true);
          if (random.chance(0.5))
            clock.after(ENVIRONMENT, SECOND_RESTART_MS_MAX * random.fraction(), () => store.restart(true));
        });
    }
  }

  /** @param act called when the command arrives, instead of executing it and replying. */
  #send(
    name: string,
    args: readonly unknown[],
    act?: (reply: (execute: () => unknown) => void) => void,
  ): Promise<unknown> {
    const { clock, random, store } = this.#link;
    if (this.status !== "ready")
      return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const waiting = { reject };
    this.#waiting.add(waiting);
    const settle = (finish: () => void) => {
      if (!this.#waiting.delete(waiting)) return;
      cancel();
      finish();
    };
    const cancel = clock.after(this.#owner, this.#options.commandTimeout ?? 0, () =>
      settle(() => reject(new Error("Command timed out"))),
    );
    const life = this.#life;
    this.#arrivesMs = Math.max(this.#arrivesMs, clock.nowMs + delayOf(random, store.delays));
    const reply = (execute: () => unknown) => {
      const result = replyTo(execute);
      if (result === undefined || this.#isMute) return;
      this.#repliesMs = Math.max(this.#repliesMs, clock.nowMs + delayOf(random, store.delays));
      clock.after(this.#owner, this.#repliesMs - clock.nowMs, () => {
        // Replies in flight are lost when the connection ends.
        if (this.#life !== life || this.status === "end") return;
        settle(() => ("error" in result ? reject(result.error) : resolve(result.value)));
      });
    };
    clock.after(ENVIRONMENT, this.#arrivesMs - clock.nowMs, () => {
      if (store.life !== life || this.#life !== life || store.isDown) {
        // The server resets an unknown connection.
        if (this.status === "ready") clock.after(this.#owner, CLOSE_MS, () => this.#end());
        return;
      }
      if (!store.isReachable) {
        this.#isMute = true;
        return;
      }
      const run = () => {
        if (act === undefined) reply(() => store.execute(this, name, args));
        else act(reply);
      };
      store.take(() =>
        this.#inTurn(() => {
          // It may have ended while the command was blocked.
          if (store.life === life && this.#life === life && !this.#isDeaf) run();
        }),
      );
    });
    return promise;
  }

  #end(wasOpen = true): void {
    if (this.status === "end" && this.#waiting.size === 0 && !wasOpen) return;
    this.#link.closed(this);
    this.status = "end";
    for (const { reject } of this.#waiting) reject(new Error("Connection is closed."));
    this.#waiting.clear();
    this.emit("close");
  }
}

const REFUSALS = [
  "OOM command not allowed when used memory > 'maxmemory'.",
  "MISCONF Errors writing to the AOF file: No space left on device",
  "READONLY You can't write against a read only replica.",
] as const;

type Reply = Readonly<{ value: unknown } | { error: Error }>;

/** The server's reply; `undefined` if the server ended during the command. */
function replyTo(execute: () => unknown): Reply | undefined {
  try {
    return { value: execute() };
  } catch (error) {
    if (error instanceof ServerDied) return undefined;
    if (error instanceof ReplyError) return { error };
    throw error;
  }
}

/** Executes a command whose reply is not sent. */
function attempt(execute: () => unknown): void {
  replyTo(execute);
}
