/**
 * Fills pages of the archive's lists in portions, between which the archive answers others. There is a next page only if
 * it has at least one row.
 */
import type { Page } from "../../archive/queries/query.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { type Caller, refuseGone } from "../caller.ts";

/** Rows per fetch. The archive reads, and this thread decodes, as many in one to two milliseconds. */
const PORTION_ROWS = 100;
/** Rows per fetch after one of which less than half were shown: else a sparse list would need too many fetches. */
const SCANNED_ROWS = 500;
/** Fetches for one page; each scans some thousand rows. */
export const FETCHES_MAX = 1_000;

export type PageAsk = Readonly<{ limit: number; cursor?: string | undefined }>;

export type PageRules<T> = Readonly<{
  isShown: (row: T) => boolean;
  /** Size of a row. The page ends before the row that would exceed its bound in bytes. */
  bytesOf: (row: T) => number;
  caller: Caller | undefined;
}>;

/**
 * The cursor is that of the last row shown, so it reveals nothing about hidden rows.
 *
 * @throws CallerGone
 * @throws OperatingError `overloaded`: too many rows would have to be scanned.
 */
export async function fullPage<T>(
  { limit, cursor }: PageAsk,
  fetch: (next: PageAsk) => Promise<Page<T>>,
  { isShown, bytesOf, caller }: PageRules<T>,
): Promise<Page<T>> {
  const data: T[] = [];
  const cursors: string[] = [];
  let bytes = 0;
  let next: PageAsk = { limit: Math.min(limit + 1, PORTION_ROWS), cursor };
  for (let fetches = 0; fetches < FETCHES_MAX; fetches++) {
    refuseGone(caller);
    const page = await fetch(next);
    const shownBefore = data.length;
    for (const [i, row] of page.data.entries()) {
      if (!isShown(row)) continue;
      bytes += bytesOf(row);
      const isFull = data.length === limit || (bytes > PAGE_BYTES_MAX && data.length > 0);
      if (isFull) return { data, cursors, nextCursor: cursors.at(-1) ?? null };
      data.push(row);
      cursors.push(page.cursors[i] as string);
    }
    if (page.nextCursor === null) return { data, cursors, nextCursor: null };
    const rows = Math.min(limit + 1 - data.length, PORTION_ROWS);
    const isDense = 2 * (data.length - shownBefore) > page.data.length;
    next = { limit: isDense ? rows : SCANNED_ROWS, cursor: page.nextCursor };
  }
  throw tooMany();
}

export function tooMany(): OperatingError {
  return new OperatingError(
    "overloaded",
    "too many rows would have to be scanned for this page; narrow the query",
  );
}
