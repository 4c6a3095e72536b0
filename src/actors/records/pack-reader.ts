import { TextCache } from "./text-cache.ts";

/** Otherwise it drops U+FEFF from the beginning of a text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const texts = new TextCache();

/** The bytes are not the MessagePack that the reader expected. */
export class PackError extends Error {
  override readonly name = "PackError";
}

/**
 * Reads MessagePack value by value, or skips values without creating them: the archive's index needs only a few numbers
 * and string ranges of each record, and a look-up only one record among thousands. msgpackr (pack.ts) can do neither. For
 * bytes under the log's checksum only: it has no bound on work, unlike the reader of clients' MessagePack in `http`.
 *
 * @throws PackError from every method, if the bytes hold something else.
 */
export class PackReader {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  /** Byte range of the last string that `text` read. */
  textStart = 0;
  textEnd = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));

  start(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads an array head and returns the array's length. */
  array(): number {
    const head = this.bytes[this.at++] as number;
    if ((head & 0xf0) === 0x90) return head & 0x0f;
    if (head === 0xdc) return this.#take(2);
    if (head === 0xdd) return this.#take(4);
    throw unexpected("an array", head);
  }

  /** Reads a map head and returns its number of pairs. */
  map(): number {
    const head = this.bytes[this.at++] as number;
    if ((head & 0xf0) === 0x80) return head & 0x0f;
    if (head === 0xde) return this.#take(2);
    if (head === 0xdf) return this.#take(4);
    throw unexpected("a map", head);
  }

  number(): number {
    const head = this.bytes[this.at++] as number;
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    const at = this.at;
    const view = this.#view;
    switch (head) {
      case 0xcc:
        this.at = at + 1;
        return view.getUint8(at);
      case 0xcd:
        this.at = at + 2;
        return view.getUint16(at);
      case 0xce:
        this.at = at + 4;
        return view.getUint32(at);
      case 0xcb:
        this.at = at + 8;
        return view.getFloat64(at);
      default:
        return this.#rareNumber(head, at);
    }
  }

  #rareNumber(head: number, at: number): number {
    const view = this.#view;
    this.at = at + numberBytes(head);
    switch (head) {
      case 0xca:
        return view.getFloat32(at);
      case 0xcf:
        return Number(view.getBigUint64(at));
      case 0xd0:
        return view.getInt8(at);
      case 0xd1:
        return view.getInt16(at);
      case 0xd2:
        return view.getInt32(at);
      case 0xd3:
        return Number(view.getBigInt64(at));
      default:
        throw unexpected("a number", head);
    }
  }

  /** Skips a string and records its byte range in `textStart` and `textEnd`. */
  text(): void {
    const head = this.bytes[this.at++] as number;
    let length: number;
    if ((head & 0xe0) === 0xa0) length = head & 0x1f;
    else if (head === 0xd9) length = this.#take(1);
    else if (head === 0xda) length = this.#take(2);
    else if (head === 0xdb) length = this.#take(4);
    else throw unexpected("a string", head);
    this.textStart = this.at;
    this.at += length;
    this.textEnd = this.at;
    if (this.at > this.bytes.length) throw cut();
  }

  /** Decodes the last string that `text` read. */
  textNow(): string {
    return decoder.decode(this.bytes.subarray(this.textStart, this.textEnd));
  }

  /** Reads a string that is likely to repeat, such as an account id, through the `TextCache`. */
  cachedText(): string {
    this.text();
    return texts.get(this.bytes, this.textStart, this.textEnd);
  }

  /** Reads a string that is unlikely to repeat. */
  freshText(): string {
    this.text();
    return this.textNow();
  }

  freshTextOrNil(): string | null {
    return this.nil() ? null : this.freshText();
  }

  numberOrNil(): number | null {
    return this.nil() ? null : this.number();
  }

  /** Whether the next value is a string. */
  isText(): boolean {
    const head = this.bytes[this.at] as number;
    return (head & 0xe0) === 0xa0 || (head >= 0xd9 && head <= 0xdb);
  }

  /** Whether the next value is a map. */
  isMap(): boolean {
    const head = this.bytes[this.at] as number;
    return (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf;
  }

  /** If the next value is nil, skips it and returns true. */
  nil(): boolean {
    if (this.bytes[this.at] !== 0xc0) return false;
    this.at += 1;
    return true;
  }

  /** Skips `count` values with everything nested in them. */
  skip(count: number): void {
    const bytes = this.bytes;
    let remaining = count;
    let at = this.at;
    while (remaining > 0) {
      remaining -= 1;
      const head = bytes[at++];
      if (head === undefined) throw cut();
      if (head < 0x80 || head >= 0xe0) continue;
      if (head >= 0xa0 && head < 0xc0) at += head & 0x1f;
      else if (head < 0x90) remaining += 2 * (head & 0x0f);
      else if (head < 0xa0) remaining += head & 0x0f;
      else {
        this.at = at;
        remaining += this.#skipLong(head);
        at = this.at;
      }
    }
    if (at > bytes.length) throw cut();
    this.at = at;
  }

  /** Skips the rest of a value whose head byte holds no length; returns how many values are nested in it. */
  #skipLong(head: number): number {
    switch (head) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return 0;
      case 0xc4:
      case 0xd9:
        return this.#pass(this.#take(1));
      case 0xc5:
      case 0xda:
        return this.#pass(this.#take(2));
      case 0xc6:
      case 0xdb:
        return this.#pass(this.#take(4));
      case 0xdc:
        return this.#take(2);
      case 0xdd:
        return this.#take(4);
      case 0xde:
        return 2 * this.#take(2);
      case 0xdf:
        return 2 * this.#take(4);
      default:
        return this.#pass(numberBytes(head));
    }
  }

  #pass(bytes: number): 0 {
    this.at += bytes;
    return 0;
  }

  #take(bytes: 1 | 2 | 4): number {
    const at = this.at;
    if (at + bytes > this.bytes.length) throw cut();
    this.at = at + bytes;
    if (bytes === 1) return this.#view.getUint8(at);
    return bytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}

/** Byte offsets of the records of a batch body: the start of each, then the end of the last. @throws PackError */
export function recordOffsets(body: Uint8Array): Uint32Array {
  const reader = new PackReader();
  reader.start(body);
  const count = reader.array();
  if (count > body.length) throw cut();
  const offsets = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    offsets[i] = reader.at;
    reader.skip(1);
  }
  offsets[count] = reader.at;
  return offsets;
}

function numberBytes(head: number): number {
  switch (head) {
    case 0xcc:
    case 0xd0:
      return 1;
    case 0xcd:
    case 0xd1:
      return 2;
    case 0xca:
    case 0xce:
    case 0xd2:
      return 4;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 8;
    default:
      throw unexpected("a value of plain data", head);
  }
}

function unexpected(wanted: string, head: number): PackError {
  return new PackError(`a batch holds byte ${head} where ${wanted} should begin`);
}

function cut(): PackError {
  return new PackError("a batch ends in the middle of a record");
}
