import { ArchiveError } from "../archive-error.ts";

/**
 * Where an entry stands in time: the order of every list that is merged from several shards. Within a shard
 * it is the order of the log, whose times never go backwards.
 */
export type Place = Readonly<{
  timeMs: number;
  shard: number;
  epoch: number;
  seq: number;
  /** Where in the batch: see slot.ts. */
  slot: number;
}>;

export function comparePlaces(a: Place, b: Place): number {
  return a.timeMs - b.timeMs || a.shard - b.shard || a.epoch - b.epoch || a.seq - b.seq || a.slot - b.slot;
}

/** Between the parts. It was "-" while slots were others: such a cursor would lead elsewhere now, and is refused. */
const SEPARATOR = "_";

export function formatCursor(place: Place): string {
  const { timeMs, shard, epoch, seq, slot } = place;
  return [timeMs, shard, epoch, seq, slot].map((part) => part.toString(36)).join(SEPARATOR);
}

/** `undefined` for any text that `formatCursor` does not make. */
export function parseCursor(text: string): Place | undefined {
  const parts = text.split(SEPARATOR).map((part) => Number.parseInt(part, 36));
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
