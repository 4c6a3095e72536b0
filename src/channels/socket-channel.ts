/**
 * A channel between processes: a socket in a folder that only this user can enter. A frame is its length (4 bytes, little
 * endian) and the bytes. One side listens at the path for exactly one connection, the other connects; whoever comes first
 * waits for the other.
 */
import { connect, createServer, type Socket } from "node:net";
import type { Channel, ChannelHandlers } from "./channel.ts";

export type SocketEnd = Readonly<{ path: string; listens: boolean }>;

const HEAD_BYTES = 4;
/** A batch of commands, or an answer to the archive, with room to spare: anything longer is not ours. */
const FRAME_BYTES_MAX = 256 * 1024 * 1024;
const CONNECT_RETRY_MS = 5;
const CONNECT_MS_MAX = 10_000;

/** @param path a file that does not exist, in a folder of our own. */
export function socketPair(path: string): readonly [SocketEnd, SocketEnd] {
  return [
    { path, listens: true },
    { path, listens: false },
  ];
}

export function openSocket(end: SocketEnd, handlers: ChannelHandlers): Channel {
  return new SocketChannel(end, handlers);
}

class SocketChannel implements Channel {
  readonly #handlers: ChannelHandlers;
  readonly #frames: FrameReader;
  #socket: Socket | undefined;
  /** Frames that were posted before there was a connection. */
  #early: Uint8Array[] = [];
  #open = true;
  #giveUp: () => void;

  constructor(end: SocketEnd, handlers: ChannelHandlers) {
    this.#handlers = handlers;
    this.#frames = new FrameReader((bytes) => {
      if (this.#open) handlers.receive(bytes);
    });
    const deadline = setTimeout(() => this.#ended(), CONNECT_MS_MAX);
    const stopWaiting = end.listens ? this.#listen(end.path) : this.#connect(end.path);
    this.#giveUp = () => {
      clearTimeout(deadline);
      stopWaiting();
    };
  }

  post(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#open) return;
    const head = new Uint8Array(HEAD_BYTES);
    new DataView(head.buffer).setUint32(0, bytes.length, true);
    const socket = this.#socket;
    if (socket === undefined) this.#early.push(head, bytes);
    else {
      // One write for both.
      socket.cork();
      socket.write(head);
      socket.write(bytes);
      socket.uncork();
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#giveUp();
    // What was posted still goes out.
    this.#socket?.end();
  }

  #listen(path: string): () => void {
    const server = createServer((socket) => {
      server.close();
      this.#connected(socket);
    });
    server.on("error", () => this.#ended());
    server.listen(path);
    return () => server.close();
  }

  #connect(path: string): () => void {
    let retry: NodeJS.Timeout | undefined;
    const attempt = () => {
      const socket = connect(path);
      socket.once("connect", () => {
        socket.off("error", again);
        this.#connected(socket);
      });
      socket.once("error", again);
    };
    const again = () => {
      retry = setTimeout(attempt, CONNECT_RETRY_MS);
    };
    attempt();
    return () => clearTimeout(retry);
  }

  #connected(socket: Socket): void {
    if (!this.#open) {
      socket.destroy();
      return;
    }
    this.#giveUp();
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      if (!this.#frames.take(bytes)) this.#ended();
    });
    socket.on("error", () => this.#ended());
    socket.on("close", () => this.#ended());
    for (const bytes of this.#early) socket.write(bytes);
    this.#early = [];
  }

  #ended(): void {
    this.#socket?.destroy();
    if (!this.#open) return;
    this.#open = false;
    this.#giveUp();
    this.#handlers.closed();
  }
}

/** Cuts a stream into its frames. */
class FrameReader {
  readonly #receive: (bytes: Uint8Array) => void;
  /** The parts of a frame that is not whole yet. */
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(receive: (bytes: Uint8Array) => void) {
    this.#receive = receive;
  }

  /** False when the stream is not ours. */
  take(bytes: Uint8Array): boolean {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    if (this.#length < this.#wanted()) return true;
    let rest = this.#parts.length === 1 ? bytes : Buffer.concat(this.#parts);
    for (;;) {
      if (rest.length < HEAD_BYTES) break;
      const length = lengthOf(rest);
      if (length > FRAME_BYTES_MAX) return false;
      if (rest.length < HEAD_BYTES + length) break;
      this.#receive(rest.subarray(HEAD_BYTES, HEAD_BYTES + length));
      rest = rest.subarray(HEAD_BYTES + length);
    }
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return true;
  }

  /** Bytes without which there is nothing to do: put together once, not with every portion. */
  #wanted(): number {
    const [first] = this.#parts;
    if (first === undefined || first.length < HEAD_BYTES) return HEAD_BYTES;
    return HEAD_BYTES + lengthOf(first);
  }
}

function lengthOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, HEAD_BYTES).getUint32(0, true);
}
