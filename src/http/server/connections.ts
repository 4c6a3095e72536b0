/**
 * Limits connections, and cuts off clients that do not read. Each connection costs a file descriptor and memory even if
 * idle, so there are limits in total and per address. Answers that a client does not read stay in the server's memory.
 */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { networkOf } from "./client-address.ts";
import { endConnection } from "./linger.ts";

export type ConnectionBounds = Readonly<{
  /** At this gateway. */
  max: number;
  /** Of these, from one IPv4 address or one IPv6 /64, which is what one subscriber gets. */
  perAddress: number;
}>;

export const UNBOUNDED: ConnectionBounds = {
  max: Number.POSITIVE_INFINITY,
  perAddress: Number.POSITIVE_INFINITY,
};

export type ConnectionsOptions = Readonly<{
  bounds: ConnectionBounds;
  /** The complete answer to a connection that exceeds a limit. */
  refusal: (detail: string) => string;
  /** Called from time to time with the numbers of refused and cut connections. */
  report: (counts: Readonly<{ refused: number; cut: number }>) => void;
}>;

/** Requests of one connection that run at once. Further pipelined requests wait, and reading stops. */
const PIPELINED_MAX = 16;
/** A client with unread answers is cut off if it reads less than `STALL_BYTES_MIN` within this time. */
export const STALL_MS_MAX = 20_000;
const STALL_BYTES_MIN = 16 * 1024;
/** Limit on all unread answers. Above it, clients that read nothing are cut off at once. */
export const UNREAD_BYTES_MAX = 64 * 1024 * 1024;
/** Connections that are being refused with an answer at once; more are closed without one. */
const REFUSING_MAX = 32;
const REPORT_EVERY_MS = 10_000;
/** A client counts as stuck once it has read nothing for this time. */
const STUCK_MS = 1_000;

type Pipelined = Readonly<{ outgoing: ServerResponse; start: () => void }>;
/** State of a connection whose client pipelines requests. */
type Pipeline = Readonly<{ inProgress: Set<ServerResponse>; waiting: Pipelined[] }>;
/** Stored on the socket: a map would cost memory for every connection. */
const PIPELINE = Symbol("pipeline");
type Connection = Socket & {
  [PIPELINE]?: Pipeline;
  /** Node-internal. Only this tells how much of a write the kernel has taken. */
  _handle?: Readonly<{ bytesWritten: number; writeQueueSize: number }> | null;
};

