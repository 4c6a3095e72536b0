/**
 * One keep-alive connection with one request at a time. `node:http` would use more processor time per request than the
 * server under test, and on few cores would measure itself. This parser supports exactly this server's answers: a
 * status, headers with `Content-Length`, a body.
 */
import { createConnection, type Socket } from "node:net";

export type Reply = Readonly<{ status: number; replayed: boolean; body: string }>;
export type Address = Readonly<{ host: string; port: number; token: string }>;

/** Above the server's own 10 s for a request. */
const ANSWER_MS_MAX = 20_000;
const HEAD_END = "\r\n\r\n";

type Waiting = Readonly<{
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}>;

export class Connection {
  readonly #address: Address;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;

  constructor(address: Address) {
    this.#address = address;
  }

  post(path: string, body: string, key?: string): Promise<Reply> {
    return this.send("POST", path, body, key);
  }

  /** Rejects if the connection breaks or nothing comes: then the outcome is unknown. */
  send(method: string, path: string, body?: string, key?: string): Promise<Reply> {
    const { host, port, token } = this.#address;
    const keyed = key === undefined ? "" : `Idempotency-Key: ${key}\r\n`;
    const sized =
      body === undefined
        ? ""
        : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    const request =
      `${method} ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nAuthorization: Bearer ${token}\r\n${keyed}${sized}` +
      `\r\n${body ?? ""}`;
    this.#socket ??= this.#connect();
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => this.#break("no answer came in time"), ANSWER_MS_MAX);
    this.#waiting = { resolve, reject, timer };
    this.#socket.write(request);
    return promise;
  }

  close(): void {
    this.#break("closed");
  }

  #connect(): Socket {
    const { host, port } = this.#address;
    const socket = createConnection({ host, port, noDelay: true });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    let reason = "the connection broke";
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.on("close", () => {
      if (this.#socket === socket) this.#break(reason);
    });
    return socket;
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString("latin1", 0, headEnd + 2).toLowerCase();
    const bodyStart = headEnd + HEAD_END.length;
    const bodyEnd = bodyStart + Number(fieldOf(head, "content-length"));
    if (Number.isNaN(bodyEnd)) {
      this.#break("an answer without Content-Length");
      return;
    }
    if (this.#received.length < bodyEnd) return;
    const body = this.#received.toString("utf8", bodyStart, bodyEnd);
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    const replayed = fieldOf(head, "idempotency-replayed") === "true";
    if (fieldOf(head, "connection") === "close") this.#drop();
    waiting.resolve({ status: Number(head.slice(9, 12)), replayed, body });
  }

  #drop(): void {
    this.#received = Buffer.alloc(0);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  #break(reason: string): void {
    this.#drop();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    waiting.reject(new Error(reason));
  }
}

/** A header's value, or `undefined`. `head` is in lower case and ends with a line break. */
function fieldOf(head: string, name: string): string | undefined {
  const start = head.indexOf(`\r\n${name}: `);
  if (start < 0) return undefined;
  const from = start + name.length + 4;
  return head.slice(from, head.indexOf("\r\n", from));
}
