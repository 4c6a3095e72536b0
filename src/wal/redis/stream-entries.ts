/** Reads of a Redis stream. */
import { assert } from "../../errors/assert.ts";
import { type LogId, parseLogId, type StoredEntry } from "../wal.ts";

const COUNT_MIN = 4;
const COUNT_MAX = 128;

/** XRANGE is bounded by a count of entries, not by bytes. The count adapts to the size of the entries read last. */
export class ReadPage {
  entries = COUNT_MIN;

  adapt(read: readonly StoredEntry[], bytesMax: number): void {
    if (read.length === 0) return;
    const bytes = read.reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
    const fitting = Math.floor(bytesMax / (bytes / read.length + 1));
    this.entries = Math.max(COUNT_MIN, Math.min(fitting, this.entries * 2, COUNT_MAX));
  }
}

/** @param reply of XRANGE or XREVRANGE. */
export function toEntries(reply: readonly [Buffer, Buffer[]][]): StoredEntry[] {
  return reply.map(([id, fields]) => {
    // An entry that Daybook did not write has no frame: decoding rejects the empty bytes.
    const bytes = fields[0]?.toString() === "b" && fields[1] !== undefined ? fields[1] : Buffer.alloc(0);
    return { id: parseLogId(id.toString()), bytes };
  });
}

/** The id that Redis fences with; it outlives the entries. @param reply of XINFO STREAM. */
export function lastGeneratedId(reply: unknown): LogId {
  assert(Array.isArray(reply), "XINFO STREAM answers with a list of names and values");
  return parseLogId(String(reply[reply.indexOf("last-generated-id") + 1]));
}
