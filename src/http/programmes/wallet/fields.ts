/** The kinds of fields that requests about wallets are made of. */
import { z } from "@hono/zod-openapi";
import {
  askPaper,
  PLATFORM_TENANT,
  type WalletOrder,
  walletAccount,
} from "../../../actors/programmes/wallet/acts.ts";
import type { Command } from "../../../actors/records/command.ts";
import type { Rejection } from "../../../actors/records/rejection.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { isText, Memo } from "../../input/fields.ts";
import type { HttpRequest } from "../../request.ts";

export const PaperParams = z.object({ id: z.string() });

export function paperIdOf(request: HttpRequest): string {
  return request.param("id");
}

/** `null` for an id that no paper has. */
export async function paperOf(ledger: Ledger, id: string): Promise<WalletOrder | null> {
  const question = askPaper(id);
  return question === null ? null : await ledger.ask(PLATFORM_TENANT, question);
}

type Words = Readonly<Partial<Record<Rejection, Rejection>>>;

/** Where the ledger speaks of an account, it is a wallet's. @param more that are said in another way here. */
export function inWordsOfWallets<C extends Command>(answer: Answer<C>, more: Words = {}): Answer<C> {
  if ("refused" in answer || answer.outcome.ok) return answer;
  const { code, subject } = answer.outcome;
  const words: Words = { account_not_found: "wallet_not_found", ...more };
  const named = subject === null ? null : walletOf(subject);
  return { ...answer, outcome: { ok: false, code: words[code] ?? code, subject: named } };
}

/** A wallet by its account; any other account as it is called. */
export function walletOf(account: string): string {
  const prefix = walletAccount("");
  return account.startsWith(prefix) ? account.slice(prefix.length) : account;
}

const WALLET_ID_LENGTH_MAX = 64;
const SECONDS_MAX = 366 * 24 * 60 * 60;
/** Of holds and payment requests. */
export const DEFAULT_SECONDS = 7 * 24 * 60 * 60;

/** Any text that could be one: what is none is not found. */
export const WalletId = z
  .custom<string>(
    (value) => isText(value, WALLET_ID_LENGTH_MAX) && /^\w+$/.test(value),
    `must be a wallet's id: letters, digits and _, at most ${WALLET_ID_LENGTH_MAX}`,
  )
  .openapi({ type: "string", maxLength: WALLET_ID_LENGTH_MAX, pattern: "^\\w+$", example: "wal_…" });

export const WalletMemo = Memo.optional();
export const Seconds = z.int().min(1).max(SECONDS_MAX).optional();
