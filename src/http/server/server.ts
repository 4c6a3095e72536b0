/** The HTTP server. It is bound before the ledger is ready; the app refuses requests until then. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { App } from "../app.ts";
import type { Log } from "../log/request-log.ts";
import { type ConnectionBounds, Connections, UNBOUNDED } from "./connections.ts";
import { answerUnreadable, lastText, writeLast } from "./unreadable.ts";

export type ServerOptions = Readonly<{
  host: string;
  port: number;
  /** Shares the port with other gateways of this server; see shared-port.ts. */
  reusePort?: boolean;
  connections?: ConnectionBounds;
  log: Log;
}>;

export type RunningServer = Readonly<{
  host: string;
  /** The bound port, also if 0 was requested. */
  port: number;
  /**
   * Stops accepting, lets requests in flight finish, and closes idle connections. After the deadline the rest is
   * cut off.
   *
   * @returns the number of requests cut off. May be called twice.
   */
  close(deadlineMs: number): Promise<number>;
}>;

const HEADERS_MS_MAX = 10_000;
/** Above the app's limit of 10 s, which gives a proper answer. */
const RECEIVE_MS_MAX = 20_000;
const KEEP_ALIVE_MS = 65_000;
const CONNECTION_CHECK_MS = 2_000;
const SWEEP_MS = 250;
const IDLE_CHECK_MS = 20;
const HEADER_BYTES_MAX = 16 * 1024;

function createHttpServer(app: App, bounds: ConnectionBounds, log: Log) {
  const server = createServer(
    {
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: RECEIVE_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      // Node's own answer to a missing Host header would not be a problem document.
      requireHostHeader: false,
      noDelay: true,
    },
    (incoming, outgoing) => accept(incoming, outgoing),
  );
  const accept = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const previous = note(outgoing);
    // The previous answer closes the connection, so this request cannot be answered.
    if (previous?.shouldKeepAlive === false) outgoing.shouldKeepAlive = false;
    else if (previous === undefined || previous.writableFinished) begin(incoming, outgoing);
    else connections.pipeline(previous, outgoing, () => begin(incoming, outgoing));
  };
  const begin = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    // While the server drains, close the connection now rather than under the next request.
    if (!server.listening) outgoing.shouldKeepAlive = false;
    if (incoming.headers.host === undefined && incoming.httpVersion !== "1.0") {
      writeLast(outgoing, app.refuse("validation_failed", "The Host header is missing."));
      return;
    }
    app.handle(incoming, outgoing);
  };
  server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    sendContinue(outgoing);
    accept(incoming, outgoing);
  });
  const note = answerUnreadable(server, app.refuse);
  const connections = new Connections(server, {
    bounds,
    refusal: (detail) => lastText(app.refuse("overloaded", detail)),
    report: (counts) => log.warn(counts, "connections were refused, or cut off as their clients do not read"),
  });
  return { server, connections };
}

/**
 * Sends `100 Continue` once this response is first on the connection. Node would send it at once; for a pipelined
 * request that falls between head and body of an earlier answer, which no client can parse.
 */
function sendContinue(outgoing: ServerResponse): void {
  if (outgoing.socket !== null) outgoing.writeContinue();
  else outgoing.once("socket", () => outgoing.headersSent || outgoing.writeContinue());
}

function listen(
  server: Server,
  options: Readonly<{ host: string; port: number; reusePort: boolean }>,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

function closeServer(server: Server, app: App, deadlineMs: number): Promise<number> {
  return new Promise((resolve) => {
    let cutOff = 0;
    app.endStreams();
    // Repeated, because a connection becomes idle only after its answer is sent.
    const idleCheck = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    const deadline = setTimeout(() => {
      cutOff = app.inFlight();
      server.closeAllConnections();
    }, deadlineMs);
    server.close(() => {
      clearInterval(idleCheck);
      clearTimeout(deadline);
      resolve(cutOff);
    });
  });
}

/** Binds the port and serves. @throws Error `EADDRINUSE`, `EACCES`, … Signals are handled in `src/server.ts`. */
export async function startServer(app: App, options: ServerOptions): Promise<RunningServer> {
  const { host, port, reusePort = false, connections: bounds = UNBOUNDED, log } = options;
  const { server, connections } = createHttpServer(app, bounds, log);
  const address = await listen(server, { host, port, reusePort });
  server.on("error", (failure) => log.error({ err: failure }, "server"));
  const sweep = setInterval(() => {
    app.sweep();
    connections.sweep(performance.now());
  }, SWEEP_MS);
  sweep.unref();
  let closing: Promise<number> | undefined;
  return {
    host: address.address,
    port: address.port,
    close(deadlineMs) {
      closing ??= closeServer(server, app, deadlineMs).finally(() => clearInterval(sweep));
      return closing;
    },
  };
}
