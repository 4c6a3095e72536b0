/**
 * Scans a batch body in one pass, without creating an object or a string for each transfer. It takes only batches whose
 * items all are the most frequent kind: debit account, credit account, amount, and perhaps a memo. For any other body, and
 * for any fault in one, the answer is `undefined`, and the general reader decides (a test compares the two).
 */
import { isUtf8 } from "node:buffer";
import { RANGES, type ScannedTransfers } from "../../../actors/records/scanned-transfers.ts";
import { ID_LENGTH_MAX, MEMO_LENGTH_MAX } from "../../input/fields.ts";

/** Of the shortest item in JSON and MessagePack: two accounts of one character and one digit. */
const ITEM_BYTES_MIN = 42;
const DIGITS_MAX = 16;

const QUOTE = 0x22;
const COMMA = 0x2c;
const SLASH = 0x2f;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** 1: may stand in an id. */
const ID_BYTES = new Uint8Array(256);
for (const character of Buffer.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@+-",
  "latin1",
))
  ID_BYTES[character] = 1;

const LIST = Buffer.from('"transfers"', "latin1");
/** The member names, each with the offset of its range; -1: the amount. */
const MEMBERS = [
  { name: Buffer.from("debit_account", "latin1"), range: 0, bit: 1 },
  { name: Buffer.from("credit_account", "latin1"), range: 2, bit: 2 },
  { name: Buffer.from("amount", "latin1"), range: -1, bit: 4 },
  { name: Buffer.from("memo", "latin1"), range: 4, bit: 8 },
] as const;
type Member = (typeof MEMBERS)[number];
const MEMO = MEMBERS[3];
/** Of the members that every item has. */
const NEEDED_BITS = 7;

/** Thrown to leave the scan. */
const OTHER = new Error("the body is not of the frequent kind");

class Scan {
  readonly bytes: Uint8Array;
  readonly ranges: Uint32Array;
  readonly amounts: Float64Array;
  readonly #itemsMax: number;
  at = 0;
  count = 0;

