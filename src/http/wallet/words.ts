/** What wallets have in common on their way in and out. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Command } from "../../actors/command.ts";
import { bankAccount, HOUSE, walletAccount } from "../../actors/programmes/wallet/acts.ts";
import type { Rejection } from "../../actors/rejection.ts";
import type { Call } from "../call.ts";
import { isId, isText, Memo } from "../fields.ts";
import type { Answer } from "../ports.ts";
import { Problem } from "../problem.ts";
import { TransferParams } from "../transfer-address.ts";

const WALLET_ID_LENGTH_MAX = 64;
export const SECONDS_MAX = 366 * 24 * 60 * 60;
/** Of holds and payment requests. */
export const DEFAULT_SECONDS = 7 * 24 * 60 * 60;

export const IDEMPOTENCY_PROBLEMS = ["idempotency_key_reused", "idempotency_key_expired"] as const;

/** Any text that could be one: what is none is not found. */
export const WalletId = z
  .custom<string>(
    (value) => isText(value, WALLET_ID_LENGTH_MAX) && /^\w+$/.test(value),
    `must be a wallet's id: letters, digits and _, at most ${WALLET_ID_LENGTH_MAX}`,
  )
  .openapi({ type: "string", maxLength: WALLET_ID_LENGTH_MAX, pattern: "^\\w+$", example: "wal_…" });

export const WalletMemo = Memo.optional();
export const Seconds = z.int().min(1).max(SECONDS_MAX).optional();

export const PaperParams = TransferParams;

export function paperIdOf(c: Context): string {
  return c.req.param("id") ?? "";
}

/** The bank that calls: the name of its key, which is the name of its account. @throws Problem 403 */
export function bankOf({ principal, partner }: Call): string {
  const name = principal !== undefined && "name" in principal ? principal.name : "";
  if (partner !== HOUSE) throw new Problem("forbidden", "Only a bank of the house has to do with wallets.");
  if (name === "" || !isId(bankAccount(name)) || name.includes("/"))
    throw new Problem("forbidden", "The name of this key cannot be that of a bank's account.");
  return name;
}

/** The rejection in the words of wallets: where the ledger speaks of an account, it is a wallet's. */
export function inWordsOfWallets<C extends Command>(
  answer: Answer<C>,
  words: Readonly<Partial<Record<Rejection, Rejection>>> = {},
): Answer<C> {
  if ("refused" in answer || answer.outcome.ok) return answer;
  const { code, subject } = answer.outcome;
  const all: Partial<Record<Rejection, Rejection>> = { account_not_found: "wallet_not_found", ...words };
  const named = subject === null ? null : walletOf(subject);
  return { ...answer, outcome: { ok: false, code: all[code] ?? code, subject: named } };
}

/** A wallet by its account; any other account as it is called. */
export function walletOf(account: string): string {
  const prefix = walletAccount("");
  return account.startsWith(prefix) ? account.slice(prefix.length) : account;
}