/** Progress of a connection with unread bytes: how many bytes the client took, and when. */
type Unread = { bytes: number; taken: number; movedMs: number; sinceMs: number; sinceTaken: number };

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #unread = new Map<Connection, Unread>();
  #refusing = 0;
  #refused = 0;
  #cut = 0;
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(server: Server, options: ConnectionsOptions) {
    this.#options = options;
    // Node's listener starts reading at once, so refused connections must not reach it.
    const listeners = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      // Without a listener of our own an error would end the process wherever Node removes its own, as after CONNECT.
      socket.on("error", ignore);
      const closed = this.#admit(socket);
      if (closed === undefined) return;
      socket.destroySoon = endSoon;
      for (const listener of listeners) listener.call(server, socket);
      onClose(socket, closed);
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Starts a pipelined request, or queues it until fewer are in progress. */
  pipeline(before: ServerResponse, outgoing: ServerResponse, start: () => void): void {
    const connection = outgoing.req.socket as Connection;
    let pipeline = connection[PIPELINE];
    if (pipeline === undefined) {
      pipeline = { inProgress: new Set(), waiting: [] };
      connection[PIPELINE] = pipeline;
      this.#take(connection, pipeline, { outgoing: before, start: () => {} });
    }
    if (pipeline.inProgress.size < PIPELINED_MAX) this.#take(connection, pipeline, { outgoing, start });
    else pipeline.waiting.push({ outgoing, start });
  }

  #take(connection: Connection, pipeline: Pipeline, { outgoing, start }: Pipelined): void {
    const { inProgress, waiting } = pipeline;
    inProgress.add(outgoing);
    outgoing.once("close", () => {
      inProgress.delete(outgoing);
      // The client has gone: nothing is left to answer.
      if (connection.destroyed) return;
      const next = waiting.shift();
      if (next !== undefined) this.#take(connection, pipeline, next);
      else if (inProgress.size === 0) delete connection[PIPELINE];
    });
    start();
  }

  /** Cuts off clients that do not read. Call it a few times a second. */
  sweep(nowMs: number): void {
    let total = 0;
    for (const connection of this.#open) total += this.#unreadOf(connection, nowMs);
    if (total > UNREAD_BYTES_MAX) this.#cutStuck(total, nowMs);
    if (this.#refused + this.#cut === 0 || nowMs - this.#reportedMs < REPORT_EVERY_MS) return;
    this.#options.report({ refused: this.#refused, cut: this.#cut });
    this.#reportedMs = nowMs;
    this.#refused = 0;
    this.#cut = 0;
  }

  #unreadOf(connection: Connection, nowMs: number): number {
    const bytes = unreadBytes(connection);
    if (bytes === 0) {
      this.#unread.delete(connection);
      return 0;
    }
    const { _handle: handle } = connection;
    const taken = (handle?.bytesWritten ?? 0) - (handle?.writeQueueSize ?? 0);
    const unread = this.#unread.get(connection);
    if (unread === undefined) {
      this.#unread.set(connection, { bytes, taken, movedMs: nowMs, sinceMs: nowMs, sinceTaken: taken });
      return bytes;
    }
    unread.bytes = bytes;
    if (taken !== unread.taken) unread.movedMs = nowMs;
    unread.taken = taken;
    if (taken - unread.sinceTaken >= STALL_BYTES_MIN) {
      unread.sinceMs = nowMs;
      unread.sinceTaken = taken;
    }
    if (nowMs - unread.sinceMs < STALL_MS_MAX) return bytes;
    this.#cutOff(connection);
    return 0;
  }

  /** Cuts off stuck clients, longest stuck first, until the total is below the limit. */
  #cutStuck(total: number, nowMs: number): void {
    const stuck = [...this.#unread]
      .filter(([, { movedMs }]) => nowMs - movedMs >= STUCK_MS)
      .toSorted(([, a], [, b]) => a.movedMs - b.movedMs);
    let remaining = total;
    for (const [connection, { bytes }] of stuck) {
      if (remaining <= UNREAD_BYTES_MAX) return;
      this.#cutOff(connection);
      remaining -= bytes;
    }
  }

  /** Resets the connection, so that the kernel drops its buffers too. */
  #cutOff(connection: Connection): void {
    this.#cut += 1;
    this.#unread.delete(connection);
    connection.resetAndDestroy();
  }

  /** @returns the function to call when it closes; `undefined` if it was refused. */
  #admit(socket: Socket): (() => void) | undefined {
    const { max, perAddress } = this.#options.bounds;
    // A connection that is already closed has no address.
    const address = networkOf(socket.remoteAddress ?? "");
    const openHere = this.#byAddress.get(address) ?? 0;
    const isFull = this.#open.size >= max;
    if (isFull || openHere >= perAddress) {
      this.#refuse(
        socket,
        isFull ? "There are too many connections." : "This address has too many connections.",
      );
      return undefined;
    }
    this.#open.add(socket);
    this.#byAddress.set(address, openHere + 1);
    return () => this.#closed(socket, address);
  }

  #closed(socket: Socket, address: string): void {
    this.#open.delete(socket);
    this.#unread.delete(socket);
    const remaining = (this.#byAddress.get(address) ?? 0) - 1;
    if (remaining > 0) this.#byAddress.set(address, remaining);
    else this.#byAddress.delete(address);
  }

  #refuse(socket: Socket, detail: string): void {
    this.#refused += 1;
    if (this.#refusing >= REFUSING_MAX) {
      socket.destroy();
      return;
    }
    this.#refusing += 1;
    socket.once("close", () => {
      this.#refusing -= 1;
    });
    endConnection(socket, this.#options.refusal(detail));
  }
}

function ignore(): void {}

/** Replaces a socket's `destroySoon`, which Node calls after the last answer and which would close at once. */
function endSoon(this: Socket): void {
  endConnection(this);
}

/**
 * Calls `closed` when the connection closes, from one listener that also calls Node's. Node adds and removes a
 * further listener for each request. Next to one listener that is free; next to two, all requests of the connection
 * survive minor collections (10 µs of CPU each, measured with Node 26).
 */
function onClose(socket: Socket, closed: () => void): void {
  const own = socket.listeners("close");
  socket.removeAllListeners("close");
  socket.on("close", (hadError: boolean) => {
    for (const listener of own) listener.call(socket, hadError);
    closed();
  });
}

function unreadBytes(connection: Connection): number {
  const pipeline = connection[PIPELINE];
  let bytes = connection.writableLength;
  // An answer that waits for earlier ones is not in the socket's buffer yet.
  if (pipeline !== undefined)
    for (const outgoing of pipeline.inProgress)
      if (outgoing.socket === null) bytes += outgoing.writableLength;
  return bytes;
}
