/** Pages of lists that show only some of what they are made from: full ones, and a next one only where it has a row. */
import type { Page } from "../../archive/queries/query.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { OperatingError } from "../../errors/operating-error.ts";
import { type Caller, refuseGone } from "../caller.ts";

/** Fetched at once where the rows that are shown are far apart. */
const FETCHED_MIN = 500;
/** Each fetch looks at some thousand rows. */
export const FETCHES_MAX = 1_000;

export type PageAsk = Readonly<{ limit: number; cursor?: string | undefined }>;

export type PageRules<T> = Readonly<{
  isShown: (row: T) => boolean;
  /** The page ends before the row that would make it too large. */
  bytesOf: (row: T) => number;
  caller: Caller | undefined;
}>;

/**
 * The cursor is that of the last row which is shown, so it tells of no other.
 *
 * @throws CallerGone
 * @throws OperatingError `overloaded`: too many rows would have to be looked at.
 */
export async function fullPage<T>(
  { limit, cursor }: PageAsk,
  fetch: (asked: PageAsk) => Promise<Page<T>>,
  { isShown, bytesOf, caller }: PageRules<T>,
): Promise<Page<T>> {
  const data: T[] = [];
  const cursors: string[] = [];
  let bytes = 0;
  let asked: PageAsk = { limit: limit + 1, cursor };
  for (let fetches = 0; fetches < FETCHES_MAX; fetches++) {
    refuseGone(caller);
    const page = await fetch(asked);
    for (const [i, row] of page.data.entries()) {
      if (!isShown(row)) continue;
      bytes += bytesOf(row);
      const isFull = data.length === limit || (bytes > PAGE_BYTES_MAX && data.length > 0);
      if (isFull) return { data, cursors, nextCursor: cursors.at(-1) ?? null };
      data.push(row);
      cursors.push(page.cursors[i] as string);
    }
    if (page.nextCursor === null) return { data, cursors, nextCursor: null };
    asked = { limit: Math.max(limit + 1 - data.length, FETCHED_MIN), cursor: page.nextCursor };
  }
  throw tooMany();
}

export function tooMany(): OperatingError {
  return new OperatingError("overloaded", "too much has to be looked at for this page");
}
