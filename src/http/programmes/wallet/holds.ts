/** `/v1/wallet/holds`: money that is set aside until it is known who gets it. */
import { z } from "@hono/zod-openapi";
import type { ListAsk } from "../../../actors/programmes/paged-index.ts";
import {
  askPapers,
  type Capture,
  HOLDS,
  type Hold,
  type HoldView,
  PLATFORM_TENANT,
  type VoidHold,
  type WalletAct,
  walletAccount,
} from "../../../actors/programmes/wallet/acts.ts";
import type { TransferChanged } from "../../../actors/records/compound-command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { pendingWith, readBareChange, readChange } from "../../change.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, timeTextOf } from "../../input/fields.ts";
import { PageQuery, pageAnswer, pageOf } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../writes.ts";
import {
  DEFAULT_SECONDS,
  inWordsOfWallets,
  PaperParams,
  paperIdOf,
  Seconds,
  WalletId,
  WalletMemo,
  walletOf,
} from "./fields.ts";
import { ofSession, type WalletDeps, withSession } from "./session.ts";

const NewHold = z
  .strictObject({
    amount: Amount,
    memo: WalletMemo,
    timeout_s: Seconds.openapi({ description: "When it is released by itself; 7 days without it." }),
  })
  .openapi("NewHold", { example: { amount: 2500, memo: "taxi", timeout_s: 3600 } });
const CaptureBody = z
  .strictObject({
    to_wallet_id: WalletId,
    amount: Amount.optional().openapi({ description: "All that is left when absent." }),
    final: z
      .boolean()
      .optional()
      .openapi({ description: "Releases what is left after it, unless it is false." }),
  })
  .openapi("CaptureHold", { example: { to_wallet_id: "wal_…", amount: 2000 } });
const HoldSchema = z
  .object({
    id: z.string(),
    wallet_id: z.string(),
    amount: Amount,
    captured: Balance,
    memo: z.string().nullable(),
    status: z.enum(["pending", "captured", "voided", "expired"]),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi("Hold");
const theHold = { description: "The hold.", content: { "application/json": HoldSchema } };
const OVER = ["transfer_not_pending", "transfer_expired"] as const;

export function addHolds(routes: Routes, deps: WalletDeps): void {
  addList(routes, deps);
  addCreate(routes, deps);
  addCapture(routes, deps);
  addVoid(routes, deps);
}

function addList(routes: Routes, deps: WalletDeps): void {
  routes.add(
    {
      method: "get",
      path: "/v1/wallet/holds",
      ...ofSession,
      summary: "The own holds, newest first",
      description: "Those that are pending, and of the others as many of the newest as make 500 together.",
      query: PageQuery,
      answer: pageOf(HoldSchema),
    },
    withSession(deps, async (_, call, { walletId }, query) => {
      const question = (asked: ListAsk) => askPapers("holds", walletId, asked);
      const page = await deps.ledger.list(PLATFORM_TENANT, question, query, callerOf(call));
      return pageAnswer(call, page, (paper) => holdJson(paper as HoldView));
    }),
  );
}

function addCreate(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds",
      ...ofSession,
      summary: "Set money aside",
      body: { schema: NewHold },
      answer: { status: 201, ...theHold },
      problems: ["too_many_pending", "insufficient_funds", ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, asked } = await readChange(request, call, NewHold);
      const { amount, memo = null, timeout_s = DEFAULT_SECONDS } = value;
      const timeoutMs = timeout_s * 1000;
      const subject = walletAccount(wallet);
      const names = { programme: "wallet", act: "hold", subject } as const;
      const act: Hold = { ...names, wallet, amount, memo, timeoutMs };
      const move = { debit: subject, credit: HOLDS, amount, memo };
      const command = pendingWith(asked, act, move, timeoutMs);
      return decidedAnswer(call, inWordsOfWallets(await ledger.submit(command)), 201, changedJson);
    }),
  );
}

function addCapture(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds/{id}/capture",
      ...ofSession,
      summary: "Pay from a hold, in full or in part",
      params: PaperParams,
      body: { schema: CaptureBody },
      answer: { status: 200, ...theHold },
      problems: [
        "hold_not_found",
        ...OVER,
        "amount_exceeds_pending",
        "same_account",
        "wallet_not_found",
        "asset_mismatch",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, asked } = await readChange(request, call, CaptureBody);
      const hold = await ownHold(ledger, paperIdOf(request), wallet);
      const { to_wallet_id, amount = null, final = true } = value;
      const names = { programme: "wallet", act: "capture", subject: walletAccount(wallet) } as const;
      const act: Capture = { ...names, wallet, hold: hold.id, final };
      const credit = walletAccount(to_wallet_id);
      const command = {
        op: "post_transfer",
        ...asked,
        ...hold,
        amount,
        final,
        settled: null,
        credit,
        act,
      } as const;
      return decidedAnswer(call, inWordsOfWallets(await ledger.submit(command)), 200, changedJson);
    }),
  );
}

function addVoid(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds/{id}/void",
      ...ofSession,
      summary: "Release what is left of a hold",
      params: PaperParams,
      answer: { status: 200, ...theHold },
      problems: ["hold_not_found", ...OVER, ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const asked = await readBareChange(request, call);
      const hold = await ownHold(ledger, paperIdOf(request), wallet);
      const names = { programme: "wallet", act: "void_hold", subject: walletAccount(wallet) } as const;
      const act: VoidHold = { ...names, wallet, hold: hold.id };
      const command = { op: "void_transfer", ...asked, ...hold, settled: null, act } as const;
      return decidedAnswer(call, inWordsOfWallets(await ledger.submit(command)), 200, changedJson);
    }),
  );
}

/** A hold of this wallet, with the owner of its keys: facts that never change. @throws Problem 404 */
async function ownHold(
  ledger: Ledger,
  id: string,
  wallet: string,
): Promise<Readonly<{ id: string; owner: string }>> {
  const origin = await ledger.origin(PLATFORM_TENANT, id, walletAccount(wallet));
  if ((origin?.act as WalletAct | null | undefined)?.act !== "hold" || origin === undefined)
    throw new Problem("hold_not_found", `There is no hold ${id}.`);
  return { id, owner: origin.owner };
}

function changedJson({ transfer }: TransferChanged): string {
  const { id, postings, postedAmount: captured, status, memo, createdAtMs, expiresAtMs } = transfer;
  const [posting] = postings;
  return holdJson({
    kind: "hold",
    id,
    wallet: walletOf(posting?.debit ?? ""),
    amount: posting?.amount ?? 0,
    captured,
    memo,
    status: status === "posted" ? "captured" : status,
    createdAtMs,
    expiresAtMs: expiresAtMs ?? createdAtMs,
  });
}

function holdJson({
  id,
  wallet,
  amount,
  captured,
  memo,
  status,
  createdAtMs,
  expiresAtMs,
}: HoldView): string {
  const times = { created_at: timeTextOf(createdAtMs), expires_at: timeTextOf(expiresAtMs) };
  return JSON.stringify({ id, wallet_id: wallet, amount, captured, memo, status, ...times });
}
