/** `/v1/wallet/holds`: money that a wallet reserves, to be captured or voided later. */
import { z } from "@hono/zod-openapi";
import {
  askHolds,
  type HoldView,
  isWalletAct,
  PLATFORM_TENANT,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import type { TransferChanged } from "../../../actors/records/compound-command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, timeTextOf } from "../../input/fields.ts";
import { PageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import { pendingWith, readBareChange, readChange } from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import {
  DEFAULT_SECONDS,
  OrderParams,
  orderIdOf,
  Seconds,
  WalletId,
  WalletMemo,
  walletOf,
  withWalletCodes,
} from "./fields.ts";
import { sessionRoute, type WalletDeps, withSession } from "./session.ts";

const NewHold = z
  .strictObject({
    amount: Amount,
    memo: WalletMemo,
    timeout_s: Seconds.openapi({ description: "Seconds until the hold expires; 7 days if absent." }),
  })
  .openapi("NewHold", { example: { amount: 2500, memo: "taxi", timeout_s: 3600 } });
const CaptureBody = z
  .strictObject({
    to_wallet_id: WalletId,
    amount: Amount.optional().openapi({ description: "Minor units; all that remains if absent." }),
    final: z
      .boolean()
      .optional()
      .openapi({ description: "Whether to release the remainder; true if absent." }),
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
const NOT_PENDING = ["transfer_not_pending", "transfer_expired"] as const;

export function addHolds(routes: Routes, deps: WalletDeps): void {
  addList(routes, deps);
  addCreate(routes, deps);
  addCapture(routes, deps);
  addVoid(routes, deps);
}

function addList(routes: Routes, deps: WalletDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/wallet/holds",
      ...sessionRoute,
      summary: "List the wallet's holds, newest first",
      description: "All pending holds, and the newest others, up to 500 in total.",
      query: PageQuery,
      row: HoldSchema,
    },
    withSession(deps, (_, call, { walletId }, query: PageQuery) =>
      deps.ledger.list(PLATFORM_TENANT, askHolds(walletId), query, callerOf(call)),
    ),
    holdJson,
  );
}

function addCreate(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds",
      ...sessionRoute,
      summary: "Hold money of the wallet",
      description:
        "The amount stays in `balance`, but leaves `available` until the hold is captured, voided or expires.",
      body: { schema: NewHold },
      answer: { status: 201, ...theHold },
      problems: ["too_many_pending", "insufficient_funds", ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, NewHold);
      const { amount, memo = null, timeout_s = DEFAULT_SECONDS } = value;
      const timeoutMs = timeout_s * 1000;
      const act = walletAct("hold", walletAccount(wallet), { wallet, amount, memo, timeoutMs });
      const move = { amount, memo };
      const command = pendingWith(header, act, move, timeoutMs);
      return decidedAnswer(call, withWalletCodes(await ledger.submit(command)), 201, changedJson);
    }),
  );
}

function addCapture(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds/{id}/capture",
      ...sessionRoute,
      summary: "Capture a hold in full or in part",
      params: OrderParams,
      body: { schema: CaptureBody },
      answer: { status: 200, ...theHold },
      problems: [
        "hold_not_found",
        ...NOT_PENDING,
        "amount_exceeds_pending",
        "same_account",
        "wallet_not_found",
        "asset_mismatch",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, CaptureBody);
      const hold = await ownHold(ledger, orderIdOf(request), wallet);
      const { to_wallet_id, amount = null, final = true } = value;
      const act = walletAct("capture", walletAccount(wallet), { wallet, hold: hold.id, final });
      const credit = walletAccount(to_wallet_id);
      const command = {
        op: "post_transfer",
        ...header,
        ...hold,
        amount,
        final,
        settled: null,
        credit,
        act,
      } as const;
      return decidedAnswer(call, withWalletCodes(await ledger.submit(command)), 200, changedJson);
    }),
  );
}

function addVoid(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds/{id}/void",
      ...sessionRoute,
      summary: "Void a hold: release what remains",
      params: OrderParams,
      answer: { status: 200, ...theHold },
      problems: ["hold_not_found", ...NOT_PENDING, ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const hold = await ownHold(ledger, orderIdOf(request), wallet);
      const act = walletAct("void_hold", walletAccount(wallet), { wallet, hold: hold.id });
      const command = { op: "void_transfer", ...header, ...hold, settled: null, act } as const;
      return decidedAnswer(call, withWalletCodes(await ledger.submit(command)), 200, changedJson);
    }),
  );
}

/** A hold of this wallet, with the owner of its idempotency keys. Neither ever changes. @throws Problem 404 */
async function ownHold(
  ledger: Ledger,
  id: string,
  wallet: string,
): Promise<Readonly<{ id: string; owner: string }>> {
  const origin = await ledger.origin(PLATFORM_TENANT, id, walletAccount(wallet));
  if (origin === undefined || !isWalletAct(origin.act) || origin.act.act !== "hold")
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
