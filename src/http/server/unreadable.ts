/** Answers requests that never reach the app: unreadable ones, and those that Node handles by special events. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpAnswer } from "../call.ts";
import { Problem, type ProblemCode } from "../problem.ts";
import { endConnection } from "./linger.ts";

/** Builds a problem answer for a request without a route. */
export type Refuse = (
  code: ProblemCode,
  detail: string,
  headers?: Readonly<Record<string, string>>,
) => HttpAnswer<string>;

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";

/** Key of a connection's newest response. A property, because a weak map would add to the work of the garbage collector. */
const NEWEST = Symbol("newest response");
type Connection = Duplex & { [NEWEST]?: ServerResponse };

/**
 * Registers the answers to unreadable requests.
 *
 * @returns a function to call with the response of every request that Node has read. It returns the response to the
 *   previous request on the same connection.
 */
export function answerUnreadable(
  server: Server,
  refuse: Refuse,
): (outgoing: ServerResponse) => ServerResponse | undefined {
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // The last answer has been written: ignore whatever the client still sends.
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

/** Answers, and closes the connection afterwards. */
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

/** Why the rest of a request's body cannot be read. Its reader gets the same problem as an `error` event. */
export function brokenBody(incoming: IncomingMessage): Problem | undefined {
  return brokenBodies.get(incoming);
}

/** The app has the request already, so it answers, in request order. Its answer is the last of the connection. */
function breakBody(outgoing: ServerResponse, problem: Problem): void {
  const incoming = outgoing.req;
  outgoing.shouldKeepAlive = false;
  brokenBodies.set(incoming, problem);
  if (incoming.listenerCount("error") > 0) incoming.emit("error", problem);
}

/**
 * Writes an answer to the socket, since Node has no response object for an unreadable request. Waits for the answers to
 * all earlier requests: a client matches answers to requests by their order.
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

/** An answer with `Connection: close`, as text. */
export function lastText({ status, headers, body }: HttpAnswer<string>): string {
  const all = { ...headers, "Content-Length": Buffer.byteLength(body), Connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`;
}
