/** `/v1/deposits`: money that a bank pays into wallets. */
import { z } from "@hono/zod-openapi";
import {
  bankAccount,
  bankOwner,
  bankSubject,
  isWalletAct,
  vnodeOfWallet,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import type { TransferChanged, TransferView } from "../../../actors/records/compound-command.ts";
import { assert } from "../../../errors/assert.ts";
import type { TransferRow } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { asCompound } from "../../core/transfers/compound-request.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Description, textField, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { readChange, recordKey, transferWith } from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { BANK_ACCESS, bankOf } from "./bank.ts";
import { WalletId, walletOf, withWalletCodes } from "./fields.ts";
import type { WalletDeps } from "./session.ts";
import { MovedSchema, movedJson } from "./wallet.ts";

const Reference = textField(128, { example: "statement-17/3" });
const NewDeposit = z
  .strictObject({
    wallet_id: WalletId,
    amount: Amount,
    details: Description,
    bank_ref: Reference.optional().openapi({
      description: "The bank's reference. It can be used once, ever.",
    }),
  })
  .openapi("NewDeposit", {
    example: { wallet_id: "wal_…", amount: 2500, details: "Top-up", bank_ref: "statement-17/3" },
  });
const DepositSchema = z
  .object({
    id: z.string(),
    wallet_id: z.string(),
    amount: Amount,
    details: z.string(),
    bank_ref: z.string().nullable(),
    created_at: z.iso.datetime(),
  })
  .openapi("Deposit");

export function addDeposits(routes: Routes, deps: WalletDeps): void {
  addCreate(routes, deps);
  addList(routes, deps);
}

function addCreate(routes: Routes, { ledger }: WalletDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/deposits",
      access: BANK_ACCESS,
      group: "deposits",
      summary: "Deposit money into a wallet",
      description:
        "Debits the account `@bank:<name of the key>`. API keys with the same name belong to the same bank.",
      body: { schema: NewDeposit },
      answer: answerOf(201, "The deposit, with the wallet's balance after it.", MovedSchema),
      problems: [
        "duplicate_reference",
        "too_many_references",
        "wallet_not_found",
        "asset_mismatch",
        "limit_exceeded",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const bank = bankOf(call);
      const { value, header } = await readChange(request, call, NewDeposit);
      const { wallet_id: wallet, amount, details, bank_ref: ref = null } = value;
      const scope = { owner: bankOwner(bank, wallet), vnode: vnodeOfWallet(wallet) };
      const act = walletAct("deposit", scope.owner, { wallet, bank, ref });
      const move = { amount, memo: details };
      if (ref === null) {
        // Decided on the wallet's shard.
        const transfer = { ...transferWith(header, act, move), vnode: scope.vnode };
        const answer = withWalletCodes(await ledger.submit(transfer));
        return decidedAnswer(call, answer, 201, ({ id, creditPosted }) =>
          movedJson(id, wallet, amount, creditPosted),
        );
      }
      // The wallet's shard stores the key. The shard with the bank's references decides, and claims the reference in the
      // record that moves the money.
      const recorded = await recordKey(ledger, header, scope);
      const transfer = transferWith(recorded, { ...act, subject: bankSubject(bank) }, move);
      const answer = withWalletCodes(await ledger.submit(asCompound(transfer)));
      return decidedAnswer(call, answer, 201, (changed) =>
        movedJson(changed.id, wallet, amount, balanceOf(changed, wallet)),
      );
    },
  );
}

function balanceOf({ moves }: TransferChanged, wallet: string): number {
  return moves.findLast(({ account }) => account === walletAccount(wallet))?.posted ?? 0;
}

function addList(routes: Routes, { ledger }: WalletDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/deposits",
      access: BANK_ACCESS,
      group: "deposits",
      summary: "List the calling bank's deposits, newest first",
      query: PageQuery,
      row: DepositSchema,
    },
    (_, call, query) => {
      const account = bankAccount(bankOf(call));
      const deposits = { account, ...query, shows: isDeposit };
      return ledger.transfers(call.partner, deposits, callerOf(call));
    },
    depositJson,
  );
}

function isDeposit({ act }: TransferView): boolean {
  return act?.act === "deposit";
}

function depositJson({ id, postings, memo, createdAtMs, act }: TransferRow): string {
  assert(isWalletAct(act) && act.act === "deposit", "`shows` lets only deposits through");
  const [posting] = postings;
  return JSON.stringify({
    id,
    wallet_id: walletOf(posting?.credit ?? ""),
    amount: posting?.amount,
    details: memo,
    bank_ref: act.ref,
    created_at: timeTextOf(createdAtMs),
  });
}
