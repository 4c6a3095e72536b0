/** `/v1/wallet`: the user's balance and entries, and transfers to other wallets. */
import { z } from "@hono/zod-openapi";
import { isWalletAct, walletAccount, walletAct } from "../../../actors/programmes/wallet/acts.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Entry } from "../../../archive/queries/query.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { entriesPageOf, formatOf, statementAnswer, statementSchema } from "../../core/accounts/statement.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, timeTextOf } from "../../input/fields.ts";
import { RangeQuery, rangeOf } from "../../input/time-range.ts";
import { firstOrNew, readChange, transferWith } from "../../read-change.ts";
import { addReadRoute } from "../../read-routes.ts";
import type { HttpRequest } from "../../request.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { WalletMemo, walletOf, withWalletCodes } from "./fields.ts";
import { checkRecipient, RECIPIENT_RULE, type Recipients, recipientFields } from "./recipients.ts";
import { notLoggedIn, sessionRoute, type WalletDeps, withSession } from "./session.ts";

const ENTRIES_SHOWN = 20;

export const NewWalletTransfer = z
  .strictObject({ ...recipientFields, amount: Amount, memo: WalletMemo })
  .openapi("NewWalletTransfer", { example: { to_wallet_id: "wal_…", amount: 2500, memo: "lunch" } });

const WalletEntry = z
  .object({
    seq: z.int(),
    transfer_id: z.string(),
    type: z.enum(["deposit", "withdrawal", "transfer", "return", "correction"]).openapi({
      description:
        "`return`: a bank takes a deposit back. `correction`: the platform takes back a deposit or a transfer. Their " +
        "`memo` is the reason.",
    }),
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

export function addWallet(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  addReads(routes, deps);
  addSend(routes, deps, recipients);
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

function addSend(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/transfers",
      ...sessionRoute,
      summary: "Send money to another wallet",
      description: RECIPIENT_RULE,
      body: { schema: NewWalletTransfer },
      answer: answerOf(201, "The transfer, with the sender's balance after it.", MovedSchema),
      problems: [
        "same_account",
        "wallet_not_found",
        "asset_mismatch",
        "account_frozen",
        "insufficient_funds",
        "limit_exceeded",
        "balance_out_of_range",
        "rate_limited",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId }) => {
      const { value, header } = await readChange(request, call, NewWalletTransfer);
      const answer = await sendMoney({ ledger, recipients, request }, walletId, header, value);
      return decidedAnswer(call, answer, 201, ({ id, debitPosted }) =>
        movedJson(id, walletId, value.amount, debitPosted),
      );
    }),
  );
}

/** What an order needs that may name another wallet by its user's e-mail. */
export type Sending = Readonly<{ ledger: Ledger; recipients: Recipients; request: HttpRequest }>;

/** Sends money of a wallet to another one. @throws Problem 400, 404, 422, 429 */
export async function sendMoney(
  { ledger, recipients, request }: Sending,
  wallet: string,
  header: CommandHeader,
  value: z.infer<typeof NewWalletTransfer>,
): Promise<Answer<Transfer>> {
  checkRecipient(value);
  const { to_wallet_id, to_email, amount, memo = null } = value;
  const subject = walletAccount(wallet);
  const sendTo = (to: string) =>
    transferWith(header, walletAct("send", subject, { wallet }), { to: walletAccount(to), amount, memo });
  const command =
    to_email === undefined
      ? sendTo(to_wallet_id ?? "")
      : await firstOrNew(ledger, header, { owner: subject }, async () =>
          sendTo(await recipients.walletOf(request, wallet, to_email)),
        );
  return withWalletCodes(await ledger.submit(command));
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

export const ENTRIES = formatOf(entryView, {
  seq: "ours",
  transfer_id: "ours",
  type: "ours",
  amount: "ours",
  balance_after: "ours",
  counterparty: "ours",
  memo: "text",
  at: "ours",
});

export function typeOf({
  counterparty,
  amount,
  act,
}: Entry): "deposit" | "withdrawal" | "transfer" | "return" | "correction" {
  if (isWalletAct(act) && act.act === "take_back") return act.kind;
  if (!counterparty.startsWith("@")) return "transfer";
  return amount > 0 ? "deposit" : "withdrawal";
}
