/** Lists: `limit` and `cursor` in, `data` and `next_cursor` out. */
import { z } from "@hono/zod-openapi";
import type { Page } from "../archive/query.ts";
import { type Call, jsonAnswer } from "./call.ts";
import { Cursor, LIST_LIMIT_DEFAULT, Limit } from "./fields.ts";
import { invalid } from "./problem.ts";
import type { RouteDescription } from "./routes.ts";

/** For queries that say more than which page. */
export const pageQuery = { limit: Limit.default(LIST_LIMIT_DEFAULT), cursor: Cursor };
export const PageQuery = z.strictObject(pageQuery);

export function pageSchema(row: z.ZodType): z.ZodType {
  return z.object({ data: z.array(row), next_cursor: z.string().nullable() });
}

/** The good answer of a list, as its description has it. */
export function pageOf(row: z.ZodType): RouteDescription["answer"] {
  return { status: 200, description: "A page.", content: { "application/json": pageSchema(row) } };
}

type PageOptions = Readonly<{
  /** Further members, as text that begins with a comma. */
  more?: string;
  headers?: Readonly<Record<string, string>>;
}>;

export function pageAnswer<T>(
  call: Call,
  { data, nextCursor }: Page<T>,
  rowJson: (row: T) => string,
  { more = "", headers }: PageOptions = {},
): Response {
  const rows = data.map((row) => rowJson(row)).join(",");
  const body = `{"data":[${rows}],"next_cursor":${JSON.stringify(nextCursor)}${more}}`;
  return jsonAnswer(call, 200, body, headers);
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
  const last = data.at(-1);
  const more = sorted.length > limit && last !== undefined;
  return { data, nextCursor: more ? Buffer.from(last.id, "utf8").toString("base64url") : null };
}
