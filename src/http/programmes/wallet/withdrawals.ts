/** Withdrawals: money held until a bank confirms the payout, or reports that it failed. */
import { z } from "@hono/zod-openapi";
import {
  bankAccount,
  bankOwner,
  isWalletAct,
  PLATFORM_TENANT,
  type WalletOrder,
  type WithdrawalView,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { askAllWithdrawals, askWithdrawals } from "../../../actors/programmes/wallet/questions.ts";
import { isWithdrawal } from "../../../actors/programmes/wallet/wallet-orders.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type {
  CompoundTransfer,
  PostTransfer,
  TransferChanged,
  VoidTransfer,
} from "../../../actors/records/compound-command.ts";
import type { Rejection } from "../../../actors/records/rejection.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Description, timeTextOf } from "../../input/fields.ts";
import { PageQuery, pageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import { pendingWith, readBareChange, readChange } from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import type { HttpRequest } from "../../request.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import { isCursorOfForgotten } from "../forgotten-items.ts";
import { BANK_ACCESS, bankOf } from "./bank.ts";
import { OrderParams, orderIdOf, walletOf, withWalletCodes } from "./fields.ts";
import { listOrders, OLD_ORDERS } from "./forgotten-orders.ts";
import { sessionRoute, type WalletDeps, withSession } from "./session.ts";

export const NewWithdrawal = z
  .strictObject({ amount: Amount, details: Description })
  .openapi("NewWithdrawal", { example: { amount: 2500, details: "DE02 1203 0000 0000 2020 51" } });
const FailBody = z
  .strictObject({ reason: Description.optional().openapi({ description: "Shown to the user." }) })
  .openapi("FailWithdrawal", { example: { reason: "The account is closed." } });
const STATUSES = ["pending", "confirmed", "failed"] as const;
const AllQuery = z.strictObject({ status: z.enum(STATUSES).optional(), ...pageQuery });
const WithdrawalSchema = z
  .object({
    id: z.string(),
    status: z.enum(STATUSES),
    wallet_id: z.string(),
    amount: Amount,
    details: z.string(),
    bank: z.string().nullable().openapi({ description: "The bank that confirmed or failed the withdrawal." }),
    reason: z.string().nullable().openapi({ description: "Why it failed, if the bank has said so." }),
    created_at: z.iso.datetime(),
  })
  .openapi("Withdrawal");
const theWithdrawal = { description: "The withdrawal.", content: { "application/json": WithdrawalSchema } };

export function addWithdrawals(routes: Routes, deps: WalletDeps): void {
  addListOwn(routes, deps);
  addCreate(routes, deps);
  addListAll(routes, deps);
  const confirm = "Confirm a payout: move the held money to the bank's account";
  addDecision(routes, deps, "confirm", confirm, (withdrawal, bank) => {
    const { id } = withdrawal;
    const act = walletAct("confirm_withdrawal", `withdrawal:${id}`, { withdrawal: id, bank });
    const inFull = { amount: null, final: true, settled: null } as const;
    return { op: "post_transfer", ...withdrawal, ...inFull, credit: bankAccount(bank), act };
  });
  const fail = "Fail a payout: release the held money to the wallet";
  addDecision(routes, deps, "fail", fail, (withdrawal, bank, reason) => {
    const { id } = withdrawal;
    const said = reason === undefined ? {} : { reason };
    const act = walletAct("fail_withdrawal", `withdrawal:${id}`, { withdrawal: id, bank, ...said });
    return { op: "void_transfer", ...withdrawal, settled: null, act };
  });
}

function addListOwn(routes: Routes, deps: WalletDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/wallet/withdrawals",
      ...sessionRoute,
      summary: "List the wallet's withdrawals, newest first",
      description:
        "All pending withdrawals, and the newest others of the last 30 days, up to 500 in total. " +
        OLD_ORDERS,
      query: PageQuery,
      row: WithdrawalSchema,
    },
    withSession(deps, (_, call, { walletId }, query: PageQuery) => {
      const withdrawals = askWithdrawals(walletId);
      const inMemory = () => deps.ledger.list(PLATFORM_TENANT, withdrawals, query, callerOf(call));
      const shows = (order: WalletOrder): order is WithdrawalView =>
        isWithdrawal(order) && order.wallet === walletId;
      return listOrders(deps.ledger, "withdrawals", walletId, shows, query, inMemory);
    }),
    withdrawalJson,
  );
}

function addCreate(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/withdrawals",
      ...sessionRoute,
      summary: "Request a payout by a bank",
      description: "The amount is held until a bank confirms the withdrawal, or marks it as failed.",
      body: { schema: NewWithdrawal },
      answer: { status: 201, ...theWithdrawal },
      problems: [
        "too_many_pending",
        "account_frozen",
        "insufficient_funds",
        "limit_exceeded",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, NewWithdrawal);
      const { amount, details } = value;
      const answer = await withdraw(ledger, wallet, header, value);
      return decidedAnswer(call, answer, 201, ({ transfer: { id, createdAtMs } }: TransferChanged) => {
        const terms = { kind: "withdrawal", id, wallet, amount, details, createdAtMs } as const;
        return withdrawalJson({ ...terms, status: "pending", bank: null });
      });
    }),
  );
}

