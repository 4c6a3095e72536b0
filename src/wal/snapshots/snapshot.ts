/**
 * A snapshot as it is stored: a head, blocks of the state, an end. Every chunk names the snapshot that it belongs to and
 * its number there, under a CRC, so that a missing, foreign or damaged one is found out; a snapshot counts only once its
 * end is there. What the blocks hold is not known here. docs/WAL_FORMAT.md is the reference.
 */
import { crc32 } from "node:zlib";
import { HASH_BYTES } from "../frame.ts";
import { compareLogIds, formatLogId, type LogId, type Witness } from "../wal.ts";
import { type SnapshotStore, slotsOf } from "./snapshot-store.ts";

export const SNAPSHOT_VERSION = 1;
/** "DYBS", read as a little-endian number. */
const MAGIC = 0x53425944;
const KIND = { head: 1, block: 2, end: 3 } as const;
const HEADER_BYTES = 32;
const HEAD_BYTES = 64;
const END_BYTES = 16;
const CRC_AT = 12;
/** One answer of the store; longer ones would hold up the appends that share it. */
const READ_BYTES = 1 << 20;

/** The state after the batch `id`, whose frame has this hash. Times are milliseconds since 1970. */
export type SnapshotHead = Witness &
  Readonly<{
    /** Of the newest batch. */
    timeMs: number;
    /** Records in the log up to here. */
    records: number;
    generation: number;
    shard: number;
    shards: number;
  }>;

/** A snapshot that is complete, as far as its head and its end tell; `bytes` of blocks. */
export type StoredSnapshot = Readonly<{ slot: number; head: SnapshotHead; chunks: number; bytes: number }>;

/** What a slot holds: a snapshot, nothing, or something that cannot be used, and why. */
export type Slot =
  | (StoredSnapshot & Readonly<{ kind: "snapshot" }>)
  | Readonly<{ kind: "empty"; slot: number }>
  | Readonly<{ kind: "bad"; slot: number; reason: string }>;

/** A snapshot that cannot be used. Another one may be good, and the log is not concerned. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

type Chunk = Readonly<{ kind: number; payload: Buffer; id: LogId }>;

/** Looks into all slots. Of each snapshot the head and the end are checked, not yet what lies between. */
export async function inspectSlots(store: SnapshotStore): Promise<readonly Slot[]> {
  return Promise.all((await store.used()).map((slot) => inspectSlot(store, slot)));
}

/** Those that look complete, newest first. */
export function snapshotsIn(slots: readonly Slot[]): readonly StoredSnapshot[] {
  return slots
    .filter((slot) => slot.kind === "snapshot")
    .toSorted((a, b) => compareLogIds(b.head.id, a.head.id));
}

async function inspectSlot(store: SnapshotStore, slot: number): Promise<Slot> {
  const [[first], last] = await Promise.all([store.read(slot, 0, 1), store.last(slot)]);
  if (first === undefined || last === undefined) return { kind: "empty", slot };
  try {
    const head = headOf(openChunk(first, 0));
    const { chunks, bytes } = endOf(last, head.id);
    return { kind: "snapshot", slot, head, chunks, bytes };
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    return { kind: "bad", slot, reason: error.message };
  }
}

/**
 * The blocks of a snapshot, in order.
 *
 * @throws SnapshotError at the first chunk that is not the one it should be.
 */
export async function* readSnapshot(
  store: SnapshotStore,
  { slot, head, chunks }: StoredSnapshot,
): AsyncGenerator<Uint8Array> {
  let number = 0;
  while (number < chunks) {
    const page = await store.read(slot, number, READ_BYTES);
    if (page.length === 0) throw new SnapshotError(`chunk ${number} of ${chunks} is missing`);
    for (const bytes of page) {
      const chunk = openChunk(bytes, number);
      if (compareLogIds(chunk.id, head.id) !== 0)
        throw new SnapshotError(`chunk ${number} is of the snapshot ${formatLogId(chunk.id)}`);
      number += 1;
      if (chunk.kind === KIND.block) yield chunk.payload;
    }
  }
}

/** Reads all of a snapshot. @throws SnapshotError what is wrong with it. */
export async function checkSnapshot(store: SnapshotStore, snapshot: StoredSnapshot): Promise<void> {
  let bytes = 0;
  for await (const block of readSnapshot(store, snapshot)) bytes += block.length;
  if (bytes !== snapshot.bytes)
    throw new SnapshotError(`it holds ${bytes} bytes, its end says ${snapshot.bytes}`);
}

