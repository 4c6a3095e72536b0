/** Fields of wallet requests, and the lookup of orders: holds, payment requests and withdrawals. */
import { z } from "@hono/zod-openapi";
import { PLATFORM_TENANT, type WalletOrder, walletAccount } from "../../../actors/programmes/wallet/acts.ts";
import { askOrder } from "../../../actors/programmes/wallet/questions.ts";
import type { Command } from "../../../actors/records/command.ts";
import type { Rejection } from "../../../actors/records/rejection.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { isText, Memo } from "../../input/fields.ts";
import type { HttpRequest } from "../../request.ts";
import { findOldOrder } from "./forgotten-orders.ts";

export const OrderParams = z.object({ id: z.string() });

export function orderIdOf(request: HttpRequest): string {
  return request.param("id");
}

/** The order with this id, in memory or in the archive; `null` if there is none. */
export async function orderOf(ledger: Ledger, id: string): Promise<WalletOrder | null> {
  const question = askOrder(id);
  if (question === null) return null;
  return (await ledger.ask(PLATFORM_TENANT, question)) ?? (await findOldOrder(ledger, id)) ?? null;
}

type CodeMap = Readonly<Partial<Record<Rejection, Rejection>>>;

/** Replaces account codes and account ids of a rejection by those of wallets. @param more codes to replace. */
export function withWalletCodes<C extends Command>(answer: Answer<C>, more: CodeMap = {}): Answer<C> {
  if ("refused" in answer || answer.outcome.ok) return answer;
  const { code, subject } = answer.outcome;
  // To others a closed wallet is as if it had never been.
  const codes: CodeMap = {
    account_not_found: "wallet_not_found",
    account_closed: "wallet_not_found",
    ...more,
  };
  const wallet = subject === null ? null : walletOf(subject);
  return { ...answer, outcome: { ok: false, code: codes[code] ?? code, subject: wallet } };
}

/** The wallet id of a wallet's account; the account id of any other account. */
export function walletOf(account: string): string {
  const prefix = walletAccount("");
  return account.startsWith(prefix) ? account.slice(prefix.length) : account;
}

const WALLET_ID_LENGTH_MAX = 64;
const SECONDS_MAX = 366 * 24 * 60 * 60;
/** Default expiry of holds and payment requests. */
export const DEFAULT_SECONDS = 7 * 24 * 60 * 60;

/** Accepts any text in the form of an id; an unknown one gets `wallet_not_found`. */
export const WalletId = z
  .custom<string>(
    (value) => isText(value, WALLET_ID_LENGTH_MAX) && /^\w+$/.test(value),
    `must be a wallet's id: letters, digits and _, at most ${WALLET_ID_LENGTH_MAX}`,
  )
  .openapi({ type: "string", maxLength: WALLET_ID_LENGTH_MAX, pattern: "^\\w+$", example: "wal_…" });

export const WalletMemo = Memo.optional();
export const Seconds = z.int().min(1).max(SECONDS_MAX).optional();
