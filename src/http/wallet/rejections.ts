/** What the ledger refuses, in the words of wallets. */
import type { Command } from "../../actors/command.ts";
import { walletAccount } from "../../actors/programmes/wallet/acts.ts";
import type { Rejection } from "../../actors/rejection.ts";
import type { Answer } from "../ports.ts";

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
