/** Sort keys of lists, and cursors that encode them. */
import { ArchiveError } from "../archive-error.ts";

/**
 * The sort key of lists that are merged from several shards: by time, then by shard. Within a shard it is log order,
 * since log times never decrease.
 */
export type SortKey = Readonly<{
  timeMs: number;
  shard: number;
  epoch: number;
  seq: number;
  /** Position within the batch: see slot.ts. */
  slot: number;
}>;

export function compareSortKeys(a: SortKey, b: SortKey): number {
  return a.timeMs - b.timeMs || a.shard - b.shard || a.epoch - b.epoch || a.seq - b.seq || a.slot - b.slot;
}

/** Earlier versions with another slot layout used "-". Their cursors are refused, since they would lead elsewhere. */
const SEPARATOR = "_";

export function formatCursor(sortKey: SortKey): string {
  const { timeMs, shard, epoch, seq, slot } = sortKey;
  return [timeMs, shard, epoch, seq, slot].map((part) => part.toString(36)).join(SEPARATOR);
}

/** `undefined` for text that `formatCursor` cannot have produced. */
export function parseCursor(text: string): SortKey | undefined {
  const parts = text.split(SEPARATOR).map((part) => Number.parseInt(part, 36));
  const [timeMs, shard, epoch, seq, slot] = parts;
  if (timeMs === undefined || shard === undefined || epoch === undefined) return undefined;
  if (seq === undefined || slot === undefined || !parts.every(Number.isSafeInteger)) return undefined;
  const sortKey = { timeMs, shard, epoch, seq, slot };
  return formatCursor(sortKey) === text ? sortKey : undefined;
}

/** @throws ArchiveError `bad_cursor` */
export function sortKeyOfCursor(cursor: string): SortKey {
  const sortKey = parseCursor(cursor);
  if (sortKey === undefined)
    throw new ArchiveError("bad_cursor", "the cursor is not valid: pass one from an earlier page unchanged");
  return sortKey;
}
