/** What shards have replied, as the gateway reads it. */
import { decode } from "../actors/pack.ts";
import type { Location } from "../archive/query.ts";
import type { Credits, Replayed, TransfersReply, WireItem } from "../shard/messages.ts";
import type { LogId } from "../wal/wal.ts";

/** The answers in the order of the items, and where the credits went that crossed to other shards. */
export function answersOf(
  reply: TransfersReply,
): Readonly<{ answers: readonly WireItem[]; credits: Credits }> {
  if (reply instanceof Uint8Array) return { answers: decode(reply) as WireItem[], credits: [] };
  const [packed, later, credits] = reply;
  const answers = decode(packed) as WireItem[];
  for (const [index, item] of later) answers[index] = item;
  return { answers, credits };
}

export function locationOf(shard: number, [, epoch, seq, index]: Replayed): Location {
  return { shard, epoch, seq, index };
}

export function idOf([epoch, seq]: readonly [number, number]): LogId {
  return { epoch, seq };
}
