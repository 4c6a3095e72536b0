/** A proxy between ioredis and Redis that loses answers, as networks do, or is slow. */
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { RedisServer } from "./redis.ts";

export type Trap =
  /** Redis has answered the append; the connection ends before the client sees it. */
  | "cut_before_reply"
  /** Redis has answered the append; from then on the client hears nothing more on this connection. */
  | "swallow_replies"
  /** The append never reaches Redis, and the client hears nothing. */
  | "swallow_requests";

export class RedisProxy {
  readonly path: string;
  readonly url: string;
  readonly #target: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #trap: { kind: Trap; sprung: () => void } | undefined;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  /** Sent by clients so far. */
  bytes = 0;

  private constructor(server: RedisServer) {
    this.path = `${server.socket}.proxy`;
    this.url = `redis+unix://${this.path}`;
    this.#target = server.socket;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(server: RedisServer): Promise<RedisProxy> {
    const proxy = new RedisProxy(server);
    proxy.#server.listen(proxy.path);
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** Springs at the next XADD, on its connection alone. Resolves when it has. */
  trapNextAppend(kind: Trap): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#trap = { kind, sprung: resolve };
    return promise;
  }

  /** From now on no more than this goes from all clients to Redis. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** A throttled client is not read from while what it has sent takes its time. */
  #forward(chunk: Buffer, client: Socket, upstream: Socket): void {
    this.bytes += chunk.length;
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) {
      upstream.write(chunk);
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
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      if (this.#trap !== undefined && chunk.toString("latin1").includes("xadd")) {
        caught = this.#trap;
        this.#trap = undefined;
        if (caught.kind === "swallow_requests") caught.sprung();
      }
      if (caught?.kind !== "swallow_requests") this.#forward(chunk, client, upstream);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (caught === undefined) client.write(chunk);
      else if (caught.kind !== "swallow_requests") {
        caught.sprung();
        if (caught.kind === "cut_before_reply") client.destroy();
      }
    });
  }
}
