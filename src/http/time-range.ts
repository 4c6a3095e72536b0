/** What the times in a request are held to: the range of a list, and what is still to come. */
import { z } from "@hono/zod-openapi";
import type { Range } from "../archive/query.ts";
import { Time, timeMsOf } from "./fields.ts";
import { pageQuery } from "./pagination.ts";
import { invalid } from "./problem.ts";

export const rangeQuery = {
  from: Time.optional().openapi({ example: "2026-11-01T00:00:00.000Z" }),
  to: Time.optional().openapi({ example: "2026-12-01T00:00:00.000Z" }),
  ...pageQuery,
};
export const RangeQuery = z.strictObject(rangeQuery);

/** From `from` (inclusive) to `to` (exclusive), both already known to be times. @throws Problem 400 when they cross */
export function rangeOf({ from, to, limit, cursor }: z.infer<typeof RangeQuery>): Range {
  const fromMs = from === undefined ? undefined : timeMsOf(from);
  const toMs = to === undefined ? undefined : timeMsOf(to);
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs)
    throw invalid("to", "must not be before from");
  return {
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
    limit,
    cursor,
  };
}

/** @throws Problem 400 for a time that has come */
export function futureMsOf(path: string, time: string, nowMs: number): number {
  const timeMs = timeMsOf(time);
  if (timeMs === undefined || timeMs <= nowMs) throw invalid(path, "must be in the future");
  return timeMs;
}
