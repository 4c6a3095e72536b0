/** Lists, page by page. */
import type { ItemOf, ListPath } from "./calls.ts";

export type PageOf<T> = Readonly<{ data: readonly T[]; next_cursor?: string | null }>;

/** The query parameter that takes `next_cursor`. */
export function cursorParameter(path: ListPath): "cursor" | "after" {
  return path.endsWith("/events") ? "after" : "cursor";
}

/**
 * Yields the items of each page; a page may be empty although others follow.
 *
 * @param read gets the page that begins at a cursor.
 * @throws Error if the server sends a cursor that it has been given: the list would never end
 */
export async function* pagesOf<P extends ListPath>(
  read: (cursor: string | undefined) => Promise<PageOf<ItemOf<P>>>,
): AsyncGenerator<readonly ItemOf<P>[], void, undefined> {
  for (let cursor: string | undefined; ; ) {
    const { data, next_cursor: next } = await read(cursor);
    yield data;
    if (next === null || next === undefined) return;
    if (next === cursor) throw new Error(`the list does not go on after its cursor ${next}`);
    cursor = next;
  }
}
