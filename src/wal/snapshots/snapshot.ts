/**
 * The stored form of a snapshot: a head, blocks of state, and an end. Every chunk carries its snapshot's id, its own
 * number and a CRC, so that missing, foreign or damaged chunks are detected. A snapshot is valid only once its end is
 * stored. The content of the blocks is opaque here. docs/WAL_FORMAT.md is the reference.
 */
import { crc32 } from "node:zlib";
import { HASH_BYTES } from "../frame.ts";
import { compareLogIds, formatLogId, type LogId, type Witness } from "../wal.ts";
import { type SlotReader, type SnapshotStore, slotsOf } from "./snapshot-store.ts";

export const SNAPSHOT_VERSION = 1;
/** "DYBS", read as a little-endian number. */
const MAGIC = 0x53425944;
const KIND = { head: 1, block: 2, end: 3 } as const;
const HEADER_BYTES = 32;
const HEAD_BYTES = 64;
const END_BYTES = 16;
const CRC_AT = 12;
/** Bytes per read. Longer replies would delay the appends of the same store. */
const READ_BYTES = 1 << 20;

/** A snapshot holds the state after the batch `id`, whose frame has the SHA-256 `hash`. */
export type SnapshotHead = Witness &
  Readonly<{
    /** Log time of that batch, ms since 1970. */
    timeMs: number;
    /** Number of records in the log up to and including that batch. */
    records: number;
    generation: number;
    shard: number;
    shards: number;
  }>;

/** A snapshot whose head and end are valid. `bytes` is the total size of its blocks. */
export type StoredSnapshot = Readonly<{ slot: number; head: SnapshotHead; chunks: number; bytes: number }>;

/** The content of a slot: a snapshot, nothing, or unusable chunks with the reason. */
export type Slot =
  | (StoredSnapshot & Readonly<{ kind: "snapshot" }>)
  | Readonly<{ kind: "empty"; slot: number }>
  | Readonly<{ kind: "bad"; slot: number; reason: string }>;

/** A snapshot is unusable. Another one may be usable, and the log is not affected. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

type Chunk = Readonly<{ kind: number; payload: Buffer; id: LogId }>;

/** Inspects all slots. Checks the head and the end of each snapshot, but not the blocks between. */
export async function inspectSlots(store: SlotReader): Promise<readonly Slot[]> {
  return Promise.all((await store.used()).map((slot) => inspectSlot(store, slot)));
}

/** The snapshots whose head and end are valid, newest first. */
export function snapshotsIn(slots: readonly Slot[]): readonly StoredSnapshot[] {
  return slots
    .filter((slot) => slot.kind === "snapshot")
    .toSorted((a, b) => compareLogIds(b.head.id, a.head.id));
}

async function inspectSlot(store: SlotReader, slot: number): Promise<Slot> {
  const [[first], last] = await Promise.all([store.read(slot, 0, 1), store.last(slot)]);
  if (first === undefined || last === undefined) return { kind: "empty", slot };
  try {
    const head = decodeHead(decodeChunk(first, 0));
    const { chunks, bytes } = decodeEnd(last, head.id);
    return { kind: "snapshot", slot, head, chunks, bytes };
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    return { kind: "bad", slot, reason: error.message };
  }
}

/**
 * Yields the blocks of a snapshot, in order.
 *
 * @throws SnapshotError at the first missing, foreign or damaged chunk.
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
      const chunk = decodeChunk(bytes, number);
      if (compareLogIds(chunk.id, head.id) !== 0)
        throw new SnapshotError(`chunk ${number} is of the snapshot ${formatLogId(chunk.id)}`);
      number += 1;
      if (chunk.kind === KIND.block) yield chunk.payload;
    }
  }
}

/** Reads a whole snapshot to check it. @throws SnapshotError it is unusable. */
export async function checkSnapshot(store: SnapshotStore, snapshot: StoredSnapshot): Promise<void> {
  let bytes = 0;
  for await (const block of readSnapshot(store, snapshot)) bytes += block.length;
  if (bytes !== snapshot.bytes)
    throw new SnapshotError(`it holds ${bytes} bytes, its end says ${snapshot.bytes}`);
}

