/** What is wrong with an entry that does not continue its log, in the terms of an operator. Pure. */
import { decodeFrame, FrameError } from "../wal/frame.ts";
import { compareLogIds, type LogId, type StoredEntry } from "../wal/wal.ts";

/**
 * - `damaged`: its bytes are not those that were written. - `missing`: what stood before it is gone.
 * - `reordered`: another entry stands in its place. - `duplicate`: an earlier entry stands there once more.
 * - `foreign`: something that was never written to this log. - `unreadable`: whole, but of an unknown kind.
 * - `lost`: something that was durable once is not there.
 */
export type Fault = "damaged" | "missing" | "reordered" | "duplicate" | "foreign" | "unreadable" | "lost";

const MAGIC = "DYBK";
const EPOCH_AT = 8;
const SEQ_AT = 16;

/**
 * @param entry the first one that the chain has refused.
 * @param last the entry before it, which was still good; `undefined` at the beginning.
 */
export function findFault(entry: StoredEntry, last: LogId | undefined): Fault {
  const frame = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
  if (!frame.toString("latin1", 0, MAGIC.length).startsWith(MAGIC)) {
    return frame.byteLength === 0 ? "foreign" : "damaged";
  }
  const own = readOwnId(frame);
  if (own === undefined || !isWhole(frame, own)) return "damaged";
  if (compareLogIds(own, entry.id) !== 0) {
    return last !== undefined && compareLogIds(own, last) <= 0 ? "duplicate" : "reordered";
  }
  return continues(own, last) ? "foreign" : "missing";
}

/** A batch follows its claim or batch at once; a claim that of the epoch before. */
function continues(id: LogId, last: LogId | undefined): boolean {
  if (last === undefined) return id.seq === 0;
  if (id.seq === 0) return id.epoch === last.epoch + 1;
  return id.epoch === last.epoch && id.seq === last.seq + 1;
}

function readOwnId(frame: Buffer): LogId | undefined {
  if (frame.byteLength < SEQ_AT + 8) return undefined;
  return { epoch: Number(frame.readBigUInt64LE(EPOCH_AT)), seq: Number(frame.readBigUInt64LE(SEQ_AT)) };
}

function isWhole(frame: Buffer, id: LogId): boolean {
  try {
    decodeFrame(frame, id);
    return true;
  } catch (error) {
    if (error instanceof FrameError) return false;
    throw error;
  }
}
