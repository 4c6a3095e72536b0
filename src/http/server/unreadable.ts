/** Answers to what never becomes a request of the app: the parser cannot read it, or Node has a way of its own for it. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpAnswer } from "../call.ts";
import { Problem, type ProblemCode } from "../problem.ts";

/** Makes a problem that is answered beside the routes. */
export type Refuse = (
  code: ProblemCode,
  detail: string,
  headers?: Readonly<Record<string, string>>,
) => HttpAnswer<string>;

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";

/** How long a client may keep a connection open after the last answer. */
const LINGER_MS_MAX = 1_000;

/** Of a connection: the response to the newest of its requests. A weak map would cost every request a share of a collection. */
const NEWEST = Symbol("newest response");
type Connection = Duplex & { [NEWEST]?: ServerResponse };

/**
 * @returns to be told of the response to every request that Node has read. It returns the one to the request before, of
 * the same connection.
 */
export function answerUnreadable(
  server: Server,
  refuse: Refuse,
): (outgoing: ServerResponse) => ServerResponse | undefined {
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // The last answer is on its way already; what the client sends meanwhile is not read.
    if (socket.writableEnded && error.code !== "ECONNRESET") return;
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const { code, detail } = faultOf(error);
    const before = (socket as Connection)[NEWEST];
    if (before === undefined || before.req.complete) writeAfter(before, socket, () => refuse(code, detail));
    else if (before.writableEnded) endConnection(socket);
    else breakBody(before, new Problem(code, detail));
  });
  server.on("checkExpectation", (_incoming: IncomingMessage, outgoing: ServerResponse) => {
    note(outgoing);
    writeLast(outgoing, refuse("expectation_failed", "The only expectation that is met is 100-continue."));
  });
  server.on("connect", (_incoming: IncomingMessage, socket: Duplex) => {
    // Node hands the connection over and takes its own listeners off: from here on an error would stop the process.
    socket.on("error", () => {});
    writeAfter((socket as Connection)[NEWEST], socket, () =>
      refuse("method_not_allowed", "This server is no proxy.", { Allow: METHODS }),
    );
  });
  return note;
}

function note(outgoing: ServerResponse): ServerResponse | undefined {
  const connection: Connection = outgoing.req.socket;
  const before = connection[NEWEST];
  connection[NEWEST] = outgoing;
  return before;
}

/** The last answer of a connection. */
export function writeLast(outgoing: ServerResponse, { status, headers, body }: HttpAnswer<string>): void {
  outgoing.shouldKeepAlive = false;
  outgoing.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body), Connection: "close" });
  outgoing.end(body);
}

type Fault = Readonly<{ code: ProblemCode; detail: string }>;

function faultOf({ code }: NodeJS.ErrnoException): Fault {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return { code: "headers_too_large", detail: "Address and headers are too long together." };
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return { code: "body_too_large", detail: "The chunk extensions are too long." };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { code: "request_timeout", detail: "The request did not arrive in time." };
    default:
      return { code: "validation_failed", detail: "The request is not HTTP." };
  }
}

const brokenBodies = new WeakMap<IncomingMessage, Problem>();

/** Why no more of a request's body can be read. Whoever is reading it gets the same as an error event. */
export function brokenBody(incoming: IncomingMessage): Problem | undefined {
  return brokenBodies.get(incoming);
}

/** The app has the request already: it answers, in the order of the requests, and that is the last of the connection. */
function breakBody(outgoing: ServerResponse, problem: Problem): void {
  const incoming = outgoing.req;
  outgoing.shouldKeepAlive = false;
  brokenBodies.set(incoming, problem);
  if (incoming.listenerCount("error") > 0) incoming.emit("error", problem);
}

/**
 * Without Node's help: there is no request that it could answer. A client takes the next answer for that of the request it
 * sent first, so all that it sent before is answered before.
 */
function writeAfter(
  before: ServerResponse | undefined,
  socket: Duplex,
  answer: () => HttpAnswer<string>,
): void {
  const write = () => {
    if (socket.writable) endConnection(socket, lastText(answer()));
  };
  if (before === undefined || before.writableFinished) write();
  else before.once("finish", write);
}

/**
 * Closes a connection behind its last bytes: sends them, then reads and discards what still comes until the client closes
 * its side, for `LINGER_MS_MAX` at most. Bytes left unread at a close make the system send a reset, and a client that gets
 * a reset loses the end of the answer.
 */
export function endConnection(socket: Duplex, text = ""): void {
  socket.on("error", () => {});
  socket.resume();
  socket.end(text, () => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS_MAX);
    socket.once("close", () => clearTimeout(timer));
  });
}

/** A whole answer, after which the connection is closed. */
export function lastText({ status, headers, body }: HttpAnswer<string>): string {
  const all = { ...headers, "Content-Length": Buffer.byteLength(body), Connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`;
}