/** Holds money of a wallet until a bank pays it out. */
export async function withdraw(
  ledger: Ledger,
  wallet: string,
  header: CommandHeader,
  { amount, details }: z.infer<typeof NewWithdrawal>,
): Promise<Answer<CompoundTransfer>> {
  const act = walletAct("withdraw", walletAccount(wallet), { wallet, amount, details });
  return withWalletCodes(await ledger.submit(pendingWith(header, act, { amount, memo: details })));
}

function addListAll(routes: Routes, { ledger }: WalletDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/withdrawals",
      access: BANK_ACCESS,
      group: "withdrawals",
      summary: "List the withdrawals of all wallets, newest first",
      description:
        "For each wallet: all pending withdrawals, and the newest others of the last 30 days, up to 500 in total. " +
        OLD_ORDERS,
      query: AllQuery,
      row: WithdrawalSchema,
    },
    (_, call, query) => {
      bankOf(call);
      const { status = null, ...page } = query;
      const inMemory = () => ledger.list(PLATFORM_TENANT, askAllWithdrawals(status), page, callerOf(call));
      // The archive has decided ones only.
      if (status === "pending" && !isCursorOfForgotten(page.cursor)) return inMemory();
      const shows = (order: WalletOrder): order is WithdrawalView =>
        isWithdrawal(order) && (status === null || order.status === status);
      return listOrders(ledger, "all_withdrawals", "", shows, page, inMemory);
    },
    withdrawalJson,
  );
}

/** A withdrawal whose transfer is no longer pending was decided. */
const WITHDRAWAL_CODES: Readonly<Partial<Record<Rejection, Rejection>>> = {
  transfer_not_pending: "already_decided",
  transfer_not_found: "withdrawal_not_found",
};

/** A route by which a bank decides a withdrawal. @param make builds the command, except for the facts of the transfer */
function addDecision(
  routes: Routes,
  { ledger }: WalletDeps,
  verb: "confirm" | "fail",
  summary: string,
  make: (
    withdrawal: Readonly<{ id: string; owner: string }> & CommandHeader,
    bank: string,
    reason: string | undefined,
  ) => PostTransfer | VoidTransfer,
): void {
  routes.add(
    {
      method: "post",
      path: `/v1/withdrawals/{id}/${verb}`,
      access: BANK_ACCESS,
      group: "withdrawals",
      summary,
      params: OrderParams,
      ...(verb === "fail" && { body: { schema: FailBody } }),
      answer: { status: 200, ...theWithdrawal },
      problems: ["withdrawal_not_found", "already_decided", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const bank = bankOf(call);
      const { header, reason } = await (verb === "fail"
        ? readFail(request, call)
        : readConfirm(request, call));
      const withdrawal = await withdrawalOf(ledger, orderIdOf(request), bank);
      const answer: Answer<PostTransfer | VoidTransfer> = await ledger.submit(
        make({ ...header, ...withdrawal }, bank, reason),
      );
      return decidedAnswer(call, withWalletCodes(answer, WITHDRAWAL_CODES), 200, (changed) =>
        decidedJson(changed, verb === "confirm" ? "confirmed" : "failed", bank, reason),
      );
    },
  );
}

type Decision = Readonly<{ header: CommandHeader; reason: string | undefined }>;

async function readConfirm(request: HttpRequest, call: Call): Promise<Decision> {
  return { header: await readBareChange(request, call), reason: undefined };
}

async function readFail(request: HttpRequest, call: Call): Promise<Decision> {
  const { value, header } = await readChange(request, call, FailBody);
  return { header, reason: value.reason };
}

/** A withdrawal, with the owner of this bank's idempotency keys. Neither ever changes. @throws Problem 404 */
async function withdrawalOf(
  ledger: Ledger,
  id: string,
  bank: string,
): Promise<Readonly<{ id: string; owner: string }>> {
  const origin = await ledger.origin(PLATFORM_TENANT, id);
  const act = origin?.act;
  if (isWalletAct(act) && act.act === "withdraw") return { id, owner: bankOwner(bank, act.wallet) };
  throw new Problem("withdrawal_not_found", `There is no withdrawal ${id}.`);
}

function decidedJson(
  { transfer }: TransferChanged,
  status: "confirmed" | "failed",
  bank: string,
  reason?: string,
): string {
  const { id, postings, memo, createdAtMs } = transfer;
  const [posting] = postings;
  const { debit = "", amount = 0 } = posting ?? {};
  const terms = { kind: "withdrawal", id, wallet: walletOf(debit), amount, details: memo ?? "" } as const;
  return withdrawalJson({ ...terms, status, bank, createdAtMs, ...(reason !== undefined && { reason }) });
}

function withdrawalJson(withdrawal: WithdrawalView): string {
  const { id, status, wallet, amount, details, bank, reason = null, createdAtMs } = withdrawal;
  const created_at = timeTextOf(createdAtMs);
  return JSON.stringify({ id, status, wallet_id: wallet, amount, details, bank, reason, created_at });
}
