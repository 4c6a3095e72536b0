/** A proxy between ioredis and Redis that loses replies, delays, or drops everything, as networks do. */
import { once } from "node:events";
import { createConnection, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import type { RedisServer } from "./redis.ts";

export type Trap =
  /** Redis has executed the append; the connection breaks before the client sees the reply. */
  | "cut_before_reply"
  /** The same, but the client sees the first half of the reply. */
  | "cut_mid_reply"
  /** Redis has executed the append; from then on the client receives nothing on this connection. */
  | "swallow_replies"
  /** The append never reaches Redis, and the client receives nothing. */
  | "swallow_requests"
  /** The connection breaks; the append arrives at Redis later, on another one, perhaps after newer ones. */
  | "arrive_late";

/** Directions that are blocked while the network is broken. The bytes arrive late, they are not lost, as with TCP. */
export type Hole = "requests" | "replies" | "both";

/** How late, ms: a client has connected again by then, and sent the append again. */
const LATE_MS = 200;

export class RedisProxy {
  readonly #target: NetConnectOpts;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #upstreams = new Set<Socket>();
  #trap: { kind: Trap; sprung: () => void } | undefined;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #delayMs = 0;
  #hole: Hole | undefined;
  #doubles = false;
  /** Bytes sent by clients so far. */
  bytes = 0;

  private constructor(target: NetConnectOpts) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  /** Before a Redis on a socket. */
  static async start({ socket }: RedisServer): Promise<RedisProxy & { url: string }> {
    const proxy = new RedisProxy({ path: socket });
    const path = `${socket}.proxy`;
    proxy.#server.listen(path);
    await once(proxy.#server, "listening");
    return Object.assign(proxy, { url: `redis+unix://${path}` });
  }

  /** Before a Redis on a port of 127.0.0.1. */
  static async startAt(port: number, targetPort: number): Promise<RedisProxy> {
    const proxy = new RedisProxy({ host: "127.0.0.1", port: targetPort });
    proxy.#server.listen(port, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** Triggers at the next XADD, on its connection only. Resolves when it has. */
  trapNextAppend(kind: Trap): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { kind, sprung: resolve };
    return promise;
  }

  /** Limits the bytes per second from all clients to Redis. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Delays everything by this time, in both directions. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Each append arrives at Redis a second time, later and on another connection. */
  double(isOn: boolean): void {
    this.#doubles = isOn;
  }

  /** Blocks all data on present and new connections, which stay open. */
  blackhole(hole: Hole): void {
    this.#hole = hole;
    for (const socket of this.#halted()) socket.pause();
  }

  heal(): void {
    const halted = this.#halted();
    this.#hole = undefined;
    for (const socket of halted) socket.resume();
  }

  close(): void {
    this.#server.close();
    for (const socket of [...this.#clients, ...this.#upstreams]) socket.destroy();
  }

  #halted(): readonly Socket[] {
    const requests = this.#hole === "requests" || this.#hole === "both" ? [...this.#clients] : [];
    const replies = this.#hole === "replies" || this.#hole === "both" ? [...this.#upstreams] : [];
    return [...requests, ...replies];
  }

  #pass(chunk: Buffer, to: Socket): void {
    if (this.#delayMs === 0) to.write(chunk);
    else setTimeout(() => to.write(chunk), this.#delayMs);
  }

  /** Pauses reading from a throttled client for as long as its bytes take. */
  #forward(chunk: Buffer, client: Socket, upstream: Socket): void {
    this.bytes += chunk.length;
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) {
      this.#pass(chunk, upstream);
      return;
    }
    client.pause();
    setTimeout(
      () => {
        upstream.write(chunk);
        client.resume();
      },
      (chunk.length / this.#bytesPerSecond) * 1000,
    );
  }

  #join(client: Socket): void {
    const upstream = createConnection(this.#target);
    let caught: { kind: Trap; sprung: () => void } | undefined;
    for (const [socket, other, side] of [
      [client, upstream, this.#clients],
      [upstream, client, this.#upstreams],
    ] as const) {
      side.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        side.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      const isAppend = chunk.toString("latin1").includes("xadd");
      if (this.#doubles && isAppend) this.#sendLater(chunk);
      if (this.#trap !== undefined && isAppend) {
        caught = this.#trap;
        this.#trap = undefined;
        if (caught.kind === "swallow_requests" || caught.kind === "arrive_late") caught.sprung();
        if (caught.kind === "arrive_late") {
          this.#sendLater(chunk);
          client.destroy();
        }
      }
      if (caught?.kind !== "swallow_requests" && caught?.kind !== "arrive_late")
        this.#forward(chunk, client, upstream);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (caught === undefined) this.#pass(chunk, client);
      else if (caught.kind !== "swallow_requests" && caught.kind !== "arrive_late") {
        caught.sprung();
        if (caught.kind === "cut_mid_reply") client.end(chunk.subarray(0, chunk.length >> 1));
        if (caught.kind === "cut_before_reply") client.destroy();
      }
    });
    // Attach the handler only now, since it starts the socket.
    for (const socket of this.#halted()) socket.pause();
  }

  /** Sends bytes of a client on a connection of their own. */
  #sendLater(chunk: Buffer): void {
    setTimeout(() => {
      const upstream = createConnection(this.#target);
      upstream.on("error", () => undefined);
      upstream.once("data", () => upstream.destroy());
      upstream.write(chunk);
    }, LATE_MS);
  }
}
