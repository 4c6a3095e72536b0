/** Lists: `limit` and `cursor` in, `data` and `next_cursor` out. */
import { z } from "@hono/zod-openapi";
import type { Page } from "../../archive/queries/query.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { CallerGone } from "../../gateway/caller.ts";
import { type Call, type HttpAnswer, isGone, jsonAnswer } from "../call.ts";
import { invalid } from "../problem.ts";
import type { RouteDescription } from "../routes.ts";
import { Cursor, LIST_LIMIT_DEFAULT, Limit } from "./fields.ts";

/** For queries that say more than which page. */
export const pageQuery = { limit: Limit.default(LIST_LIMIT_DEFAULT), cursor: Cursor };
export const PageQuery = z.strictObject(pageQuery);

export function pageSchema(row: z.ZodType): z.ZodType {
  return z.object({ data: z.array(row), next_cursor: z.string().nullable() });
}

/** The good answer of a list, as its description has it. */
export function pageOf(row: z.ZodType): RouteDescription["answer"] {
  const description =
    "A page. It ends at 1 MiB even where `limit` is not reached; `next_cursor` goes on from there.";
  return { status: 200, description, content: { "application/json": pageSchema(row) } };
}

type PageOptions = Readonly<{
  /** Further members, as text that begins with a comma. */
  more?: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** The page ends before the row that would make it larger than it may be. @throws CallerGone */
export function pageAnswer<T>(
  call: Call,
  page: Page<T>,
  rowJson: (row: T) => string,
  { more = "", headers }: PageOptions = {},
): HttpAnswer {
  const { rows, nextCursor } = rowsWithin(call, page, rowJson);
  const body = `{"data":[${rows.join(",")}],"next_cursor":${JSON.stringify(nextCursor)}${more}}`;
  return jsonAnswer(call, 200, body, headers);
}

/** The rows of a page as they are answered, as many as it may have. @throws CallerGone */
export function rowsWithin<T>(
  call: Call,
  { data, cursors, nextCursor }: Page<T>,
  textOf: (row: T) => string,
): Readonly<{ rows: readonly string[]; nextCursor: string | null }> {
  if (isGone(call)) throw new CallerGone();
  const rows: string[] = [];
  let bytes = 0;
  for (const [i, row] of data.entries()) {
    const text = textOf(row);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > PAGE_BYTES_MAX && i > 0) return { rows, nextCursor: cursors[i - 1] as string };
    rows.push(text);
  }
  return { rows, nextCursor };
}

/** A list that has no pages: what one thing has. */
export function wholeList<T>(call: Call, data: readonly T[], rowJson: (row: T) => string): HttpAnswer {
  return jsonAnswer(call, 200, `{"data":[${data.map(rowJson).join(",")}],"next_cursor":null}`);
}

/** A page of a list that is in memory whole. The cursor is the last id of the page before, as base64url. @throws Problem 400 */
export function pageInOrderOfId<T extends Readonly<{ id: string }>>(
  all: readonly T[],
  { limit, cursor }: z.infer<typeof PageQuery>,
): Page<T> {
  const after = cursor === undefined ? "" : Buffer.from(cursor, "base64url").toString("utf8");
  if (cursor !== undefined && Buffer.from(after, "utf8").toString("base64url") !== cursor) {
    throw invalid("cursor", "must come from the page before");
  }
  const sorted = all.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const data = sorted.slice(0, limit);
  const cursors = data.map(({ id }) => Buffer.from(id, "utf8").toString("base64url"));
  return { data, cursors, nextCursor: sorted.length > limit ? (cursors.at(-1) ?? null) : null };
}
