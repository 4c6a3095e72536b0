/** Money that goes back with a reason: a bank's return of its deposit, and a correction by the platform. */
import { z } from "@hono/zod-openapi";
import type { RevertTerms } from "../../../actors/programmes/programme.ts";
import {
  bankOwner,
  isRevertible,
  isWalletAct,
  PLATFORM_TENANT,
  vnodeOfWallet,
  walletAccount,
} from "../../../actors/programmes/wallet/acts.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { RevertTransfer, TransferChanged } from "../../../actors/records/compound-command.ts";
import type { Answer, KeyScope, Ledger } from "../../../gateway/ports.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, Description, timeTextOf } from "../../input/fields.ts";
import { Problem } from "../../problem.ts";
import { readChange, recordKey } from "../../read-change.ts";
import { answerOf, type Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { BANK_ACCESS, bankOf } from "./bank.ts";
import { OrderParams, orderIdOf, walletOf, withWalletCodes } from "./fields.ts";
import type { WalletDeps } from "./session.ts";
import { enterAsSupport, supportRoute, supportScope } from "./support.ts";

const ReturnBody = z
  .strictObject({ reason: Description })
  .openapi("ReturnDeposit", { example: { reason: "Recalled by the sender." } });
const ReturnSchema = z
  .object({
    id: z.string(),
    deposit_id: z.string(),
    wallet_id: z.string(),
    amount: Amount,
    reason: z.string(),
    balance: Balance.openapi({ description: "The wallet's balance after it." }),
    created_at: z.iso.datetime(),
  })
  .openapi("DepositReturn");
const CorrectBody = z
  .strictObject({
    reason: Description,
    amount: Amount.optional().openapi({ description: "The part to take back; all of it if absent." }),
  })
  .openapi("CorrectTransfer", { example: { reason: "Sent to the wrong wallet.", amount: 2500 } });
const wallet = z.string().openapi({ description: "A wallet's id, or `@bank:<name>`." });
const CorrectionSchema = z
  .object({
    id: z.string(),
    corrects: z.string().openapi({ description: "The transfer." }),
    from: wallet,
    to: wallet,
    amount: Amount,
    reason: z.string(),
    corrected_by: z.string().openapi({ description: "The id of the API key, or `operator`." }),
    created_at: z.iso.datetime(),
  })
  .openapi("Correction");

const PROBLEMS = [
  "transfer_not_posted",
  "already_reverted",
  "account_closed",
  "insufficient_funds",
  "balance_out_of_range",
  ...IDEMPOTENCY_PROBLEMS,
] as const;

export function addTakeBacks(routes: Routes, deps: WalletDeps): void {
  addReturn(routes, deps);
  addCorrection(routes, deps);
}

function addReturn(routes: Routes, { ledger }: WalletDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/deposits/{id}/return",
      access: BANK_ACCESS,
      group: "deposits",
      params: OrderParams,
      summary: "Take a deposit of the calling bank back",
      description:
        "In full, once, also from a frozen wallet. Not what the user has spent or holds: `insufficient_funds`. A deposit " +
        "that the platform has corrected is `already_reverted`.",
      body: { schema: ReturnBody },
      answer: answerOf(201, "The transfer back to the bank's account.", ReturnSchema),
      problems: ["deposit_not_found", ...PROBLEMS],
    },
    async (request, call) => {
      const bank = bankOf(call);
      const { value, header } = await readChange(request, call, ReturnBody);
      const id = orderIdOf(request);
      const act = (await ledger.origin(PLATFORM_TENANT, id))?.act ?? null;
      if (!isRevertible(act) || act.act !== "deposit" || act.bank !== bank)
        throw new Problem("deposit_not_found", `This bank has no deposit ${id}.`);
      const scope = { owner: bankOwner(bank, act.wallet), vnode: vnodeOfWallet(act.wallet) };
      const terms = { kind: "return", reason: value.reason, by: bank, amount: null } as const;
      const answer = await takeBack(ledger, header, id, scope, terms);
      return decidedAnswer(call, answer, 201, (changed) => returnJson(id, act.wallet, value.reason, changed));
    },
  );
}

function addCorrection(routes: Routes, { ledger, directory }: WalletDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/wallet-transfers/{id}/correct",
      ...supportRoute,
      summary: "Correct a deposit, or a transfer between wallets",
      description:
        "Takes the money back to where it came from, in full or in part, once, also from a frozen wallet. The reason stands " +
        "in the books, and both sides see it. Transfers between wallets are those of `/v1/wallet/transfers`, of accepted " +
        "payment requests, and of holds that name a payee; others are `not_correctable`.",
      body: { schema: CorrectBody },
      answer: answerOf(201, "The transfer back.", CorrectionSchema),
      problems: ["transfer_not_found", "not_correctable", "amount_exceeds_transfer", ...PROBLEMS],
    },
    async (request, call) => {
      const by = enterAsSupport(call, directory);
      const { value, header } = await readChange(request, call, CorrectBody);
      const id = orderIdOf(request);
      const origin = await ledger.origin(PLATFORM_TENANT, id);
      if (origin === undefined) throw new Problem("transfer_not_found", `There is no transfer ${id}.`);
      if (!isRevertible(origin.act)) throw new Problem("not_correctable");
      const { reason, amount = null } = value;
      const terms = { kind: "correction", reason, by, amount } as const;
      const answer = await takeBack(ledger, header, id, supportScope(origin.act.wallet), terms);
      return decidedAnswer(call, answer, 201, (changed) => correctionJson(changed));
    },
  );
}

/**
 * Submits a revert that says why, and who did it. The shard of `scope` stores the key; another one may decide.
 *
 * @throws Problem 422 for the key
 */
async function takeBack(
  ledger: Ledger,
  header: CommandHeader,
  id: string,
  scope: KeyScope,
  terms: RevertTerms,
): Promise<Answer<RevertTransfer>> {
  const recorded = await recordKey(ledger, header, scope);
  const noted = { memo: terms.reason, metadata: JSON.stringify({ by: terms.by, kind: terms.kind }) };
  const answer = await ledger.revert({ ...recorded, id, owner: scope.owner, ...noted, terms });
  return withWalletCodes(answer, { account_closed: "account_closed" });
}

function returnJson(
  deposit: string,
  of: string,
  reason: string,
  { transfer, moves }: TransferChanged,
): string {
  const { id, postedAmount: amount, createdAtMs } = transfer;
  const balance = moves.findLast(({ account }) => account === walletAccount(of))?.posted ?? 0;
  const ids = { id, deposit_id: deposit, wallet_id: of };
  return JSON.stringify({ ...ids, amount, reason, balance, created_at: timeTextOf(createdAtMs) });
}

function correctionJson({ transfer }: TransferChanged): string {
  const { id, reverts, postings, postedAmount: amount, memo, createdAtMs, act } = transfer;
  const { debit = "", credit = "" } = postings[0] ?? {};
  const by = isWalletAct(act) && act.act === "take_back" ? act.by : null;
  const sides = { from: walletOf(debit), to: walletOf(credit) };
  const why = { reason: memo, corrected_by: by };
  return JSON.stringify({
    id,
    corrects: reverts,
    ...sides,
    amount,
    ...why,
    created_at: timeTextOf(createdAtMs),
  });
}
