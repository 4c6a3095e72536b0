/**
 * The protocol between a shard and the archive, over one channel per shard. The archive pulls: it requests the
 * batches after the newest one that it holds, with at most one request in flight per shard. The shard replies once it
 * has durable batches. So the archive sets the pace and no queue grows without bound. A restarted shard gets a new
 * channel, and the archive requests again from its position.
 *
 * A request is one packed value. A reply is a packed list of heads followed by the raw bodies, so that bodies are
 * copied once; a general packer would copy them twice, which matters at 80 MB/s.
 */
import { decode, encode } from "../../actors/records/pack.ts";
import { PackError, PackReader } from "../../actors/records/pack-reader.ts";
import type { Batch, LogId } from "../../wal/wal.ts";

/**
 * A request for batches after `after` (null: from the start). The reply has at least one batch and about `bytesMax`
 * bytes of bodies. `again`: the archive had these batches before, so they may have been trimmed; then the reply is
 * empty.
 */
export type FeedRequest = Readonly<{ after: LogId | null; bytesMax: number; again?: true }>;

/** A batch without its body. The heads of a reply are contiguous, oldest first. */
export type FeedHead = readonly [
  epoch: number,
  seq: number,
  timeMs: number,
  count: number,
  bodyBytes: number,
  hash: Uint8Array,
];

const HEAD_FIELDS = 6;

export function packRequest(ask: FeedRequest): Uint8Array<ArrayBuffer> {
  return encode(ask);
}

/**
 * Bodies are views of the reply. Hashes are copies, because the archive keeps them.
 *
 * @throws PackError the reply is malformed.
 */
export function unpackReply(reply: Uint8Array): readonly Batch[] {
  let at: number;
  let heads: unknown;
  try {
    at = endOfValue(reply);
    heads = decode(reply.subarray(0, at));
  } catch (cause) {
    throw new PackError("a reply to the archive is truncated or not packed", { cause });
  }
  if (!Array.isArray(heads)) throw new PackError("a reply to the archive has no heads");
  const batches = heads.map((head: unknown) => {
    if (!isHead(head)) throw new PackError("a reply to the archive has an invalid head");
    const [epoch, seq, timeMs, count, bodyBytes, hash] = head;
    const body = reply.subarray(at, at + bodyBytes);
    at += bodyBytes;
    return { id: { epoch, seq }, timeMs, count, body, hash: new Uint8Array(hash) };
  });
  if (at !== reply.length) throw new PackError(`a reply to the archive has ${reply.length} bytes, not ${at}`);
  return batches;
}

function endOfValue(packed: Uint8Array): number {
  const reader = new PackReader();
  reader.start(packed);
  reader.skip(1);
  return reader.at;
}

function isHead(head: unknown): head is FeedHead {
  if (!Array.isArray(head) || head.length !== HEAD_FIELDS) return false;
  const [hash, ...numbers] = head.toReversed();
  return hash instanceof Uint8Array && numbers.every((number) => Number.isSafeInteger(number) && number >= 0);
}
