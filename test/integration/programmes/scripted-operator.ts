/** An operator of top-ups over HTTP that answers as the test says, by phone. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** `silent`: the order is taken, and the connection breaks. */
export type Script = "completed" | "failed" | "pending" | "unknown" | "silent";
type Order = Readonly<{ reference: string; phone: string; amount: number }>;

export class ScriptedOperator {
  /** What it says of orders to a phone; the others are completed. May change at any time. */
  readonly scripts = new Map<string, Script>();
  /** By reference. */
  readonly orders = new Map<string, Order & { sent: number; asked: number }>();
  /** Called before an answer; it waits for the result. */
  before: (reference: string) => Promise<void> | void = () => {};
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<ScriptedOperator> {
    const operator = new ScriptedOperator();
    operator.#server.listen(0, "127.0.0.1");
    await once(operator.#server, "listening");
    return operator;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/topups`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    let reference = decodeURIComponent((request.url ?? "").slice("/topups/".length));
    if (request.method === "POST") {
      const order = JSON.parse(Buffer.concat(chunks).toString()) as Order;
      ({ reference } = order);
      const known = this.orders.get(reference) ?? { ...order, sent: 0, asked: 0 };
      this.orders.set(reference, known);
      known.sent += 1;
    }
    await this.before(reference);
    const order = this.orders.get(reference);
    if (order === undefined) {
      response.writeHead(404).end("{}");
      return;
    }
    if (request.method === "GET") order.asked += 1;
    const status = this.scripts.get(order.phone) ?? "completed";
    if (status === "silent") request.socket.destroy();
    else
      response.end(
        JSON.stringify({ reference, status, reason: status === "failed" ? "no such phone" : null }),
      );
  }
}
