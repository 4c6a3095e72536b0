/**
 * Reads MessagePack from untrusted clients. A general library resolves extension types, pre-allocates whatever
 * length an array claims, and creates members of any name. This reads plain data only, within bounds, and is as
 * fast. Known member names are recognized without decoding them. The readers of the log (actors/records/pack-reader.ts,
 * pack.ts) do none of that: a checksum covers what they read.
 */
import { isUtf8 } from "node:buffer";
import { TextCache } from "../../actors/records/text-cache.ts";
import type { ItemAnswer } from "../../gateway/ports.ts";
import { invalid, Problem } from "../problem.ts";

/**
 * Placeholder for a well-formed value that is not accepted: binary, an extension, text that is not UTF-8, a float
 * where an integer is expected, a map with a member name that is not text, is `__proto__` or is repeated.
 */
export const FOREIGN = Symbol("foreign");

const DEPTH_MAX = 8;

type Reader = {
  readonly bytes: Buffer;
  readonly view: DataView;
  at: number;
  /** How many more values are allowed. */
  valuesLeft: number;
};

function malformed(): Problem {
  return invalid("", "The body is not MessagePack.");
}

const SHORT_BYTES_MAX = 24;
const texts = new TextCache();

function take(reader: Reader, size: number): number {
  const start = reader.at;
  if (start + size > reader.bytes.length) throw malformed();
  reader.at = start + size;
  return start;
}

function strictUtf8(bytes: Buffer, start: number, end: number): string | typeof FOREIGN {
  return isUtf8(bytes.subarray(start, end)) ? bytes.toString("utf8", start, end) : FOREIGN;
}

function utf8(reader: Reader, size: number): string | typeof FOREIGN {
  const start = take(reader, size);
  const { bytes } = reader;
  const end = start + size;
  // Short ASCII text is mostly an account id that occurs often: cache it.
  if (size > SHORT_BYTES_MAX) return strictUtf8(bytes, start, end);
  for (let i = start; i < end; i++) if ((bytes[i] as number) > 127) return strictUtf8(bytes, start, end);
  return texts.get(bytes, start, end);
}

const NAMES = ["debit_account", "credit_account", "amount", "memo", "metadata", "idempotency_key"];
const NAME_BYTES = NAMES.map((name) => Buffer.from(name, "latin1"));

function nameOf(reader: Reader, size: number): string | typeof FOREIGN {
  const { bytes, at } = reader;
  for (let n = 0; n < NAMES.length; n++) {
    const name = NAME_BYTES[n] as Buffer;
    if (name.length !== size || at + size > bytes.length) continue;
    let i = 0;
    while (i < size && bytes[at + i] === name[i]) i++;
    if (i < size) continue;
    reader.at = at + size;
    return NAMES[n] as string;
  }
  return utf8(reader, size);
}

function spend(reader: Reader, values: number): void {
  reader.valuesLeft -= values;
  if (reader.valuesLeft < 0) throw new Problem("body_too_large", "The body has too many values.");
}

function array(reader: Reader, count: number, depth: number): unknown[] {
  if (depth >= DEPTH_MAX || count > reader.bytes.length - reader.at) throw malformed(); // a value takes at least one byte
  spend(reader, count);
  const values: unknown[] = [];
  for (let i = 0; i < count; i++) values.push(value(reader, depth + 1));
  return values;
}

function map(reader: Reader, count: number, depth: number): unknown {
  if (depth >= DEPTH_MAX || count * 2 > reader.bytes.length - reader.at) throw malformed();
  spend(reader, count);
  const members: Record<string, unknown> = {};
  let isPlain = true;
  for (let i = 0; i < count; i++) {
    const head = reader.bytes[reader.at] as number;
    let name: unknown;
    if (head >= 0xa0 && head <= 0xbf) {
      reader.at += 1;
      name = nameOf(reader, head & 31);
    } else name = value(reader, depth + 1);
    const member = value(reader, depth + 1);
    if (typeof name !== "string" || name === "__proto__" || isTaken(members, name)) isPlain = false;
    else members[name] = member;
  }
  return isPlain ? members : FOREIGN;
}

function isTaken(members: Readonly<Record<string, unknown>>, name: string): boolean {
  // The lookup alone mostly decides: an absent member is `undefined`. `hasOwn` excludes inherited members.
  return members[name] !== undefined && Object.hasOwn(members, name);
}

function skip(reader: Reader, size: number): typeof FOREIGN {
  take(reader, size);
  return FOREIGN;
}

function value(reader: Reader, depth: number): unknown {
  const head = reader.bytes[take(reader, 1)] as number;
  if (head < 0x80) return head;
  if (head < 0x90) return map(reader, head & 15, depth);
  if (head < 0xa0) return array(reader, head & 15, depth);
  if (head < 0xc0) return utf8(reader, head & 31);
  if (head >= 0xe0) return head - 256;
  return longValue(reader, head, depth);
}

