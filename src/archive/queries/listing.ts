/** How lists are cut into pages: by time, by cursor, by length. */
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { formatCursor, type Place, placeOfCursor } from "./cursor.ts";
import type { History, Stretch } from "./history.ts";
import type { ArchivedRecord, Order, Page, Range } from "./query.ts";

/** A record that the index has led to, and under which place. */
export type Found = Readonly<{ archived: ArchivedRecord; place: Place }>;

/** What a list has at a place; nothing where the record there is not to be shown. */
export type Line<T> = Readonly<{ place: Place; shown: T | undefined }>;

/** So many lines are looked at for one page, if it does not ask for more: others wait for the archive, too. */
const LINES_PER_PAGE_MAX = 2_000;

/** @throws ArchiveError `bad_cursor` */
export function cursorOf(range: Range): Place | undefined {
  return range.cursor === undefined ? undefined : placeOfCursor(range.cursor);
}

/** The part of a history that is within the range and comes after the cursor in this order. */
export function within(
  history: History,
  { fromMs, toMs }: Pick<Range, "fromMs" | "toMs">,
  cursor: Place | undefined,
  order: Order = "newest",
): Stretch {
  const from = fromMs === undefined ? 0 : history.firstAt(fromMs);
  const to = endBefore(history, toMs ?? Number.POSITIVE_INFINITY);
  if (cursor === undefined) return { history, from, to };
  if (order === "newest") return { history, from, to: Math.min(to, history.firstFrom(cursor)) };
  const behind = history.firstFrom({ ...cursor, slot: cursor.slot + 1 });
  return { history, from: Math.max(from, behind), to };
}

export function endBefore(history: History, timeMs: number): number {
  return timeMs === Number.POSITIVE_INFINITY ? history.length : history.firstAt(timeMs);
}

/**
 * Takes a page, and looks further to know whether anything follows. Where too little is to be shown among all that is
 * looked at, or the rows become too large, the page ends short, and the next one goes on from there.
 */
export function page<T>(
  lines: Iterable<Line<T>>,
  limit: number,
  bytesOf: (row: T) => number = () => 0,
): Page<T> {
  const data: T[] = [];
  const cursors: string[] = [];
  let last: Place | undefined;
  const linesMax = Math.max(limit, LINES_PER_PAGE_MAX);
  let looked = 0;
  let bytes = 0;
  for (const { place, shown } of lines) {
    if (shown !== undefined) bytes += bytesOf(shown);
    const isTooLarge = bytes > PAGE_BYTES_MAX && data.length > 0;
    const isFull = looked === linesMax || (shown !== undefined && (data.length === limit || isTooLarge));
    if (isFull) return { data, cursors, nextCursor: last === undefined ? null : formatCursor(last) };
    if (shown !== undefined) {
      data.push(shown);
      cursors.push(formatCursor(place));
    }
    last = place;
    looked += 1;
  }
  return { data, cursors, nextCursor: null };
}
