/** The time range of a list: the query parameters `from` and `to`. */
import { z } from "@hono/zod-openapi";
import type { Range } from "../../archive/queries/query.ts";
import { invalid } from "../problem.ts";
import { knownTimeMsOf, QueryTime } from "./fields.ts";
import { pageQuery } from "./pagination.ts";

export const rangeQuery = {
  from: QueryTime.optional().openapi({ example: "2026-11-01T00:00:00.000Z" }),
  to: QueryTime.optional().openapi({ example: "2026-12-01T00:00:00.000Z" }),
  ...pageQuery,
};
export const RangeQuery = z.strictObject(rangeQuery);

/**
 * From `from` (inclusive) to `to` (exclusive), which are valid times. @throws Problem 400 if `to` is before `from`
 */
export function rangeOf({ from, to, limit, cursor }: z.infer<typeof RangeQuery>): Range {
  const fromMs = from === undefined ? undefined : knownTimeMsOf(from);
  const toMs = to === undefined ? undefined : knownTimeMsOf(to);
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs)
    throw invalid("to", "must not be before from");
  return {
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
    limit,
    cursor,
  };
}
