/** `/v1/wallet`: the user's balance and entries, and transfers to other wallets. */
import { z } from "@hono/zod-openapi";
import { walletAccount, walletAct } from "../../../actors/programmes/wallet/acts.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import { callerOf } from "../../call.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, timeTextOf } from "../../input/fields.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import { readChange, transferWith } from "../../read-change.ts";
import { addReadRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { WalletId, WalletMemo, walletOf, withWalletCodes } from "./fields.ts";
import { notLoggedIn, sessionRoute, type WalletDeps, withSession } from "./session.ts";

const ENTRIES_SHOWN = 20;

const NewWalletTransfer = z
  .strictObject({ to_wallet_id: WalletId, amount: Amount, memo: WalletMemo })
  .openapi("NewWalletTransfer", { example: { to_wallet_id: "wal_…", amount: 2500, memo: "lunch" } });

const WalletEntry = z
  .object({
    seq: z.int(),
    transfer_id: z.string(),
    type: z.enum(["deposit", "withdrawal", "transfer"]),
    amount: z.int().openapi({ description: "Signed minor units; debits are negative." }),
    balance_after: Balance,
    counterparty: z.string().openapi({ description: "A wallet's id, or `@bank:<name>`." }),
    memo: z.string().nullable(),
    at: z.iso.datetime(),
  })
  .openapi("WalletEntry");
const EntriesPage = statementSchema(WalletEntry).openapi("WalletEntriesPage");
const WalletSchema = z
  .object({
    wallet_id: z.string(),
    user_id: z.string(),
    asset: z.string(),
    balance: Balance,
    held: Balance,
    available: Balance,
    entries: z.array(WalletEntry).openapi({ description: `The last ${ENTRIES_SHOWN}, newest first.` }),
  })
  .openapi("Wallet");
export const MovedSchema = z
  .object({ id: z.string(), wallet_id: z.string(), amount: Amount, balance: Balance })
  .openapi("WalletMovement", {
    example: { id: "tr_0a11001", wallet_id: "wal_…", amount: 2500, balance: 7500 },
  });

export function addWallet(routes: Routes, deps: WalletDeps): void {
  addReads(routes, deps);
  addSend(routes, deps);
}

export function movedJson(id: string, wallet: string, amount: number, balance: number): string {
  return JSON.stringify({ id, wallet_id: wallet, amount, balance });
}

function addReads(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  addReadRoute(
    routes,
    {
      path: "/v1/wallet",
      ...sessionRoute,
      summary: "Get the user's wallet",
      answer: answerOf(200, "The wallet.", WalletSchema),
    },
    withSession(deps, async (_, call, { walletId, userId }) => {
      const id = walletAccount(walletId);
      const [account, statement] = await Promise.all([
        ledger.account(call.partner, id),
        ledger.entries(call.partner, id, { limit: ENTRIES_SHOWN }),
      ]);
      if (account === undefined || statement === undefined) throw notLoggedIn();
      const { asset, posted, held } = account;
      const balances = { asset, balance: posted, held, available: posted - held };
      const entries = statement.data.map(entryView);
      return { wallet_id: walletId, user_id: userId, ...balances, entries };
    }),
    JSON.stringify,
  );
  routes.add(
    {
      method: "get",
      path: "/v1/wallet/entries",
      ...sessionRoute,
      summary: "List the wallet's entries, newest first",
      query: RangeQuery,
      answer: entriesPageOf(EntriesPage),
    },
    withSession(deps, async (request, call, { walletId }, query) => {
      const range = rangeOf(query);
      const statement = await ledger.entries(call.partner, walletAccount(walletId), range, callerOf(call));
      if (statement === undefined) throw notLoggedIn();
      return statementAnswer(request, call, statement, range, ENTRIES);
    }),
  );
}

function addSend(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/transfers",
      ...sessionRoute,
      summary: "Send money to another wallet",
      body: { schema: NewWalletTransfer },
      answer: answerOf(201, "The transfer, with the sender's balance after it.", MovedSchema),
      problems: [
        "same_account",
        "wallet_not_found",
        "asset_mismatch",
        "insufficient_funds",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId }) => {
      const { value, header } = await readChange(request, call, NewWalletTransfer);
      const { to_wallet_id, amount, memo = null } = value;
      const act = walletAct("send", walletAccount(walletId), { wallet: walletId });
      const move = { to: walletAccount(to_wallet_id), amount, memo };
      const answer = withWalletCodes(await ledger.submit(transferWith(header, act, move)));
      return decidedAnswer(call, answer, 201, ({ id, debitPosted }) =>
        movedJson(id, walletId, amount, debitPosted),
      );
    }),
  );
}

function entryView(entry: Entry) {
  const { seq, transferId, amount, balanceAfter, counterparty, memo, timeMs } = entry;
  return {
    seq,
    transfer_id: transferId,
    type: typeOf(entry),
    amount,
    balance_after: balanceAfter,
    counterparty: walletOf(counterparty),
    memo,
    at: timeTextOf(timeMs),
  };
}

const ENTRIES = formatOf(entryView, {
  seq: "ours",
  transfer_id: "ours",
  type: "ours",
  amount: "ours",
  balance_after: "ours",
  counterparty: "ours",
  memo: "text",
  at: "ours",
});

function typeOf({ counterparty, amount }: Entry): "deposit" | "withdrawal" | "transfer" {
  if (!counterparty.startsWith("@")) return "transfer";
  return amount > 0 ? "deposit" : "withdrawal";
}
