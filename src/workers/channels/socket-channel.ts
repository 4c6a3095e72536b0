/**
 * A channel between processes: a socket in a folder that only this user can enter. A frame is its length (4 bytes, little
 * endian) and the bytes. One side listens at the path for exactly one connection, the other connects; whoever comes first
 * waits for the other.
 */
import { connect, createServer, type Socket } from "node:net";
import type { Channel, ChannelHandlers } from "./channel.ts";

export type SocketEnd = Readonly<{ path: string; listens: boolean }>;

const HEAD_BYTES = 4;
/** Up to here a copy behind its head costs less than a second buffer in the same write. */
const COPIED_BYTES_MAX = 1024;
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

  /** Writes at once: whoever posts may be busy for a while afterwards, with an append for instance. */
  post(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#open) return;
    const parts = frameOf(bytes);
    const socket = this.#socket;
    if (socket === undefined) {
      this.#early.push(...parts);
      return;
    }
    // One call of the system for all of them.
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
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
      if (this.#open) retry = setTimeout(attempt, CONNECT_RETRY_MS);
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

function frameOf(bytes: Uint8Array): readonly Uint8Array[] {
  const isCopied = bytes.length <= COPIED_BYTES_MAX;
  const head = Buffer.allocUnsafe(HEAD_BYTES + (isCopied ? bytes.length : 0));
  head.writeUInt32LE(bytes.length, 0);
  if (!isCopied) return [head, bytes];
  head.set(bytes, HEAD_BYTES);
  return [head];
}

/** Cuts a stream into its frames. What comes in one piece is not copied, and nothing twice. */
class FrameReader {
  readonly #receive: (bytes: Uint8Array) => void;
  /** A head that is not whole yet. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  /** A frame that is not whole yet. */
  #frame: Uint8Array | undefined;
  #frameBytes = 0;

  constructor(receive: (bytes: Uint8Array) => void) {
    this.#receive = receive;
  }

  /** False when the stream is not ours. */
  take(bytes: Buffer): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#frame !== undefined) {
        at += this.#fill(this.#frame, bytes, at);
        continue;
      }
      const isWhole = this.#headBytes === 0 && bytes.length - at >= HEAD_BYTES;
      if (!isWhole && !this.#fillHead(bytes[at++] as number)) continue;
      const length = isWhole ? bytes.readUInt32LE(at) : this.#head.readUInt32LE();
      if (isWhole) at += HEAD_BYTES;
      if (length > FRAME_BYTES_MAX) return false;
      if (bytes.length - at >= length) {
        this.#receive(bytes.subarray(at, at + length));
        at += length;
      } else this.#frame = Buffer.allocUnsafeSlow(length);
    }
    return true;
  }

  /** @returns how many bytes it took. */
  #fill(frame: Uint8Array, bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + frame.length - this.#frameBytes);
    frame.set(bytes.subarray(at, end), this.#frameBytes);
    this.#frameBytes += end - at;
    if (this.#frameBytes === frame.length) {
      this.#frame = undefined;
      this.#frameBytes = 0;
      this.#receive(frame);
    }
    return end - at;
  }

  /** True when it is whole. */
  #fillHead(byte: number): boolean {
    this.#head[this.#headBytes++] = byte;
    if (this.#headBytes < HEAD_BYTES) return false;
    this.#headBytes = 0;
    return true;
  }
}
