/**
 * Writes MessagePack into one growing buffer. The general packer checks the type of every value; a transfer's field
 * types are known, and writing them one by one costs a third of that.
 */
import { charCode } from "./char-code.ts";

const INITIAL_BYTES = 4 * 1024;
/** Head byte and 8 bytes of a float. */
const NUMBER_BYTES_MAX = 9;
/** Most keys, memos and ids are shorter; for longer text the platform's encoder is faster. */
const SHORT_LENGTH_MAX = 64;

/** Below this size a byte loop is cheaper than creating a view for `set`. */
const COPY_BY_HAND_BYTES = 24;

/** The most pairs that fit a one-byte map head. */
export const MAP_PAIRS_MAX = 15;

/** Size of the buffers that `takeShared` cuts from. A slab stays in memory while any part of it is referenced. */
const SLAB_BYTES = 8 * 1024;

const encoder = new TextEncoder();

export class PackWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #slab = new Uint8Array(SLAB_BYTES);
  #slabUsed = 0;

  get length(): number {
    return this.#length;
  }

  /** Begins an array of fewer than 65,536 values. */
  array(count: number): void {
    this.#reserve(3);
    if (count < 16) this.#bytes[this.#length++] = 0x90 | count;
    else {
      this.#bytes[this.#length] = 0xdc;
      this.#view.setUint16(this.#length + 1, count);
      this.#length += 3;
    }
  }

  /** Begins a map of at most `MAP_PAIRS_MAX` pairs of a name and a value. */
  map(pairs: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = 0x80 | pairs;
  }

  /** Begins an array of unknown length; `setArray` writes the length later. Returns the head's offset. */
  openArray(): number {
    this.#reserve(5);
    const at = this.#length;
    this.#bytes[at] = 0xdd;
    this.#length = at + 5;
    return at;
  }

  setArray(at: number, count: number): void {
    this.#view.setUint32(at + 1, count);
  }

  nil(): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = 0xc0;
  }

  /** Writes a safe integer; beyond 32 bits as a float64, which is exact. */
  number(value: number): void {
    this.#reserve(NUMBER_BYTES_MAX);
    const bytes = this.#bytes;
    const at = this.#length;
    if (value >= 0 && value < 0x80) {
      bytes[at] = value;
      this.#length = at + 1;
    } else if (value >= 0 && value < 0x10000) {
      bytes[at] = 0xcd;
      bytes[at + 1] = value >>> 8;
      bytes[at + 2] = value;
      this.#length = at + 3;
    } else if (value >= -0x80000000 && value < 0x80000000) {
      bytes[at] = 0xd2;
      this.#view.setInt32(at + 1, value);
      this.#length = at + 5;
    } else {
      bytes[at] = 0xcb;
      this.#view.setFloat64(at + 1, value);
      this.#length = at + 9;
    }
  }

  text(value: string): void {
    const { length } = value;
    this.#reserve(3 * length + 5);
    // Nearly all text is a short ASCII id: try that first, and fall back at the first other character.
    if (length <= SHORT_LENGTH_MAX && this.#shortAscii(value)) return;
    const start = this.#length + 5;
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(start));
    this.#bytes[this.#length] = 0xdb;
    this.#view.setUint32(this.#length + 1, written);
    this.#length = start + written;
  }

  /** Copies a text that is UTF-8 already: bytes `start` to `end` (exclusive) of `source`. */
  textFrom(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length + 5);
    const bytes = this.#bytes;
    let at = this.#length;
    if (length < 32) bytes[at++] = 0xa0 | length;
    else if (length < 0x100) {
      bytes[at++] = 0xd9;
      bytes[at++] = length;
    } else {
      bytes[at] = 0xdb;
      this.#view.setUint32(at + 1, length);
      at += 5;
    }
    this.#length = at;
    this.raw(source, start, end);
  }

  numberOrNil(value: number | null): void {
    if (value === null) this.nil();
    else this.number(value);
  }

  textOrNil(value: string | null): void {
    if (value === null) this.nil();
    else this.text(value);
  }

  /** Copies values that are packed already: bytes `start` to `end` (exclusive) of `source`. */
  raw(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const bytes = this.#bytes;
    let at = this.#length;
    this.#length = at + end - start;
    if (end - start >= COPY_BY_HAND_BYTES) bytes.set(source.subarray(start, end), at);
    else for (let i = start; i < end; i++) bytes[at++] = source[i] as number;
  }

  /** Returns what was written, in a buffer of its own, and empties the writer. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /**
   * Like `take`, but the result is a view of a buffer shared with earlier results: allocating a buffer for some hundred
   * bytes costs ten times as much. Only for bytes that are copied into something else before they leave this thread.
   */
  takeShared(): Uint8Array<ArrayBuffer> {
    const length = this.#length;
    if (length > SLAB_BYTES) return this.take();
    if (this.#slabUsed + length > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const taken = this.#slab.subarray(this.#slabUsed, this.#slabUsed + length);
    taken.set(this.#bytes.subarray(0, length));
    this.#slabUsed += length;
    this.#length = 0;
    return taken;
  }

  #shortAscii(value: string): boolean {
    const bytes = this.#bytes;
    const { length } = value;
    let at = this.#length;
    if (length < 32) bytes[at++] = 0xa0 | length;
    else {
      bytes[at++] = 0xd9;
      bytes[at++] = length;
    }
    for (let i = 0; i < length; i++) {
      const code = charCode(value, i);
      if (code > 0x7f) return false;
      bytes[at + i] = code;
    }
    this.#length = at + length;
    return true;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
