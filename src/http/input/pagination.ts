/** Pages of lists: `limit` and `cursor` in the query, `data` and `next_cursor` in the answer. */
import { z } from "@hono/zod-openapi";
import type { Page } from "../../archive/queries/query.ts";
import { PAGE_BYTES_MAX } from "../../bounds/page-bytes.ts";
import { CallerGone } from "../../gateway/caller.ts";
import { workSlices } from "../../gateway/work-slices.ts";
import { type Call, type HttpAnswer, isGone, jsonAnswer } from "../call.ts";
import { invalid } from "../problem.ts";
import type { RouteDescription } from "../routes.ts";
import { Cursor, LIST_LIMIT_DEFAULT, Limit } from "./fields.ts";

/** The members of `PageQuery`, for queries with further parameters. */
export const pageQuery = { limit: Limit.default(LIST_LIMIT_DEFAULT), cursor: Cursor };
export const PageQuery = z.strictObject(pageQuery);
export type PageQuery = z.infer<typeof PageQuery>;

export function pageSchema(row: z.ZodType): z.ZodType {
  return z.object({ data: z.array(row), next_cursor: z.string().nullable() });
}

/** The OpenAPI answer of a list. */
export function pageOf(row: z.ZodType): RouteDescription["answer"] {
  const description =
    "A page of at most `limit` rows and 1 MiB. `next_cursor` fetches the next one; it is null on the last page.";
  return { status: 200, description, content: { "application/json": pageSchema(row) } };
}

type PageOptions = Readonly<{
  /** Further members of the body, as JSON text that starts with a comma. */
  more?: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** Answers with a page. It ends before the row that would exceed its bound in bytes. @throws CallerGone (as a rejection) */
export async function pageAnswer<T>(
  call: Call,
  page: Page<T>,
  rowJson: (row: T) => string,
  { more = "", headers }: PageOptions = {},
): Promise<HttpAnswer> {
  const { rows, nextCursor } = await rowsWithin(call, page, rowJson);
  const body = `{"data":[${rows.join(",")}],"next_cursor":${JSON.stringify(nextCursor)}${more}}`;
  return jsonAnswer(call, 200, body, headers);
}

/** Renders the rows of a page that fit into its bound in bytes. @throws CallerGone (as a rejection) */
export async function rowsWithin<T>(
  call: Call,
  { data, cursors, nextCursor }: Page<T>,
  textOf: (row: T) => string,
): Promise<Readonly<{ rows: readonly string[]; nextCursor: string | null }>> {
  if (isGone(call)) throw new CallerGone();
  const rows: string[] = [];
  let bytes = 0;
  for (const [i, row] of data.entries()) {
    if (workSlices.isOver) {
      await workSlices.next(call.partner, call.owner);
      if (isGone(call)) throw new CallerGone();
    }
    const text = textOf(row);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > PAGE_BYTES_MAX && i > 0) return { rows, nextCursor: cursors[i - 1] as string };
    rows.push(text);
  }
  return { rows, nextCursor };
}

/**
 * A page of a list that is in memory as a whole, sorted by id. The cursor is the last id of the previous page, in
 * base64url.
 * @throws Problem 400
 */
export function pageInOrderOfId<T extends Readonly<{ id: string }>>(
  all: readonly T[],
  { limit, cursor }: PageQuery,
): Page<T> {
  const after = cursor === undefined ? "" : Buffer.from(cursor, "base64url").toString("utf8");
  if (cursor !== undefined && Buffer.from(after, "utf8").toString("base64url") !== cursor) {
    throw invalid("cursor", "must be the next_cursor of the previous page");
  }
  const sorted = all.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const data = sorted.slice(0, limit);
  const cursors = data.map(({ id }) => Buffer.from(id, "utf8").toString("base64url"));
  return { data, cursors, nextCursor: sorted.length > limit ? (cursors.at(-1) ?? null) : null };
}
