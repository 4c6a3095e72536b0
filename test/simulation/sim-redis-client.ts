/**
 * One connection to a simulated Redis, with the part of the interface of ioredis that the log uses: commands and replies
 * come in order, each way takes time, and a connection that ends rejects whatever waits for a reply.
 */
import { EventEmitter } from "node:events";
import type { NewRedisClient } from "../../src/wal/redis/redis-connection.ts";
import { delayOf } from "./sim-channel.ts";
import type { AppendFault, LogEvents, SimStore } from "./sim-log.ts";
import { NATURE, type Owner } from "./virtual-clock.ts";

/** Commands that were sent before the connection ended still arrive within this time. */
const LATE_MS_MAX = 3_000;
const CLOSE_MS = 5;
const AGAIN_MS_MAX = 100;

export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** The server has ended in the middle of a command. */
export class Died extends Error {}

/** The server, as a connection knows it. */
export type RedisServer = Pick<SimStore, "memory" | "delays" | "life" | "isReachable" | "restart"> &
  Readonly<{
    isDown: boolean;
    drawFault: () => AppendFault | undefined;
    take: (execute: () => void) => void;
    execute: (client: SimRedisClient, name: string, args: readonly unknown[]) => unknown;
    executeUnsynced: (client: SimRedisClient, args: readonly unknown[]) => void;
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
  /** Since the settings are wrong, and it was time to have noticed it. */
  appendsUnderWrongSettings = 0;
  readonly #link: RedisLink;
  readonly #owner: Owner;
  readonly #options: Parameters<NewRedisClient>[0];
  readonly #waiting = new Set<Waiting>();
  #life = 0;
  #arrivesMs = 0;
  #repliesMs = 0;
  /** A reply that never comes holds up all that follow. */
  #isMute = false;

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

  /** The connection breaks on its way, or its server has ended. @param isNoticed at once, and not by the next command */
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
          // The first may have ended the server, and with it the connection that the second came by.
          if (store.life === life) execute();
        });
      case "late": {
        const { life } = store;
        return this.#send("xadd", copy, () => {
          this.breakOff(true);
          clock.after(NATURE, LATE_MS_MAX * random.fraction(), () => {
            if (store.life === life) store.take(execute);
          });
        });
      }
      case "hang":
        return this.#send("xadd", copy, () => {
          if (random.chance(0.5)) execute();
          this.#isMute = true;
        });
      case "tear":
        return this.#send("xadd", copy, () => {
          // Executed, but its life ends before the sync.
          attempt(() => store.executeUnsynced(this, copy));
          store.restart(true);
          if (random.chance(0.5))
            clock.after(NATURE, AGAIN_MS_MAX * random.fraction(), () => store.restart(true));
        });
    }
  }

  /** @param act what happens when it has arrived, in place of its execution and reply. */
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
    const settle = (tell: () => void) => {
      if (!this.#waiting.delete(waiting)) return;
      cancel();
      tell();
    };
    const cancel = clock.after(this.#owner, this.#options.commandTimeout ?? 0, () =>
      settle(() => reject(new Error("Command timed out"))),
    );
    const life = this.#life;
    this.#arrivesMs = Math.max(this.#arrivesMs, clock.nowMs + delayOf(random, store.delays));
    const reply = (execute: () => unknown) => {
      const told = repliesOf(execute);
      if (told === undefined || this.#isMute) return;
      this.#repliesMs = Math.max(this.#repliesMs, clock.nowMs + delayOf(random, store.delays));
      clock.after(this.#owner, this.#repliesMs - clock.nowMs, () => {
        // Whatever was on its way when the connection ended is lost.
        if (this.#life !== life || this.status === "end") return;
        settle(() => ("error" in told ? reject(told.error) : resolve(told.value)));
      });
    };
    clock.after(NATURE, this.#arrivesMs - clock.nowMs, () => {
      if (store.life !== life || this.#life !== life || store.isDown) {
        // A server that knows no such connection says so.
        if (this.status === "ready") clock.after(this.#owner, CLOSE_MS, () => this.#end());
        return;
      }
      if (!store.isReachable) {
        this.#isMute = true;
        return;
      }
      store.take(() => {
        if (act === undefined) reply(() => store.execute(this, name, args));
        else act(reply);
      });
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

type Told = Readonly<{ value: unknown } | { error: Error }>;

/** What the server sends back; `undefined` if it has ended meanwhile. */
function repliesOf(execute: () => unknown): Told | undefined {
  try {
    return { value: execute() };
  } catch (error) {
    if (error instanceof Died) return undefined;
    if (error instanceof ReplyError) return { error };
    throw error;
  }
}

/** Nobody waits for the reply. */
function attempt(execute: () => unknown): void {
  repliesOf(execute);
}
