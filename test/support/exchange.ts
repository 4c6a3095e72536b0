/** Sends requests to a handler of Node's own objects without a socket: web requests in, web responses out. */
import { IncomingMessage, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Writable } from "node:stream";

/** A request whose head Node has parsed. */
class Request extends IncomingMessage {
  /** The source of the rest of its body. */
  readonly #rest: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isAnswered = false;

  constructor(
    method: string,
    target: string,
    headers: Headers,
    body: Uint8Array | ReadableStream<Uint8Array>,
  ) {
    super(new Socket());
    this.method = method;
    this.url = target;
    this.httpVersion = "1.1";
    this.rawHeaders = [...headers].flat();
    this.headers = Object.fromEntries(headers);
    if (body instanceof ReadableStream) this.#rest = body.getReader();
    else {
      if (body.length > 0) this.push(body);
      this.push(null);
      this.complete = true;
    }
  }

  /** A client that has its answer sends nothing more. */
  stop(): void {
    this.#isAnswered = true;
  }

  override _read(size: number): void {
    // oxlint-disable-next-line no-underscore-dangle -- streams name it so
    super._read(size);
    if (this.#isAnswered) return;
    this.#rest?.read().then(
      ({ done, value }) => {
        this.complete = done;
        this.push(done ? null : value);
      },
      (error: Error) => this.destroy(error),
    );
  }
}

/** Collects what is written. */
class Recorder extends Writable {
  readonly req: IncomingMessage;
  readonly #pieces: Buffer[] = [];
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};

  constructor(req: IncomingMessage) {
    super();
    this.req = req;
  }

  writeHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status;
    this.#headers = headers;
  }

  override _write(piece: Buffer, _: string, done: () => void): void {
    this.#pieces.push(piece);
    done();
  }

  get response(): Response {
    const hasBody = this.req.method !== "HEAD" && ![204, 304].includes(this.#status);
    const body = hasBody ? new Uint8Array(Buffer.concat(this.#pieces)) : null;
    return new Response(body, { status: this.#status, headers: this.#headers });
  }
}

export type Sent = Readonly<{
  method: string;
  target: string;
  headers: Headers;
  /** The complete response. A stream is read by the caller. */
  body: Uint8Array | ReadableStream<Uint8Array>;
}>;

/** Sends a request and resolves with its response. */
export function exchange(
  handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
  { method, target, headers, body }: Sent,
): Promise<Response> {
  const request = new Request(method, target, headers, body);
  const recorder = new Recorder(request);
  const answered = new Promise<Response>((resolve, reject) => {
    recorder.once("finish", () => {
      request.stop();
      resolve(recorder.response);
    });
    recorder.once("error", reject);
    recorder.once("close", () => reject(new Error("the answer was broken off")));
  });
  handle(request, recorder as unknown as ServerResponse);
  return answered;
}
