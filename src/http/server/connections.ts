/**
 * Who is connected, and who is cut off. A connection costs a file descriptor and memory whether it asks for anything or
 * not, so there are bounds for all and for each address; and whoever does not read its answers holds them in our memory.
 */
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { networkOf } from "./client-address.ts";
import { endConnection } from "./unreadable.ts";

export type ConnectionBounds = Readonly<{
  /** Open at once at this gateway. */
  max: number;
  /** Of these, from one address; of IPv6 from one /64, which one subscriber has. */
  perAddress: number;
}>;

export const UNBOUNDED: ConnectionBounds = {
  max: Number.POSITIVE_INFINITY,
  perAddress: Number.POSITIVE_INFINITY,
};

export type ConnectionsOptions = Readonly<{
  bounds: ConnectionBounds;
  /** A whole answer, to be written to a connection that is one too many. */
  refusal: (detail: string) => string;
  /** Tells, now and then, how many were refused and how many cut off. */
  report: (counts: Readonly<{ refused: number; cut: number }>) => void;
}>;

/** Requests of one connection that are in hand at once: what a client sends ahead waits, and with it what it sends further. */
const PIPELINED_MAX = 16;
/** A client that takes less than these bytes in this time, while its answer waits, is cut off. */
export const STALL_MS_MAX = 20_000;
const STALL_BYTES_MIN = 16 * 1024;
/** Of all answers that clients have not taken. Beyond it those who take nothing are cut off at once. */
export const UNREAD_BYTES_MAX = 64 * 1024 * 1024;
/** Connections that are just being refused; beyond these they are closed without a word. */
const REFUSING_MAX = 32;
const REPORT_EVERY_MS = 10_000;
/** So long nothing was taken of an answer when its client counts as one that does not read. */
const STUCK_MS = 1_000;

type Ahead = Readonly<{ outgoing: ServerResponse; start: () => void }>;
/** Of a connection whose client sends requests ahead of the answers. */
type Pipeline = Readonly<{ inHand: Set<ServerResponse>; waiting: Ahead[] }>;
/** On the socket itself: a map would cost every connection more. */
const PIPELINE = Symbol("pipeline");
type Connection = Socket & {
  [PIPELINE]?: Pipeline;
  /** Node's own; it alone says how much of a write the system has taken. */
  _handle?: Readonly<{ bytesWritten: number; writeQueueSize: number }> | null;
};

/** Of a connection with bytes that its client has not taken: how many were, and when. */
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
    // Node's own listener begins to read at once; what is refused must not come to it.
    const listeners = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      const closed = this.#admit(socket);
      if (closed === undefined) return;
      // Node calls this behind the last answer of a connection, and would close at once.
      socket.destroySoon = () => endConnection(socket);
      for (const listener of listeners) listener.call(server, socket);
      onClose(socket, closed);
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Starts a request that was sent before the answer to `before` was out, or lets it wait until fewer are in hand. */
  pipeline(before: ServerResponse, outgoing: ServerResponse, start: () => void): void {
    const connection = outgoing.req.socket as Connection;
    let pipeline = connection[PIPELINE];
    if (pipeline === undefined) {
      pipeline = { inHand: new Set(), waiting: [] };
      connection[PIPELINE] = pipeline;
      this.#take(connection, pipeline, { outgoing: before, start: () => {} });
    }
    if (pipeline.inHand.size < PIPELINED_MAX) this.#take(connection, pipeline, { outgoing, start });
    else pipeline.waiting.push({ outgoing, start });
  }

  #take(connection: Connection, pipeline: Pipeline, { outgoing, start }: Ahead): void {
    const { inHand, waiting } = pipeline;
    inHand.add(outgoing);
    outgoing.once("close", () => {
      inHand.delete(outgoing);
      // Nobody is left to answer.
      if (connection.destroyed) return;
      const next = waiting.shift();
      if (next !== undefined) this.#take(connection, pipeline, next);
      else if (inHand.size === 0) delete connection[PIPELINE];
    });
    start();
  }

  /** Cuts off who does not read; to be called a few times a second. */
  sweep(nowMs: number): void {
    let total = 0;
    for (const connection of this.#open) total += this.#look(connection, nowMs);
    if (total > UNREAD_BYTES_MAX) this.#relieve(total, nowMs);
    if (this.#refused + this.#cut === 0 || nowMs - this.#reportedMs < REPORT_EVERY_MS) return;
    this.#options.report({ refused: this.#refused, cut: this.#cut });
    this.#reportedMs = nowMs;
    this.#refused = 0;
    this.#cut = 0;
  }

  /** @returns the bytes that its client has not taken. */
  #look(connection: Connection, nowMs: number): number {
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

  /** Those who have taken nothing for longest go first. */
  #relieve(total: number, nowMs: number): void {
    const stuck = [...this.#unread]
      .filter(([, { movedMs }]) => nowMs - movedMs >= STUCK_MS)
      .toSorted(([, a], [, b]) => a.movedMs - b.movedMs);
    let left = total;
    for (const [connection, { bytes }] of stuck) {
      if (left <= UNREAD_BYTES_MAX) return;
      this.#cutOff(connection);
      left -= bytes;
    }
  }

  /** With a reset: what the system still holds for it is thrown away, too. */
  #cutOff(connection: Connection): void {
    this.#cut += 1;
    this.#unread.delete(connection);
    connection.resetAndDestroy();
  }

  /** @returns what to do when it closes; nothing where it is refused. */
  #admit(socket: Socket): (() => void) | undefined {
    const { max, perAddress } = this.#options.bounds;
    // One that has gone already has no address.
    const address = networkOf(socket.remoteAddress ?? "");
    const there = this.#byAddress.get(address) ?? 0;
    const isFull = this.#open.size >= max;
    if (isFull || there >= perAddress) {
      this.#refuse(
        socket,
        isFull ? "There are too many connections." : "This address has too many connections.",
      );
      return undefined;
    }
    this.#open.add(socket);
    this.#byAddress.set(address, there + 1);
    return () => this.#closed(socket, address);
  }

  #closed(socket: Socket, address: string): void {
    this.#open.delete(socket);
    this.#unread.delete(socket);
    const left = (this.#byAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#byAddress.set(address, left);
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

/**
 * Calls `closed` when the connection closes, by one listener together with Node's own. For each request Node adds another one
 * and removes it. Beside a single listener that costs nothing; beside two it leads to all requests of the connection
 * surviving minor collections (10 µs of processor time for each, measured with Node 26).
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
  // An answer that waits for those before it is not with the socket yet.
  if (pipeline !== undefined)
    for (const outgoing of pipeline.inHand) if (outgoing.socket === null) bytes += outgoing.writableLength;
  return bytes;
}
