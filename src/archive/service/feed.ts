/**
 * What goes between a shard and the archive, over a channel of its own. The archive pulls: it asks for the batches
 * after the last one that it holds, with at most one question open per shard, and the shard answers once it has
 * durable ones. So the archive sets the pace and nothing queues without a bound. A shard that restarts gets a
 * new channel; the archive asks again from its position.
 *
 * A question is one packed value. An answer is a packed list of heads, and behind it the bodies themselves, one after
 * the other: at 80 MB/s they are worth being copied only once, and a general packer does it twice.
 */
import { decode, encode } from "../../actors/records/pack.ts";
import { PackError, PackReader } from "../../actors/records/pack-reader.ts";
import type { Batch, LogId } from "../../wal/wal.ts";

/**
 * `after` null: from the start. The answer has one batch at least, and about `bytesMax` bytes of bodies at most. `again`:
 * these were handed over before, so the log may have been trimmed since: then the answer has none.
 */
export type FeedAsk = Readonly<{ after: LogId | null; bytesMax: number; again?: true }>;

/** A batch without its body. They are contiguous, oldest first. */
export type FeedHead = readonly [
  epoch: number,
  seq: number,
  timeMs: number,
  count: number,
  bodyBytes: number,
  hash: Uint8Array,
];

const HEAD_FIELDS = 6;

export function packAsk(ask: FeedAsk): Uint8Array<ArrayBuffer> {
  return encode(ask);
}

/**
 * The bodies are views of the answer, the hashes are copies: an archive holds on to them.
 *
 * @throws PackError the answer is cut, or none.
 */
export function unpackAnswer(answer: Uint8Array): readonly Batch[] {
  let at: number;
  let heads: unknown;
  try {
    at = endOfValue(answer);
    heads = decode(answer.subarray(0, at));
  } catch (cause) {
    throw new PackError("an answer to the archive is cut, or not packed", { cause });
  }
  if (!Array.isArray(heads)) throw new PackError("an answer to the archive has no heads");
  const batches = heads.map((head: unknown) => {
    if (!isHead(head)) throw new PackError("an answer to the archive has a head that is none");
    const [epoch, seq, timeMs, count, bodyBytes, hash] = head;
    const body = answer.subarray(at, at + bodyBytes);
    at += bodyBytes;
    return { id: { epoch, seq }, timeMs, count, body, hash: new Uint8Array(hash) };
  });
  if (at !== answer.length)
    throw new PackError(`an answer to the archive has ${answer.length} bytes, not ${at}`);
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
  const [hash, ...figures] = head.toReversed();
  return hash instanceof Uint8Array && figures.every((figure) => Number.isSafeInteger(figure) && figure >= 0);
}
