/**
 * Strings by their bytes. Ids of accounts and partners come again and again, and making a string of them each time is
 * the dearest part of reading a command: the string itself, its hash, and a Map that compares it letter by letter.
 * The cache hands out the same object each time, internalized, which a Map finds by its address.
 *
 * It is bounded: a string has two slots, its own and the one beside it. A newer one takes its own slot, and moves whoever is
 * there into the other.
 */
import { charCode } from "./char-code.ts";

const SLOTS = 1 << 17;
const BYTES_MAX = 64;

const decoder = new TextDecoder();

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

/** Only text in ASCII is recognised; other text is made anew, which is rare. */
function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f || charCode(text, i - start) !== byte) return false;
  }
  return true;
}

/** The names of properties are internalized by every engine; there is no other way to ask for it. */
function internalized(text: string): string {
  return Object.keys({ [text]: 0 })[0] as string;
}
