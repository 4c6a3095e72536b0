/** Cuts lists into pages by time, cursor and size. */
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { formatCursor, type SortKey, sortKeyOfCursor } from "./cursor.ts";
import type { History, HistoryRange } from "./history.ts";
import type { ArchivedRecord, Order, Page, Range } from "./query.ts";

/** A record found through the index, with the sort key of its index entry. */
export type Found = Readonly<{ archived: ArchivedRecord; sortKey: SortKey }>;

/** An item of a list. `shown` is `undefined` if the list leaves it out. */
export type ListItem<T> = Readonly<{ sortKey: SortKey; shown: T | undefined }>;

/** Items examined per page, unless `limit` is larger. Bounds the time for which other queries wait. */
const ITEMS_PER_PAGE_MAX = 2_000;

/** @throws ArchiveError `bad_cursor` */
export function cursorOf(range: Range): SortKey | undefined {
  return range.cursor === undefined ? undefined : sortKeyOfCursor(range.cursor);
}

/** The part of a history that is within the time range and after the cursor, in this order. */
export function within(
  history: History,
  { fromMs, toMs }: Pick<Range, "fromMs" | "toMs">,
  cursor: SortKey | undefined,
  order: Order = "newest",
): HistoryRange {
  const from = fromMs === undefined ? 0 : history.firstAt(fromMs);
  const to = endBefore(history, toMs ?? Number.POSITIVE_INFINITY);
  if (cursor === undefined) return { history, from, to };
  if (order === "newest") return { history, from, to: Math.min(to, history.firstFrom(cursor)) };
  const afterCursor = history.firstFrom({ ...cursor, slot: cursor.slot + 1 });
  return { history, from: Math.max(from, afterCursor), to };
}

export function endBefore(history: History, timeMs: number): number {
  return timeMs === Number.POSITIVE_INFINITY ? history.length : history.firstAt(timeMs);
}

/**
 * Builds a page. Reads one item further to know whether there is a next page. The page ends early if it gets too
 * large, or if too many items were examined; the next page continues from there.
 *
 * @param bytesOf estimated size of a row.
 */
export function page<T>(
  items: Iterable<ListItem<T>>,
  limit: number,
  bytesOf: (row: T) => number = () => 0,
): Page<T> {
  const data: T[] = [];
  const cursors: string[] = [];
  let last: SortKey | undefined;
  const itemsMax = Math.max(limit, ITEMS_PER_PAGE_MAX);
  let examined = 0;
  let bytes = 0;
  for (const { sortKey, shown } of items) {
    if (shown !== undefined) bytes += bytesOf(shown);
    const isTooLarge = bytes > PAGE_BYTES_MAX && data.length > 0;
    const isFull = examined === itemsMax || (shown !== undefined && (data.length === limit || isTooLarge));
    if (isFull) return { data, cursors, nextCursor: last === undefined ? null : formatCursor(last) };
    if (shown !== undefined) {
      data.push(shown);
      cursors.push(formatCursor(sortKey));
    }
    last = sortKey;
    examined += 1;
  }
  return { data, cursors, nextCursor: null };
}
