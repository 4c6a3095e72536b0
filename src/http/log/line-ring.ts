/**
 * Ring buffers in shared memory that carry log lines from each thread to the thread that writes them. Each producer
 * has its own ring: two threads that write to one pipe would mix their lines, and lines queued as strings would
 * survive garbage collections.
 */
import { writeSync } from "node:fs";

const RING_BYTES = 1 << 20;
/** Lines are published after this many bytes, and at each flush. */
const PUBLISH_BYTES = 32 * 1024;
/** UTF-8 bytes per UTF-16 unit, at most. */
const UNIT_BYTES_MAX = 3;
const HEADER_BYTES = 64;
const NEWLINE = 10;
const RETRY_MS = 20;

/** Words of a ring's header: bytes ever published, bytes ever consumed (both modulo 2^32), and lost lines. */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;

/** Words of the signal shared by all rings: how often lines were published, and whether a writer exists. */
const PUBLISHED = 0;
const IS_WRITTEN = 1;

/** Plain data that can be passed to threads. */
export type RingMemory = Readonly<{ ring: SharedArrayBuffer; signal: SharedArrayBuffer }>;

export function newRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + RING_BYTES);
}

export function newSignal(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** Claims the role of the writer. True for the first caller, which then writes all lines. */
export function claimWriter(signal: SharedArrayBuffer): boolean {
  return Atomics.compareExchange(new Int32Array(signal), IS_WRITTEN, 0, 1) === 0;
}

/** The producer's end of a ring. */
export class LineRing {
  readonly #words: Int32Array;
  readonly #signal: Int32Array;
  readonly #bytes: Buffer;
  /** Bytes ever written, and bytes ever published, modulo 2^32. */
  #written: number;
  #published: number;
  /** Bytes ever consumed, as last read. It is read again only if the ring seems full. */
  #consumed: number;

  constructor({ ring, signal }: RingMemory) {
    this.#words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    this.#signal = new Int32Array(signal);
    this.#bytes = Buffer.from(ring, HEADER_BYTES);
    // Discards lines that a predecessor thread wrote but never published.
    this.#written = Atomics.load(this.#words, HEAD);
    this.#published = this.#written;
    this.#consumed = Atomics.load(this.#words, TAIL);
  }

  /** Writes a line with its newline. If the ring is full the line is lost: a slow disk costs lines, never memory. */
  write(line: string): void {
    const bytesMax = line.length * UNIT_BYTES_MAX;
    if (!this.#hasRoom(bytesMax)) {
      Atomics.add(this.#words, DROPPED, 1);
      return;
    }
    const at = this.#written & (RING_BYTES - 1);
    if (bytesMax <= RING_BYTES - at) this.#advance(this.#bytes.write(line, at, "utf8"));
    else this.#writeAround(Buffer.from(line, "utf8"), at);
    if (this.#unpublished() >= PUBLISH_BYTES) this.flush();
  }

  /** Publishes all lines that were written. */
  flush(): void {
    if (this.#unpublished() === 0) return;
    Atomics.store(this.#words, HEAD, this.#written);
    this.#published = this.#written;
    Atomics.add(this.#signal, PUBLISHED, 1);
    Atomics.notify(this.#signal, PUBLISHED);
  }

  #writeAround(line: Buffer, at: number): void {
    const fitting = line.subarray(0, RING_BYTES - at);
    this.#bytes.set(fitting, at);
    this.#bytes.set(line.subarray(fitting.length), 0);
    this.#advance(line.length);
  }

  #advance(bytes: number): void {
    this.#written = (this.#written + bytes) | 0;
  }

  #unpublished(): number {
    return (this.#written - this.#published) >>> 0;
  }

  #hasRoom(bytes: number): boolean {
    const freeMin = RING_BYTES - ((this.#written - this.#consumed) >>> 0);
    if (bytes <= freeMin) return true;
    this.#consumed = Atomics.load(this.#words, TAIL);
    return bytes <= RING_BYTES - ((this.#written - this.#consumed) >>> 0);
  }
}

/** Lost lines of this ring: it was full, or the file could not be written. */
export function droppedIn(ring: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(ring, 0, HEADER_BYTES / 4), DROPPED) >>> 0;
}

/** Writes all published lines to the file; blocks while a pipe is full. @returns whether there were any */
export function drainRings(fd: number, rings: readonly SharedArrayBuffer[]): boolean {
  let wrote = false;
  for (const ring of rings) {
    const words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    const bytes = Buffer.from(ring, HEADER_BYTES);
    const head = Atomics.load(words, HEAD);
    // Stops at the `head` read above: it is the end of a line, so lines of another ring may follow.
    for (let tail = Atomics.load(words, TAIL); tail !== head; tail = Atomics.load(words, TAIL)) {
      const at = tail & (RING_BYTES - 1);
      const length = Math.min((head - tail) >>> 0, RING_BYTES - at);
      const span = bytes.subarray(at, at + length);
      const rest = writeAll(fd, span);
      if (rest.length > 0) Atomics.add(words, DROPPED, linesIn(rest));
      Atomics.store(words, TAIL, (tail + length) | 0);
      Atomics.notify(words, TAIL);
      wrote = true;
    }
  }
  return wrote;
}

/** Waits until all published lines are consumed, at most `msMax`. */
export function awaitDrained(rings: readonly SharedArrayBuffer[], msMax: number): void {
  const endMs = performance.now() + msMax;
  for (const ring of rings) {
    const words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    const head = Atomics.load(words, HEAD);
    for (let tail = Atomics.load(words, TAIL); tail !== head; tail = Atomics.load(words, TAIL)) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return;
      Atomics.wait(words, TAIL, tail, leftMs);
    }
  }
}

/** @returns the bytes that could not be written. Errors are not thrown: a failing log must not stop the ledger. */
function writeAll(fd: number, bytes: Buffer): Buffer {
  let rest = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (failure) {
      if (!(failure instanceof Error && "code" in failure && failure.code === "EAGAIN")) return rest;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
  return rest;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines += 1;
  return lines;
}
