/**
 * The byte format of the log: one frame is one entry of a stream. docs/WAL_FORMAT.md is the reference.
 *
 * The CRC detects damaged frames. Each frame also carries the SHA-256 of the frame before it, which detects frames that
 * were swapped, dropped or duplicated (docs/adr/0001-crc32-and-sha256.md).
 */
import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Claim, type Claimant, formatLogId, type LogId } from "./wal.ts";

export const FORMAT_VERSION = 1;
export const HASH_BYTES = 32;
export const BATCH_HEADER_BYTES = 96;
export const CLAIM_HEADER_BYTES = 48;
/** "DYBK", read as a little-endian number. */
const MAGIC = 0x4b425944;
const KIND_BATCH = 1;
const KIND_CLAIM = 2;
const BATCH_CRC_AT = 92;
const CLAIM_CRC_AT = 44;
const TWO_32 = 2 ** 32;
const INSTANCE_BYTES_MAX = 0xffff;

/** The predecessor that the first batch of a log names. */
export const NO_BATCH: Readonly<{ id: LogId; hash: Uint8Array }> = {
  id: { epoch: 0, seq: 0 },
  hash: new Uint8Array(HASH_BYTES),
};

export type BatchFrame = Readonly<{
  kind: "batch";
  id: LogId;
  /** The previous batch (claims are skipped); `previousHash` is the SHA-256 of its frame. */
  previousId: LogId;
  previousHash: Uint8Array;
  timeMs: number;
  count: number;
  /** The server's number of shards. In every batch, because the claim may have been trimmed. */
  shards: number;
  body: Uint8Array;
}>;

export type ClaimFrame = Readonly<{ kind: "claim" }> & Claim;
export type Frame = BatchFrame | ClaimFrame;

/** Bytes that are not a valid frame. The message becomes part of a `log_corrupt` error. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Encodes a batch as a frame. Copies the body once. */
export function encodeBatch(batch: Omit<BatchFrame, "kind">): Buffer {
  const { id, previousId, previousHash, timeMs, count, shards, body } = batch;
  const frame = Buffer.allocUnsafe(BATCH_HEADER_BYTES + body.byteLength);
  frame.writeUInt32LE(MAGIC, 0);
  frame[4] = FORMAT_VERSION;
  frame[5] = KIND_BATCH;
  frame.writeUInt16LE(0, 6);
  writeUInt53(frame, id.epoch, 8);
  writeUInt53(frame, id.seq, 16);
  writeUInt53(frame, previousId.epoch, 24);
  writeUInt53(frame, previousId.seq, 32);
  writeUInt53(frame, timeMs, 40);
  frame.writeUInt32LE(count, 48);
  frame.writeUInt32LE(body.byteLength, 52);
  frame.set(previousHash, 56);
  frame.writeUInt32LE(shards, 88);
  frame.set(body, BATCH_HEADER_BYTES);
  frame.writeUInt32LE(checksum(frame, BATCH_CRC_AT), BATCH_CRC_AT);
  return frame;
}

export function encodeClaim(claim: Claim): Buffer {
  const { id, claimant, timeMs } = claim;
  const instance = Buffer.from(claimant.instance, "utf8");
  if (instance.byteLength > INSTANCE_BYTES_MAX) throw new RangeError("the instance's name is too long");
  const frame = Buffer.allocUnsafe(CLAIM_HEADER_BYTES + instance.byteLength);
  frame.writeUInt32LE(MAGIC, 0);
  frame[4] = FORMAT_VERSION;
  frame[5] = KIND_CLAIM;
  frame.writeUInt16LE(instance.byteLength, 6);
  writeUInt53(frame, id.epoch, 8);
  writeUInt53(frame, id.seq, 16);
  writeUInt53(frame, timeMs, 24);
  frame.writeUInt32LE(claimant.generation, 32);
  frame.writeUInt32LE(claimant.shard, 36);
  frame.writeUInt32LE(claimant.shards, 40);
  frame.set(instance, CLAIM_HEADER_BYTES);
  frame.writeUInt32LE(checksum(frame, CLAIM_CRC_AT), CLAIM_CRC_AT);
  return frame;
}

