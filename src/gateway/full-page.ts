/** Pages of lists that show only some of what they are made from: full ones, and a next one only where it has a row. */
import type { MarkedPage, Page } from "../archive/query.ts";
import { OperatingError } from "../operating-error.ts";

/** Fetched at once where the rows that are shown are far apart. */
const FETCHED_MIN = 500;
/** Each fetch looks at some thousand rows. */
export const FETCHES_MAX = 1_000;

export type PageAsk = Readonly<{ limit: number; cursor?: string | undefined }>;

/**
 * The cursor is that of the last row which is shown, so it tells of no other.
 *
 * @throws OperatingError `overloaded`: too many rows would have to be looked at.
 */
export async function fullPage<T>(
  { limit, cursor }: PageAsk,
  fetch: (asked: PageAsk) => Promise<MarkedPage<T>>,
  isShown: (row: T) => boolean,
): Promise<Page<T>> {
  const data: T[] = [];
  let last: string | null = null;
  let asked: PageAsk = { limit: limit + 1, cursor };
  for (let fetches = 0; fetches < FETCHES_MAX; fetches++) {
    const page = await fetch(asked);
    for (const [i, row] of page.data.entries()) {
      if (!isShown(row)) continue;
      if (data.length === limit) return { data, nextCursor: last };
      data.push(row);
      last = page.cursors[i] ?? null;
    }
    if (page.nextCursor === null) return { data, nextCursor: null };
    asked = { limit: Math.max(limit + 1 - data.length, FETCHED_MIN), cursor: page.nextCursor };
  }
  throw tooMany();
}

export function tooMany(): OperatingError {
  return new OperatingError("overloaded", "too much has to be looked at for this page");
}
