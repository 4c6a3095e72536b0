import { ArchiveError } from "./archive-error.ts";

/**
 * Where an entry stands in time: the order of every list that is merged from several shards. Within a shard
 * it is the order of the log, whose times never go backwards.
 */
export type Place = Readonly<{
  timeMs: number;
  shard: number;
  epoch: number;
  seq: number;
  /** The record's index within its batch, doubled; odd on the credit side. */
  slot: number;
}>;

export function comparePlaces(a: Place, b: Place): number {
  return a.timeMs - b.timeMs || a.shard - b.shard || a.epoch - b.epoch || a.seq - b.seq || a.slot - b.slot;
}

export function formatCursor(place: Place): string {
  const { timeMs, shard, epoch, seq, slot } = place;
  return [timeMs, shard, epoch, seq, slot].map((part) => part.toString(36)).join("-");
}

/** `undefined` for any text that `formatCursor` does not make. */
export function parseCursor(text: string): Place | undefined {
  const parts = text.split("-").map((part) => Number.parseInt(part, 36));
  const [timeMs, shard, epoch, seq, slot] = parts;
  if (timeMs === undefined || shard === undefined || epoch === undefined) return undefined;
  if (seq === undefined || slot === undefined || !parts.every(Number.isSafeInteger)) return undefined;
  const place = { timeMs, shard, epoch, seq, slot };
  return formatCursor(place) === text ? place : undefined;
}

/** @throws ArchiveError `bad_cursor` */
export function placeOfCursor(cursor: string): Place {
  const place = parseCursor(cursor);
  if (place === undefined) throw new ArchiveError("bad_cursor", "the cursor is not one that was given out");
  return place;
}
