/** A request to what answers on Node's own objects, without a socket: web requests in, web responses out. */
import { IncomingMessage, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Writable } from "node:stream";

/** As Node would hand it over: all of it has been read, or a body that is a stream comes as it is asked for. */
export function incomingFrom(
  method: string,
  target: string,
  headers: Headers = new Headers(),
  body: Uint8Array | ReadableStream<Uint8Array> = new Uint8Array(),
): IncomingMessage {
  const incoming = new IncomingMessage(new Socket());
  incoming.method = method;
  incoming.url = target;
  incoming.httpVersion = "1.1";
  incoming.rawHeaders = [...headers].flat();
  incoming.headers = Object.fromEntries(headers);
  if (body instanceof ReadableStream) pull(incoming, body.getReader());
  else {
    if (body.length > 0) incoming.push(body);
    incoming.push(null);
    incoming.complete = true;
  }
  return incoming;
}

function pull(incoming: IncomingMessage, reader: ReadableStreamDefaultReader<Uint8Array>): void {
  incoming._read = (size) => {
    IncomingMessage.prototype._read.call(incoming, size);
    void reader.read().then(
      ({ done, value }) => {
        incoming.complete = done;
        incoming.push(done ? null : value);
      },
      (error: Error) => incoming.destroy(error),
    );
  };
}

/** Keeps what is written. */
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

/** Sends a request at once, and resolves with its answer. */
export function exchange(
  handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
  incoming: IncomingMessage,
): Promise<Response> {
  const recorder = new Recorder(incoming);
  const answered = new Promise<Response>((resolve, reject) => {
    recorder.once("finish", () => {
      // Who has its answer sends nothing more.
      incoming._read = () => {};
      resolve(recorder.response);
    });
    recorder.once("error", reject);
    recorder.once("close", () => reject(new Error("the answer was broken off")));
  });
  handle(incoming, recorder as unknown as ServerResponse);
  return answered;
}