/** SHA-256 of a whole frame: the link that the next batch carries. */
export function hashFrame(frame: Uint8Array): Uint8Array {
  return hash("sha256", frame, "buffer");
}

/**
 * Decodes the frame that is stored under `id`. The body is a view of `bytes`, not a copy.
 *
 * @throws FrameError with the first reason found, cheapest check first.
 */
export function decodeFrame(bytes: Uint8Array, id: LogId): Frame {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (frame.byteLength < CLAIM_HEADER_BYTES) throw new FrameError(`cut short: ${frame.byteLength} bytes`);
  if (frame.readUInt32LE(0) !== MAGIC) throw new FrameError("bad magic: not a frame of this log");
  const version = frame[4];
  if (version !== FORMAT_VERSION) {
    throw new FrameError(`unknown format version ${version}: this server reads version ${FORMAT_VERSION}`);
  }
  const kind = frame[5];
  if (kind === KIND_BATCH) return decodeBatch(frame, id);
  if (kind === KIND_CLAIM) return decodeClaim(frame, id);
  throw new FrameError(`unknown kind ${kind}`);
}

function decodeBatch(frame: Buffer, id: LogId): BatchFrame {
  if (frame.byteLength < BATCH_HEADER_BYTES) throw new FrameError(`cut short: ${frame.byteLength} bytes`);
  checkLength(frame, BATCH_HEADER_BYTES + frame.readUInt32LE(52));
  checkCrc(frame, BATCH_CRC_AT);
  checkId(frame, id);
  if (id.seq === 0) throw new FrameError("a batch under the id of a claim");
  if (frame.readUInt16LE(6) !== 0) throw new FrameError("reserved bits are set");
  return {
    kind: "batch",
    id,
    previousId: { epoch: readUInt53(frame, 24), seq: readUInt53(frame, 32) },
    timeMs: readUInt53(frame, 40),
    count: frame.readUInt32LE(48),
    previousHash: frame.subarray(56, 56 + HASH_BYTES),
    shards: frame.readUInt32LE(88),
    body: frame.subarray(BATCH_HEADER_BYTES),
  };
}

function decodeClaim(frame: Buffer, id: LogId): ClaimFrame {
  checkLength(frame, CLAIM_HEADER_BYTES + frame.readUInt16LE(6));
  checkCrc(frame, CLAIM_CRC_AT);
  checkId(frame, id);
  if (id.seq !== 0) throw new FrameError("a claim under the id of a batch");
  const claimant: Claimant = {
    instance: frame.toString("utf8", CLAIM_HEADER_BYTES),
    generation: frame.readUInt32LE(32),
    shard: frame.readUInt32LE(36),
    shards: frame.readUInt32LE(40),
  };
  return { kind: "claim", id, claimant, timeMs: readUInt53(frame, 24) };
}

function checkLength(frame: Buffer, expected: number): void {
  if (frame.byteLength !== expected) {
    throw new FrameError(`wrong length: ${frame.byteLength} bytes, its header says ${expected}`);
  }
}

function checkCrc(frame: Buffer, at: number): void {
  if (checksum(frame, at) !== frame.readUInt32LE(at)) throw new FrameError("crc mismatch: damaged bytes");
}

function checkId(frame: Buffer, id: LogId): void {
  const own = { epoch: readUInt53(frame, 8), seq: readUInt53(frame, 16) };
  if (own.epoch !== id.epoch || own.seq !== id.seq) {
    throw new FrameError(`id mismatch: the frame of ${formatLogId(own)} is stored under another id`);
  }
}

/** CRC-32 of all bytes except the four of the CRC itself. */
function checksum(frame: Buffer, crcAt: number): number {
  return crc32(frame.subarray(crcAt + 4), crc32(frame.subarray(0, crcAt)));
}

function writeUInt53(frame: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not an unsigned integer`);
  frame.writeUInt32LE(value % TWO_32, at);
  frame.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}

function readUInt53(frame: Buffer, at: number): number {
  const value = frame.readUInt32LE(at) + frame.readUInt32LE(at + 4) * TWO_32;
  if (!Number.isSafeInteger(value)) throw new FrameError(`a number beyond 2^53 at byte ${at}`);
  return value;
}
