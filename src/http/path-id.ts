/** The id in a path, of whatever the route is about. */
import { z } from "@hono/zod-openapi";
import { Id, isId } from "./fields.ts";
import { invalid } from "./problem.ts";
import type { HttpRequest } from "./request.ts";

export const IdParams = z.object({ id: Id });

/** @throws Problem 400 */
export function idOf(request: HttpRequest): string {
  const id = request.param("id");
  if (!isId(id)) throw invalid("id", "must be an id");
  return id;
}
