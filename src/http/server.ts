/** The socket. It is bound before the ledger is ready; the app refuses until then. */
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { App } from "./app.ts";
import { problemBody } from "./problem.ts";
import type { Log } from "./request-log.ts";

export type ServerOptions = Readonly<{
  host: string;
  port: number;
  /** Shares the port with other gateways of this server: see shared-port.ts. */
  reusePort?: boolean;
  log: Log;
}>;

export type RunningServer = Readonly<{
  host: string;
  /** The one that was bound, where 0 was asked for. */
  port: number;
  /**
   * Accepts nothing new, lets requests in flight finish, ends idle connections, and resolves when all are gone; what
   * remains after the deadline is cut off. Resolves with the number of requests cut off. May be called twice.
   */
  close(deadlineMs: number): Promise<number>;
}>;

const HEADERS_MS_MAX = 10_000;
/** Above the app's own 10 s, which give a proper answer. */
const RECEIVE_MS_MAX = 20_000;
const KEEP_ALIVE_MS = 65_000;
const CONNECTION_CHECK_MS = 2_000;
const SWEEP_MS = 250;
const IDLE_CHECK_MS = 20;
const HEADER_BYTES_MAX = 16 * 1024;

/** What the parser could not read has no route and no request id, but it gets a problem all the same. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const body = problemBody("validation_failed", "The request is not HTTP.");
  const head = [
    `HTTP/1.1 ${status}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function createHttpServer(app: App, log: Log): Server {
  const listener = getRequestListener(app.fetch, {
    errorHandler: () =>
      new Response(problemBody("validation_failed", "The address or the Host header is not valid."), {
        status: 400,
        headers: { "Content-Type": "application/problem+json" },
      }),
  });
  const server = createServer(
    {
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: RECEIVE_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
    },
    (incoming, outgoing) => {
      // Once the server drains, a kept connection would only be cut under the next request.
      if (!server.listening) outgoing.shouldKeepAlive = false;
      listener(incoming, outgoing).catch((failure: unknown) => {
        log.error({ err: failure }, "an answer could not be written");
        outgoing.destroy();
      });
    },
  );
  server.on("clientError", answerUnreadable);
  return server;
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
    // A connection is idle only once its answer is out, so the idle ones are looked for until none is left.
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

/** Rejects when the port cannot be had (`EADDRINUSE`, `EACCES`, …). Signals are main's business. */
export async function startServer(app: App, options: ServerOptions): Promise<RunningServer> {
  const { host, port, reusePort = false, log } = options;
  const server = createHttpServer(app, log);
  const address = await listen(server, { host, port, reusePort });
  server.on("error", (failure) => log.error({ err: failure }, "server"));
  const sweep = setInterval(() => app.sweep(), SWEEP_MS);
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
