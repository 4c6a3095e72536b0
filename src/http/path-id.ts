/** The id in a path, of whatever the route is about. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { Id, isId } from "./fields.ts";
import { invalid } from "./problem.ts";

export const IdParams = z.object({ id: Id });

/** @throws Problem 400 */
export function idOf(c: Context): string {
  const id = c.req.param("id");
  if (!isId(id)) throw invalid("id", "must be an id");
  return id;
}
