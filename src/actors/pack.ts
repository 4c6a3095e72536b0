/** Any value of plain data, packed and unpacked: for all that is too rare to be written by hand. */
import { Packr } from "msgpackr";

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