/** Integers beyond 2^53 become inexact, but are then outside every valid range. */
function longValue(reader: Reader, head: number, depth: number): unknown {
  const { view } = reader;
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xca:
      return skip(reader, 4);
    case 0xcb:
      return float(view.getFloat64(take(reader, 8)));
    case 0xcc:
      return view.getUint8(take(reader, 1));
    case 0xcd:
      return view.getUint16(take(reader, 2));
    case 0xce:
      return view.getUint32(take(reader, 4));
    case 0xcf:
      return Number(view.getBigUint64(take(reader, 8)));
    case 0xd0:
      return view.getInt8(take(reader, 1));
    case 0xd1:
      return view.getInt16(take(reader, 2));
    case 0xd2:
      return view.getInt32(take(reader, 4));
    case 0xd3:
      return Number(view.getBigInt64(take(reader, 8)));
    default:
      return sizedValue(reader, head, depth);
  }
}

/**
 * A small float may be a decimal amount, so it is refused. JavaScript encoders write integers beyond 32 bits as
 * floats, so those are accepted.
 */
function float(number: number): number | typeof FOREIGN {
  return Number.isSafeInteger(number) && (number > 0xffffffff || number < -0x80000000) ? number : FOREIGN;
}

function sizedValue(reader: Reader, head: number, depth: number): unknown {
  const { view } = reader;
  switch (head) {
    case 0xd9:
      return utf8(reader, view.getUint8(take(reader, 1)));
    case 0xda:
      return utf8(reader, view.getUint16(take(reader, 2)));
    case 0xdb:
      return utf8(reader, view.getUint32(take(reader, 4)));
    case 0xdc:
      return array(reader, view.getUint16(take(reader, 2)), depth);
    case 0xdd:
      return array(reader, view.getUint32(take(reader, 4)), depth);
    case 0xde:
      return map(reader, view.getUint16(take(reader, 2)), depth);
    case 0xdf:
      return map(reader, view.getUint32(take(reader, 4)), depth);
    case 0xc4:
      return skip(reader, view.getUint8(take(reader, 1)));
    case 0xc5:
      return skip(reader, view.getUint16(take(reader, 2)));
    case 0xc6:
      return skip(reader, view.getUint32(take(reader, 4)));
    case 0xc7:
      return skip(reader, view.getUint8(take(reader, 1)) + 1);
    case 0xc8:
      return skip(reader, view.getUint16(take(reader, 2)) + 1);
    case 0xc9:
      return skip(reader, view.getUint32(take(reader, 4)) + 1);
    default:
      if (head >= 0xd4 && head <= 0xd8) return skip(reader, (1 << (head - 0xd4)) + 1);
      throw malformed(); // 0xc1 is never used
  }
}

/**
 * Decodes a body that is an array, and returns its items.
 *
 * @param valuesMax limit on the elements and members of all items together.
 * @throws Problem 400; 413 before more than `itemsMax` items or `valuesMax` values are read
 */
export function decodeItems(body: Buffer, itemsMax: number, valuesMax: number): unknown[] {
  const reader: Reader = {
    bytes: body,
    view: new DataView(body.buffer, body.byteOffset, body.byteLength),
    at: 0,
    valuesLeft: valuesMax,
  };
  const head = reader.bytes[take(reader, 1)] as number;
  let count: number;
  if (head >= 0x90 && head < 0xa0) count = head & 15;
  else if (head === 0xdc) count = reader.view.getUint16(take(reader, 2));
  else if (head === 0xdd) count = reader.view.getUint32(take(reader, 4));
  else throw invalid("", "The body is not a MessagePack array.");
  if (count > itemsMax) throw new Problem("batch_too_large", `A batch may have at most ${itemsMax} items.`);
  const items = array(reader, count, 0);
  if (reader.at !== body.length) throw malformed();
  return items;
}

/** Texts whose characters are bytes: concatenating them is faster than many small writes. */
const RESULTS = "\x81\xa7results\xdc";
const DONE = "\x82\xa6status\xcd\x00\xc9\xa2id\xd9";
const DONE_DRY = "\x81\xa6status\xcd\x00\xc9";
const REFUSED = "\x82\xa6status\xcd";
const CODE = "\xa4code\xd9";

function twoBytes(number: number): string {
  return String.fromCharCode(number >> 8, number & 0xff);
}

/** `{"results": [{"status": 201, "id": "…"} | {"status", "code"}]}`. Ids and codes are ASCII of at most 255 bytes. */
export function encodeResults(
  answers: readonly ItemAnswer[],
  statusOf: (code: string) => number,
): Uint8Array<ArrayBuffer> {
  let bytes = RESULTS + twoBytes(answers.length);
  for (const item of answers) {
    if (!("id" in item))
      bytes +=
        REFUSED + twoBytes(statusOf(item.code)) + CODE + String.fromCharCode(item.code.length) + item.code;
    else if (item.id === "") bytes += DONE_DRY;
    else bytes += DONE + String.fromCharCode(item.id.length) + item.id;
  }
  return Buffer.from(bytes, "latin1");
}