  constructor(bytes: Uint8Array, itemsMax: number) {
    this.bytes = bytes;
    this.#itemsMax = Math.min(itemsMax, Math.floor(bytes.length / ITEM_BYTES_MIN));
    this.ranges = new Uint32Array(RANGES * this.#itemsMax);
    this.amounts = new Float64Array(this.#itemsMax);
  }

  /** An item is complete: it had these members. */
  add(seen: number): void {
    if ((seen & NEEDED_BITS) !== NEEDED_BITS) throw OTHER;
    this.count += 1;
  }

  /** Whether there may be one more item. */
  expectItem(): void {
    if (this.count >= this.#itemsMax) throw OTHER;
  }

  range(offset: number, start: number, end: number): void {
    const at = RANGES * this.count + offset;
    this.ranges[at] = start;
    this.ranges[at + 1] = end;
  }

  amount(amount: number): void {
    if (amount < 1 || amount > Number.MAX_SAFE_INTEGER) throw OTHER;
    this.amounts[this.count] = amount;
  }

  /**
   * The member whose name begins here; moves past it.
   *
   * @param length of the name; -1: a quote ends it. @param seen the bits of the members that the item has already.
   */
  member(length: number, seen: number): Member {
    const { bytes, at } = this;
    for (let i = 0; i < MEMBERS.length; i++) {
      // Most items have their members in this order.
      const member = MEMBERS[(32 - Math.clz32(seen) + i) % MEMBERS.length] as Member;
      const { name } = member;
      const isAsLong = length < 0 ? bytes[at + name.length] === QUOTE : name.length === length;
      if (!isAsLong || !isAt(bytes, at, name)) continue;
      if ((seen & member.bit) !== 0) throw OTHER;
      this.at = at + name.length;
      return member;
    }
    throw OTHER;
  }

  /** The byte after the id that begins at `start`. */
  idEnd(start: number): number {
    const { bytes } = this;
    let at = start;
    let slash = -1;
    for (; ; at++) {
      const byte = bytes[at] as number;
      if (ID_BYTES[byte] === 1) continue;
      if (byte !== SLASH || slash >= 0 || at === start) break;
      slash = at;
    }
    if (at === start || at === slash + 1 || at - start > ID_LENGTH_MAX) throw OTHER;
    return at;
  }

  /** Whether bytes up to `end` are text of a memo. */
  checkMemo(start: number, end: number): void {
    if (end - start > 4 * MEMO_LENGTH_MAX) throw OTHER;
    let length = 0;
    let isAscii = true;
    for (let i = start; i < end; i++) {
      const byte = this.bytes[i] as number;
      if (byte >= 0x80) isAscii = false;
      // One UTF-16 unit for each character, two for one of four bytes.
      if ((byte & 0xc0) !== 0x80) length += byte >= 0xf0 ? 2 : 1;
    }
    if (length > MEMO_LENGTH_MAX || (!isAscii && !isUtf8(this.bytes.subarray(start, end)))) throw OTHER;
  }
}

function isAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

function scanned(partner: string, scan: Scan, read: (scan: Scan) => void): ScannedTransfers | undefined {
  try {
    read(scan);
  } catch (error) {
    if (error === OTHER) return undefined;
    throw error;
  }
  const { bytes: source, count, ranges, amounts } = scan;
  return count === 0 ? undefined : { partner, source, count, ranges, amounts };
}

/** Scans `{"transfers": [{…}, …]}`. */
export function scanJson(partner: string, body: Uint8Array, itemsMax: number): ScannedTransfers | undefined {
  return scanned(partner, new Scan(body, itemsMax), readJson);
}

function readJson(scan: Scan): void {
  expect(scan, OPEN);
  skipSpace(scan);
  if (!isAt(scan.bytes, scan.at, LIST)) throw OTHER;
  scan.at += LIST.length;
  expect(scan, COLON);
  expect(scan, OPEN_LIST);
  do readJsonItem(scan);
  while (takes(scan, COMMA));
  expect(scan, CLOSE_LIST);
  expect(scan, CLOSE);
  skipSpace(scan);
  if (scan.at !== scan.bytes.length) throw OTHER;
}

function readJsonItem(scan: Scan): void {
  scan.expectItem();
  expect(scan, OPEN);
  let seen = 0;
  do {
    expect(scan, QUOTE);
    const member = scan.member(-1, seen);
    seen |= member.bit;
    scan.at += 1;
    expect(scan, COLON);
    skipSpace(scan);
    if (member.range < 0) scan.amount(readDigits(scan));
    else readString(scan, member);
  } while (takes(scan, COMMA));
  expect(scan, CLOSE);
  scan.add(seen);
}

/** Skips space, and the byte that must follow. */
function expect(scan: Scan, byte: number): void {
  if (!takes(scan, byte)) throw OTHER;
}

/** Skips space; if this byte follows, skips it and returns true. */
function takes(scan: Scan, byte: number): boolean {
  if (scan.bytes[scan.at] !== byte) {
    skipSpace(scan);
    if (scan.bytes[scan.at] !== byte) return false;
  }
  scan.at += 1;
  return true;
}

function skipSpace(scan: Scan): void {
  const { bytes } = scan;
  for (;;) {
    const byte = bytes[scan.at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    scan.at += 1;
  }
}

/** A positive integer without sign, fraction and exponent, which JSON writes without leading zeros. */
function readDigits(scan: Scan): number {
  const { bytes } = scan;
  const start = scan.at;
  let value = 0;
  let at = start;
  for (; ; at++) {
    const byte = bytes[at] as number;
    if (!(byte >= ZERO && byte <= NINE)) break;
    // In this order every step is exact up to the greatest amount.
    value = 10 * value + (byte - ZERO);
  }
  if (bytes[start] === ZERO || at - start > DIGITS_MAX) throw OTHER;
  scan.at = at;
  return value;
}

function readString(scan: Scan, member: Member): void {
  const { bytes } = scan;
  expect(scan, QUOTE);
  const start = scan.at;
  let end: number;
  if (member === MEMO) {
    end = start;
    for (; bytes[end] !== QUOTE; end++) {
      const byte = bytes[end];
      if (byte === undefined || byte < 0x20 || byte === BACKSLASH) throw OTHER;
    }
    scan.checkMemo(start, end);
  } else {
    end = scan.idEnd(start);
    if (bytes[end] !== QUOTE) throw OTHER;
  }
  scan.range(member.range, start, end);
  scan.at = end + 1;
}

/** Scans an array of maps. */
export function scanMessagePack(
  partner: string,
  body: Uint8Array,
  itemsMax: number,
): ScannedTransfers | undefined {
  return scanned(partner, new Scan(body, itemsMax), readMessagePack);
}

function readMessagePack(scan: Scan): void {
  const { bytes } = scan;
  const head = bytes[scan.at++] as number;
  let items: number;
  if ((head & 0xf0) === 0x90) items = head & 0x0f;
  else if (head === 0xdc) items = unsigned(scan, 2);
  else throw OTHER;
  for (; items > 0; items--) {
    scan.expectItem();
    const mapHead = bytes[scan.at++] as number;
    if ((mapHead & 0xf0) !== 0x80) throw OTHER;
    let seen = 0;
    for (let members = mapHead & 0x0f; members > 0; members--) {
      const nameHead = bytes[scan.at++] as number;
      if ((nameHead & 0xe0) !== 0xa0) throw OTHER;
      const member = scan.member(nameHead & 0x1f, seen);
      seen |= member.bit;
      if (member.range < 0) scan.amount(readInteger(scan));
      else readText(scan, member);
    }
    scan.add(seen);
  }
  if (scan.at !== bytes.length) throw OTHER;
}

function readInteger(scan: Scan): number {
  const head = scan.bytes[scan.at++] as number;
  if (head < 0x80) return head;
  if (head === 0xcc) return unsigned(scan, 1);
  if (head === 0xcd) return unsigned(scan, 2);
  if (head === 0xce) return unsigned(scan, 4);
  throw OTHER;
}

function readText(scan: Scan, member: Member): void {
  const { bytes } = scan;
  const head = bytes[scan.at++] as number;
  let length: number;
  if ((head & 0xe0) === 0xa0) length = head & 0x1f;
  else if (head === 0xd9) length = unsigned(scan, 1);
  else if (head === 0xda) length = unsigned(scan, 2);
  else throw OTHER;
  const start = scan.at;
  const end = start + length;
  if (end > bytes.length) throw OTHER;
  if (member === MEMO) scan.checkMemo(start, end);
  else if (scan.idEnd(start) !== end) throw OTHER;
  scan.range(member.range, start, end);
  scan.at = end;
}

function unsigned(scan: Scan, size: 1 | 2 | 4): number {
  const { bytes, at } = scan;
  if (at + size > bytes.length) throw OTHER;
  let value = 0;
  for (let i = 0; i < size; i++) value = 256 * value + (bytes[at + i] as number);
  scan.at = at + size;
  return value;
}
