/** Any value of plain data, packed and unpacked: for all that is too rare to be written by hand. */
import { Packr } from "msgpackr";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * Packs any value of plain data into bytes of its own, so that the buffer may be handed to another thread.
 * (The packer reuses one large buffer; a view of it would carry all of it along.)
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

/** Any one value, among others that are written by hand. */
export function writeValue(writer: PackWriter, value: unknown): void {
  // Copied from the packer's own buffer before that is used again.
  const packed = packr.pack(value);
  writer.raw(packed, 0, packed.length);
}

/** The value that begins where the reader is. */
export function readValue(reader: PackReader): unknown {
  const start = reader.at;
  reader.skip(1);
  return decode(reader.bytes.subarray(start, reader.at));
}
