/**
 * Log lines on their way to the thread that writes them, in memory that both share. Each gateway has a ring of its own:
 * two threads that write to one pipe would tear each other's lines, and lines that wait as strings would be carried from
 * one garbage collection to the next.
 */
import { writeSync } from "node:fs";

const RING_BYTES = 1 << 20;
/** Lines are handed over once there are so many bytes of them, and whenever somebody flushes. */
const HANDED_OVER_BYTES = 32 * 1024;
/** UTF-8 needs at most this many bytes for a unit of a string. */
const UNIT_BYTES_MAX = 3;
const HEADER_BYTES = 64;
const NEWLINE = 10;
const RETRY_MS = 20;

/** Words of a ring's header: bytes ever handed over, bytes ever taken out, both modulo 2^32, and lines that were lost. */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;

/** Words of the signal that all rings have in common: how often lines were handed over, and whether somebody writes them. */
const HANDED_OVER = 0;
const IS_WRITTEN = 1;

/** Plain data that threads share. */
export type RingMemory = Readonly<{ ring: SharedArrayBuffer; signal: SharedArrayBuffer }>;

/** A ring of the size that all have. */
export function newRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + RING_BYTES);
}

export function newSignal(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** Whether the caller is the first who asks, and so the one who writes all lines from now on. */
export function takeOver(signal: SharedArrayBuffer): boolean {
  return Atomics.compareExchange(new Int32Array(signal), IS_WRITTEN, 0, 1) === 0;
}

/** The side that makes lines. */
export class LineRing {
  readonly #words: Int32Array;
  readonly #signal: Int32Array;
  readonly #bytes: Buffer;
  /** Bytes ever written and handed over, modulo 2^32. */
  #written: number;
  #handedOver: number;
  /** Bytes taken out when it was last looked at, which is only done where there seems to be no room. */
  #takenOut: number;

  constructor({ ring, signal }: RingMemory) {
    this.#words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    this.#signal = new Int32Array(signal);
    this.#bytes = Buffer.from(ring, HEADER_BYTES);
    // A thread that died has left lines that it never handed over.
    this.#written = Atomics.load(this.#words, HEAD);
    this.#handedOver = this.#written;
    this.#takenOut = Atomics.load(this.#words, TAIL);
  }

  /** Takes a whole line with its end. Where there is no room it is lost: a slow disk costs lines, never memory. */
  write(line: string): void {
    const bytesMax = line.length * UNIT_BYTES_MAX;
    if (!this.#hasRoom(bytesMax)) {
      Atomics.add(this.#words, DROPPED, 1);
      return;
    }
    const at = this.#written & (RING_BYTES - 1);
    if (bytesMax <= RING_BYTES - at) this.#advance(this.#bytes.write(line, at, "utf8"));
    else this.#writeAround(Buffer.from(line, "utf8"), at);
    if (this.#unsent() >= HANDED_OVER_BYTES) this.flush();
  }

  /** Hands over what was written. */
  flush(): void {
    if (this.#unsent() === 0) return;
    Atomics.store(this.#words, HEAD, this.#written);
    this.#handedOver = this.#written;
    Atomics.add(this.#signal, HANDED_OVER, 1);
    Atomics.notify(this.#signal, HANDED_OVER);
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

  #unsent(): number {
    return (this.#written - this.#handedOver) >>> 0;
  }

  #hasRoom(bytes: number): boolean {
    const roomMin = RING_BYTES - ((this.#written - this.#takenOut) >>> 0);
    if (bytes <= roomMin) return true;
    this.#takenOut = Atomics.load(this.#words, TAIL);
    return bytes <= RING_BYTES - ((this.#written - this.#takenOut) >>> 0);
  }
}

/** Lines of this ring that were lost: there was no room, or the file did not take them. */
export function droppedIn(ring: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(ring, 0, HEADER_BYTES / 4), DROPPED) >>> 0;
}

/** Writes all that was handed over; waits for a pipe that is full. @returns whether there was anything */
export function drainRings(fd: number, rings: readonly SharedArrayBuffer[]): boolean {
  let wrote = false;
  for (const ring of rings) {
    const words = new Int32Array(ring, 0, HEADER_BYTES / 4);
    const bytes = Buffer.from(ring, HEADER_BYTES);
    const head = Atomics.load(words, HEAD);
    // Up to the same head: it stands behind a whole line, and so may another ring's lines.
    for (let tail = Atomics.load(words, TAIL); tail !== head; tail = Atomics.load(words, TAIL)) {
      const at = tail & (RING_BYTES - 1);
      const length = Math.min((head - tail) >>> 0, RING_BYTES - at);
      const span = bytes.subarray(at, at + length);
      const left = writeAll(fd, span);
      if (left.length > 0) Atomics.add(words, DROPPED, linesIn(left));
      Atomics.store(words, TAIL, (tail + length) | 0);
      Atomics.notify(words, TAIL);
      wrote = true;
    }
  }
  return wrote;
}

/** Waits until all that was handed over is taken out, or the time is over. */
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

/** @returns what the file has not taken: a log that cannot be written must not stop a ledger. */
function writeAll(fd: number, bytes: Buffer): Buffer {
  let left = bytes;
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (failure) {
      if (!(failure instanceof Error && "code" in failure && failure.code === "EAGAIN")) return left;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
  return left;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines += 1;
  return lines;
}
