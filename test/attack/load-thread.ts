/**
 * The load of one partner, on its own thread, so that neither the test nor other loads distort the measurement.
 * Requests are built in advance; of answers only the status is read.
 */
import { connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../src/errors/assert.ts";

export type Load = Readonly<{
  host: string;
  port: number;
  connections: number;
  /** Requests as text, sent round-robin. */
  requests: readonly Uint8Array[];
  /** Requests per second. Absent: each connection sends the next one as soon as it has an answer. */
  perSecond?: number;
}>;

/** Answers since the last reset. `tookMs`: since the request was scheduled. */
export type Taken = Readonly<{
  statuses: Readonly<Record<string, number>>;
  tookMs: Float64Array<ArrayBuffer>;
  /** The first 503 answers that arrived in one piece. */
  refusals: readonly string[];
}>;

const REFUSALS_MAX = 3;

const HEAD_END = "\r\n\r\n";

/** One connection, which sends one request at a time. */
class Connection {
  readonly #socket: Socket;
  #head: Buffer | undefined;
  #bytesLeft = 0;
  #status = "";
  isFree = true;
  dueMs = 0;
  refusal = "";

  constructor(host: string, port: number, onAnswer: (connection: Connection, status: string) => void) {
    const buffer = Buffer.alloc(256 * 1024);
    const callback = (bytes: number): boolean => {
      if (this.#read(buffer.subarray(0, bytes))) {
        this.isFree = true;
        onAnswer(this, this.#status);
      }
      return true;
    };
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => onAnswer(this, "closed"));
  }

  send(request: Uint8Array, dueMs: number): void {
    this.isFree = false;
    this.dueMs = dueMs;
    this.#socket.write(request);
  }

  /** @returns whether the answer is complete. */
  #read(piece: Buffer): boolean {
    if (this.#bytesLeft > 0) {
      this.#bytesLeft -= piece.length;
      return this.#bytesLeft <= 0;
    }
    const bytes = this.#head === undefined ? piece : Buffer.concat([this.#head, piece]);
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = Buffer.from(bytes);
      return false;
    }
    this.#head = undefined;
    const head = bytes.toString("latin1", 0, end);
    this.#status = head.slice("HTTP/1.1 ".length, "HTTP/1.1 201".length);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#bytesLeft = end + HEAD_END.length + length - bytes.length;
    if (this.#status === "503") this.refusal = bytes.toString("utf8", end + HEAD_END.length);
    return this.#bytesLeft <= 0;
  }
}

function run({ host, port, connections, requests, perSecond }: Load): void {
  let next = 0;
  let statuses: Record<string, number> = {};
  let tookMs: number[] = [];
  let refusals: string[] = [];
  const take = () => requests[next++ % requests.length] as Uint8Array;
  const due: number[] = [];
  const all: Connection[] = [];
  const connected = (): Connection => {
    const connection = new Connection(host, port, (_, status) => {
      const nowMs = performance.now();
      statuses[status] = (statuses[status] ?? 0) + 1;
      tookMs.push(nowMs - connection.dueMs);
      if (status === "503" && refusals.length < REFUSALS_MAX) refusals.push(connection.refusal);
      if (status === "closed") return;
      if (perSecond === undefined) connection.send(take(), nowMs);
      else {
        const dueMs = due.shift();
        if (dueMs !== undefined) connection.send(take(), dueMs);
      }
    });
    all.push(connection);
    return connection;
  };
  if (perSecond === undefined) {
    for (let i = 0; i < connections; i++) connected().send(take(), performance.now());
  } else {
    let dueMs = performance.now();
    setInterval(() => {
      for (const nowMs = performance.now(); dueMs <= nowMs; dueMs += 1000 / perSecond) {
        // Idle connections are closed after a while, so each is opened when needed.
        const free = all.find(({ isFree }) => isFree) ?? (all.length < connections ? connected() : undefined);
        if (free === undefined) due.push(dueMs);
        else free.send(take(), dueMs);
      }
    }, 1);
  }
  parentPort?.on("message", (message: "begin" | "tell") => {
    if (message === "begin") {
      statuses = {};
      tookMs = [];
      refusals = [];
      return;
    }
    const taken: Taken = { statuses, tookMs: Float64Array.from(tookMs), refusals };
    parentPort?.postMessage(taken, [taken.tookMs.buffer]);
  });
}

assert(parentPort !== null, "load-thread.ts runs as a worker");
run(workerData as Load);
