/**
 * A cache from UTF-8 bytes to strings. Account and partner ids repeat, and decoding one each time is the most
 * expensive part of reading a command: the string itself, its hash, and a Map that compares it character by
 * character. The cache returns the same internalized string each time, which a Map compares by address.
 *
 * Its size is fixed. A string can be in two slots, the one of its hash and that slot's neighbour. A new string takes
 * the slot of its hash and moves the string found there to the neighbour.
 */
import { charCode } from "./char-code.ts";

const SLOTS = 1 << 17;
const BYTES_MAX = 64;

/** Otherwise it drops U+FEFF from the beginning of a text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class TextCache {
  readonly #slots = new Array<string | undefined>(SLOTS).fill(undefined);

  get(bytes: Uint8Array, start: number, end: number): string {
    if (end - start > BYTES_MAX) return decoder.decode(bytes.subarray(start, end));
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isText(known, bytes, start, end)) return known;
    const other = this.#slots[slot ^ 1];
    if (other !== undefined && isText(other, bytes, start, end)) return other;
    const text = internalized(decoder.decode(bytes.subarray(start, end)));
    if (known !== undefined) this.#slots[slot ^ 1] = known;
    this.#slots[slot] = text;
    return text;
  }
}

/** Recognises ASCII only. Other text is rare and is decoded each time. */
function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f || charCode(text, i - start) !== byte) return false;
  }
  return true;
}

/** V8 internalizes property names; there is no other way to request it. */
function internalized(text: string): string {
  return Object.keys({ [text]: 0 })[0] as string;
}
