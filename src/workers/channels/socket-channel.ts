/**
 * A channel between processes: a local socket in a folder that only this user can enter. A frame is its length (4
 * bytes, little endian) and the bytes. One side listens for exactly one connection, the other retries until it can
 * connect.
 */
import { connect, createServer, type Socket } from "node:net";
import type { Channel, ChannelHandlers } from "./channel.ts";

export type SocketEnd = Readonly<{ path: string; listens: boolean }>;

const HEAD_BYTES = 4;
/** Up to this length, copying the bytes into the head's buffer costs less than a second buffer in the same write. */
const COPIED_BYTES_MAX = 1024;
/** More than any batch of commands or answer to the archive; a longer frame is not from this program. */
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
  /** Frames posted before the connection was made. */
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

  /** Writes immediately instead of in the next turn, because the poster's thread may be busy for a while. */
  post(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.#open) return;
    const parts = frameOf(bytes);
    const socket = this.#socket;
    if (socket === undefined) {
      this.#early.push(...parts);
      return;
    }
    // One system call for all parts.
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#giveUp();
    // Sends what was posted before it closes.
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

/** Splits a stream into frames. A frame that arrives in one piece is not copied; others are copied once. */
class FrameReader {
  readonly #receive: (bytes: Uint8Array) => void;
  /** A partial head. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  /** A partial frame. */
  #frame: Uint8Array | undefined;
  #frameBytes = 0;

  constructor(receive: (bytes: Uint8Array) => void) {
    this.#receive = receive;
  }

  /** @returns false if a frame is too long: the stream is not from this program. */
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

  /** @returns the number of bytes consumed. */
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

  /** @returns whether the head is complete. */
  #fillHead(byte: number): boolean {
    this.#head[this.#headBytes++] = byte;
    if (this.#headBytes < HEAD_BYTES) return false;
    this.#headBytes = 0;
    return true;
  }
}