/** Writes a snapshot into a slot, whatever was there before. `pause` is called after each chunk. */
export async function writeSnapshot(
  store: SnapshotStore,
  slot: number,
  head: SnapshotHead,
  blocks: Iterable<Uint8Array>,
  pause: () => Promise<void>,
): Promise<StoredSnapshot> {
  await store.clear(slot);
  await store.append(slot, chunkOf(KIND.head, head.id, 0, packHead(head)));
  let number = 1;
  let bytes = 0;
  for (const block of blocks) {
    await store.append(slot, chunkOf(KIND.block, head.id, number, block));
    number += 1;
    bytes += block.length;
    await pause();
  }
  const end = Buffer.alloc(END_BYTES);
  end.writeDoubleLE(number + 1, 0);
  end.writeDoubleLE(bytes, 8);
  await store.append(slot, chunkOf(KIND.end, head.id, number, end));
  return { slot, head, chunks: number + 1, bytes };
}

/** The slot for the next snapshot that this epoch takes: none of the two that are kept. */
export function freeSlot(slots: readonly Slot[], epoch: number): number {
  const kept = new Set(
    snapshotsIn(slots)
      .slice(0, 2)
      .map(({ slot }) => slot),
  );
  return slotsOf(epoch).find((slot) => !kept.has(slot)) as number;
}

function chunkOf(kind: number, id: LogId, number: number, payload: Uint8Array): Buffer {
  const chunk = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  chunk.writeUInt32LE(MAGIC, 0);
  chunk[4] = SNAPSHOT_VERSION;
  chunk[5] = kind;
  chunk.writeUInt16LE(0, 6);
  chunk.writeUInt32LE(number, 8);
  chunk.writeDoubleLE(id.epoch, 16);
  chunk.writeDoubleLE(id.seq, 24);
  chunk.set(payload, HEADER_BYTES);
  chunk.writeUInt32LE(checksum(chunk), CRC_AT);
  return chunk;
}

function openChunk(bytes: Uint8Array, number: number): Chunk {
  const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (chunk.length < HEADER_BYTES || chunk.readUInt32LE(0) !== MAGIC)
    throw new SnapshotError(`chunk ${number} is no part of a snapshot`);
  if (chunk[4] !== SNAPSHOT_VERSION)
    throw new SnapshotError(`it is of version ${chunk[4]}: this program reads version ${SNAPSHOT_VERSION}`);
  if (chunk.readUInt32LE(CRC_AT) !== checksum(chunk))
    throw new SnapshotError(`crc mismatch in chunk ${number}: damaged bytes`);
  const own = chunk.readUInt32LE(8);
  if (own !== number) throw new SnapshotError(`chunk ${own} stands where chunk ${number} belongs`);
  const id = { epoch: chunk.readDoubleLE(16), seq: chunk.readDoubleLE(24) };
  return { kind: chunk[5] as number, id, payload: chunk.subarray(HEADER_BYTES) };
}

/** CRC-32 of all bytes but its own four. */
function checksum(chunk: Buffer): number {
  return crc32(chunk.subarray(CRC_AT + 4), crc32(chunk.subarray(0, CRC_AT)));
}

function packHead({ hash, timeMs, records, generation, shard, shards }: SnapshotHead): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.set(hash, 0);
  head.writeDoubleLE(timeMs, 32);
  head.writeDoubleLE(records, 40);
  head.writeUInt32LE(generation, 48);
  head.writeUInt32LE(shard, 52);
  head.writeUInt32LE(shards, 56);
  return head;
}

function headOf({ kind, id, payload }: Chunk): SnapshotHead {
  if (kind !== KIND.head || payload.length < HEAD_BYTES) throw new SnapshotError("it has no head");
  return {
    id,
    hash: payload.subarray(0, HASH_BYTES),
    timeMs: payload.readDoubleLE(32),
    records: payload.readDoubleLE(40),
    generation: payload.readUInt32LE(48),
    shard: payload.readUInt32LE(52),
    shards: payload.readUInt32LE(56),
  };
}

/** The last chunk says its own number, which nobody knows before. */
function endOf(last: Uint8Array, head: LogId): Readonly<{ chunks: number; bytes: number }> {
  const own = last.length < HEADER_BYTES ? 0 : Buffer.from(last).readUInt32LE(8);
  const { kind, id, payload } = openChunk(last, own);
  if (kind !== KIND.end || payload.length < END_BYTES || compareLogIds(id, head) !== 0)
    throw new SnapshotError("it was not written to its end");
  const chunks = payload.readDoubleLE(0);
  if (chunks !== own + 1) throw new SnapshotError("its end is that of another row of chunks");
  return { chunks, bytes: payload.readDoubleLE(8) };
}
