/** An HTTP server that receives webhooks, and verifies them with the verifier of Standard Webhooks. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Webhook } from "standardwebhooks";
import { onTestFinished } from "vitest";

export type Received = Readonly<{
  id: string;
  type: string;
  subject: string;
  /** The event as it came. */
  body: string;
  headers: Readonly<Record<string, string>>;
  atMs: number;
}>;

export class WebhookReceiver {
  /** Accepted events, in the order of their arrival. */
  readonly received: Received[] = [];
  /** All requests. */
  tries = 0;
  /** The status of the answer; `undefined`: there is none. */
  answers: (event: Received) => number | undefined = () => 204;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    await receiver.open();
    onTestFinished(() => receiver.close());
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/events`;
  }

  /** Opens the port, after `close` the same one. */
  async open(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Breaks all connections. */
  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#server = undefined;
  }

  /** The ids of accepted events by subject, each at its first arrival. */
  firstArrivals(): ReadonlyMap<string, readonly string[]> {
    const bySubject = new Map<string, string[]>();
    const seen = new Set<string>();
    for (const { id, subject } of this.received) {
      if (seen.has(id)) continue;
      seen.add(id);
      const ids = bySubject.get(subject);
      if (ids === undefined) bySubject.set(subject, [id]);
      else ids.push(id);
    }
    return bySubject;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("error", () => {});
    request.on("end", () => {
      this.tries += 1;
      const body = Buffer.concat(pieces).toString("utf8");
      const { id, type, subject } = JSON.parse(body) as Received;
      const headers = request.headers as Record<string, string>;
      const event = { id, type, subject, body, headers, atMs: Date.now() };
      const status = this.answers(event);
      if (status === undefined) return;
      if (status >= 200 && status < 300) this.received.push(event);
      response.writeHead(status).end(status === 204 ? undefined : `status ${status}`);
    });
  }
}

/** The event of a request. @throws Error its signature is wrong, or it is too old */
export function verified(secret: string, { body, headers }: Received): unknown {
  return new Webhook(secret).verify(body, headers);
}
