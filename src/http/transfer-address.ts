/** The id of a transfer in a path. */
import { z } from "@hono/zod-openapi";
import { parseTransferId } from "../actors/transfer-id.ts";
import { Problem } from "./problem.ts";
import type { HttpRequest } from "./request.ts";

export const TransferParams = z.object({ id: z.string().openapi({ example: "tr_0a11001" }) });

/** @throws Problem 404 for an id that no transfer can have */
export function transferIdOf(request: HttpRequest): string {
  const id = request.param("id");
  if (parseTransferId(id) === undefined) throw transferNotFound();
  return id;
}

export function transferNotFound(): Problem {
  return new Problem("transfer_not_found", "There is no transfer with this id.");
}
