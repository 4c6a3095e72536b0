/** MessagePack for any plain data. Records that are too rare for a hand-written codec use it. */
import { Packr } from "msgpackr";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * Packs plain data into a buffer of its own, which may be transferred to another thread. (The packer reuses one large
 * buffer; transferring a view of it would transfer all of it.)
 */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const packed = packr.pack(value);
  const bytes = new Uint8Array(packed.length);
  bytes.set(packed);
  return bytes;
}

export function decode(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}

/** Appends one value of plain data to hand-written ones. */
export function writeValue(writer: PackWriter, value: unknown): void {
  // Copied at once, because the packer reuses its buffer.
  const packed = packr.pack(value);
  writer.raw(packed, 0, packed.length);
}

/** Reads one value at the reader's position. */
export function readValue(reader: PackReader): unknown {
  const start = reader.at;
  reader.skip(1);
  return decode(reader.bytes.subarray(start, reader.at));
}
