/** Reads the replies of shards. */
import { decode } from "../../actors/records/pack.ts";
import type { RecordPosition } from "../../archive/queries/query.ts";
import type { LogId } from "../../wal/wal.ts";
import type {
  RemotePositions,
  ReplayedFrom,
  TransfersReply,
  WireItem,
} from "../../workers/shard/messages.ts";

/** The answers in the order of the items, and the positions of credits on other shards. */
export function answersOf(
  reply: TransfersReply,
): Readonly<{ answers: readonly WireItem[]; credits: RemotePositions }> {
  if (reply instanceof Uint8Array) return { answers: readItems(reply), credits: [] };
  const [packed, later, credits] = reply;
  const answers = readItems(packed);
  for (const [index, item] of later) answers[index] = item;
  return { answers, credits };
}

/** MessagePack heads of nearly all items: short strings (ids) and small integers (rejection numbers). */
const ARRAY = 0xdd;
const ARRAY_HEAD_BYTES = 5;
const isShortText = (head: number) => (head & 0xe0) === 0xa0;
const isSmallNumber = (head: number) => head < 0x80;

/** Slices ids out of one string of the whole reply: decoding each id from its bytes costs twenty times as much. */
function readItems(packed: Uint8Array): WireItem[] {
  const text = Buffer.from(packed.buffer, packed.byteOffset, packed.length).toString("latin1");
  const items: WireItem[] = [];
  let at = packed[0] === ARRAY ? ARRAY_HEAD_BYTES : 0;
  while (at < packed.length) {
    const head = packed[at++] as number;
    if (isSmallNumber(head)) items.push(head);
    else if (isShortText(head)) {
      const end = at + (head & 0x1f);
      items.push(text.slice(at, end));
      at = end;
    } else return decode(packed) as WireItem[];
  }
  return items;
}

export function locationOf(shard: number, [, epoch, seq, index]: ReplayedFrom): RecordPosition {
  return { shard, epoch, seq, index };
}

export function idOf([epoch, seq]: readonly [number, number]): LogId {
  return { epoch, seq };
}