/** Overwrites a slot with a snapshot. `pause` is awaited after each block. */
export async function writeSnapshot(
  store: SnapshotStore,
  slot: number,
  head: SnapshotHead,
  blocks: Iterable<Uint8Array>,
  pause: () => Promise<void>,
): Promise<StoredSnapshot> {
  await store.clear(slot);
  await store.append(slot, encodeChunk(KIND.head, head.id, 0, encodeHead(head)));
  let number = 1;
  let bytes = 0;
  for (const block of blocks) {
    await store.append(slot, encodeChunk(KIND.block, head.id, number, block));
    number += 1;
    bytes += block.length;
    await pause();
  }
  const end = Buffer.alloc(END_BYTES);
  end.writeDoubleLE(number + 1, 0);
  end.writeDoubleLE(bytes, 8);
  await store.append(slot, encodeChunk(KIND.end, head.id, number, end));
  return { slot, head, chunks: number + 1, bytes };
}

/** Whether both kept snapshots are there, and the log below `below` is needed for neither. */
export async function coversTrim(store: SlotReader, below: LogId): Promise<boolean> {
  const [, older] = snapshotsIn(await inspectSlots(store));
  return older !== undefined && compareLogIds(older.head.id, below) >= 0;
}

/** The slot for the next snapshot of this epoch: one that holds neither of the two kept snapshots. */
export function freeSlot(slots: readonly Slot[], epoch: number): number {
  const kept = new Set(
    snapshotsIn(slots)
      .slice(0, 2)
      .map(({ slot }) => slot),
  );
  return slotsOf(epoch).find((slot) => !kept.has(slot)) as number;
}

function encodeChunk(kind: number, id: LogId, number: number, payload: Uint8Array): Buffer {
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

function decodeChunk(bytes: Uint8Array, number: number): Chunk {
  const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (chunk.length < HEADER_BYTES || chunk.readUInt32LE(0) !== MAGIC)
    throw new SnapshotError(`chunk ${number} is not part of a snapshot`);
  if (chunk[4] !== SNAPSHOT_VERSION)
    throw new SnapshotError(`it is of version ${chunk[4]}: this program reads version ${SNAPSHOT_VERSION}`);
  if (chunk.readUInt32LE(CRC_AT) !== checksum(chunk))
    throw new SnapshotError(`crc mismatch in chunk ${number}: damaged bytes`);
  const own = chunk.readUInt32LE(8);
  if (own !== number) throw new SnapshotError(`chunk ${own} is in the position of chunk ${number}`);
  const id = { epoch: chunk.readDoubleLE(16), seq: chunk.readDoubleLE(24) };
  return { kind: chunk[5] as number, id, payload: chunk.subarray(HEADER_BYTES) };
}

/** CRC-32 of all bytes except the four of the CRC itself. */
function checksum(chunk: Buffer): number {
  return crc32(chunk.subarray(CRC_AT + 4), crc32(chunk.subarray(0, CRC_AT)));
}

function encodeHead({ hash, timeMs, records, generation, shard, shards }: SnapshotHead): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.set(hash, 0);
  head.writeDoubleLE(timeMs, 32);
  head.writeDoubleLE(records, 40);
  head.writeUInt32LE(generation, 48);
  head.writeUInt32LE(shard, 52);
  head.writeUInt32LE(shards, 56);
  return head;
}

function decodeHead({ kind, id, payload }: Chunk): SnapshotHead {
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

/** Decodes the last chunk of a slot. Its number is not known in advance: the chunk carries it. */
function decodeEnd(last: Uint8Array, head: LogId): Readonly<{ chunks: number; bytes: number }> {
  const own = last.length < HEADER_BYTES ? 0 : Buffer.from(last).readUInt32LE(8);
  const { kind, id, payload } = decodeChunk(last, own);
  if (kind !== KIND.end || payload.length < END_BYTES || compareLogIds(id, head) !== 0)
    throw new SnapshotError("it is incomplete");
  const chunks = payload.readDoubleLE(0);
  if (chunks !== own + 1) throw new SnapshotError("its end belongs to another snapshot");
  return { chunks, bytes: payload.readDoubleLE(8) };
}
