/** The papers of wallets: holds, payment requests, and withdrawals. */
import { z } from "@hono/zod-openapi";
import { askPaper, HOUSE, type Paper } from "../../actors/programmes/wallet/acts.ts";
import type { Ledger } from "../ports.ts";
import type { HttpRequest } from "../request.ts";

export const PaperParams = z.object({ id: z.string() });

export function paperIdOf(request: HttpRequest): string {
  return request.param("id");
}

/** `null` for an id that no paper has. */
export async function paperOf(ledger: Ledger, id: string): Promise<Paper | null> {
  const question = askPaper(id);
  return question === null ? null : await ledger.ask(HOUSE, question);
}
