/** A minimal client: one request after the other over a keep-alive connection. */
import { connect, type Socket } from "node:net";

const BUFFER_BYTES = 64 * 1024;
const HEAD_END = "\r\n\r\n";

/** @param status 0 if the connection ended instead. */
export type Answered = (connection: KeepAliveConnection, status: number) => void;

export class KeepAliveConnection {
  /** The request in flight, for the sender's use. */
  request = -1;
  readonly #socket: Socket;
  readonly #answered: Answered;
  /** The received part of an incomplete answer. */
  #begun: Buffer | undefined;

  private constructor(host: string, port: number, answered: Answered) {
    this.#answered = answered;
    const buffer = Buffer.alloc(BUFFER_BYTES);
    const callback = (bytes: number) => {
      this.#read(buffer.subarray(0, bytes));
      return true;
    };
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
    this.#socket.on("close", () => this.#answered(this, 0));
    this.#socket.on("error", () => undefined);
  }

  static open(host: string, port: number, answered: Answered): Promise<KeepAliveConnection> {
    const connection = new KeepAliveConnection(host, port, answered);
    const socket = connection.#socket;
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(connection);
      });
    });
  }

  send(request: number, bytes: Buffer): void {
    this.request = request;
    this.#socket.write(bytes);
  }

  /** The last call of `answered` follows, with status 0. */
  close(): void {
    this.#socket.destroy();
  }

  #read(piece: Buffer): void {
    const bytes = this.#begun === undefined ? piece : Buffer.concat([this.#begun, piece]);
    const end = bytes.indexOf(HEAD_END);
    const head = end < 0 ? undefined : bytes.toString("latin1", 0, end);
    if (head === undefined || bytes.length < end + HEAD_END.length + bodyBytes(head)) {
      // Copy it: the buffer is reused for the next chunk.
      this.#begun = Buffer.from(bytes);
      return;
    }
    this.#begun = undefined;
    this.#answered(this, Number(head.slice("HTTP/1.1 ".length, "HTTP/1.1 201".length)));
  }
}

export type PostTarget = Readonly<{ url: string; path: string; token: string; contentType: string }>;

/** The bytes of a POST. */
export function postRequest({ url, path, token, contentType }: PostTarget, body: Buffer): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    `Authorization: Bearer ${token}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

function bodyBytes(head: string): number {
  const match = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (match === null) throw new Error(`an answer does not say how long it is:\n${head}`);
  return Number(match[1]);
}
