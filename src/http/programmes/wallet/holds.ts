/** `/v1/wallet/holds`: money that a wallet reserves, to be captured or voided later. */
import { z } from "@hono/zod-openapi";
import {
  type HoldView,
  isWalletAct,
  PLATFORM_TENANT,
  type WalletOrder,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { askHolds, askPayeeHolds, vnodeOfOrder } from "../../../actors/programmes/wallet/questions.ts";
import { isHold } from "../../../actors/programmes/wallet/wallet-orders.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type {
  PostTransfer,
  TransferChanged,
  VoidTransfer,
} from "../../../actors/records/compound-command.ts";
import type { Answer, KeyScope, Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, Balance, timeTextOf } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import {
  firstCommandOf,
  firstOrNew,
  pendingWith,
  readBareChange,
  readChange,
  recordKey,
} from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer } from "../../write-answers.ts";
import {
  DEFAULT_SECONDS,
  OrderParams,
  orderIdOf,
  orderOf,
  Seconds,
  WalletMemo,
  walletOf,
  withWalletCodes,
} from "./fields.ts";
import { listOrders, OLD_ORDERS } from "./forgotten-orders.ts";
import {
  checkRecipient,
  hasRecipient,
  RECIPIENT_RULE,
  type Recipients,
  recipientFields,
} from "./recipients.ts";
import { sessionRoute, type WalletDeps, withSession } from "./session.ts";

const NewHold = z
  .strictObject({
    ...recipientFields,
    amount: Amount,
    memo: WalletMemo,
    timeout_s: Seconds.openapi({ description: "Seconds until the hold expires; 7 days if absent." }),
  })
  .openapi("NewHold", { example: { amount: 2500, memo: "taxi", timeout_s: 3600 } });
const CaptureBody = z
  .strictObject({
    ...recipientFields,
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
    to_wallet_id: z.string().nullable().openapi({
      description: "The payee, if the hold names one: the wallet that alone captures it.",
    }),
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

const ListQuery = z.strictObject({ role: z.enum(["payer", "payee"]).optional(), ...pageQuery });

export function addHolds(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  addList(routes, deps);
  addCreate(routes, deps, recipients);
  addCapture(routes, deps, recipients);
  addVoid(routes, deps);
}

function addList(routes: Routes, deps: WalletDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/wallet/holds",
      ...sessionRoute,
      summary: "List the wallet's holds, newest first",
      description:
        "`role=payer` (the default) lists holds of the wallet's own money, `role=payee` those that name the wallet. For " +
        "each payer: all pending holds, and the newest others of the last 30 days, up to 500 in total. " +
        OLD_ORDERS,
      query: ListQuery,
      row: HoldSchema,
    },
    withSession(deps, (_, call, { walletId }, query: z.infer<typeof ListQuery>) => {
      const { role = "payer", ...page } = query;
      const isPayer = role === "payer";
      const holds = isPayer ? askHolds(walletId) : askPayeeHolds(walletId);
      const inMemory = () => deps.ledger.list(PLATFORM_TENANT, holds, page, callerOf(call));
      const shows = (order: WalletOrder): order is HoldView =>
        isHold(order) && (isPayer ? order.wallet : order.to) === walletId;
      const list = isPayer ? "holds" : "payee_holds";
      return listOrders(deps.ledger, list, walletId, shows, page, inMemory);
    }),
    holdJson,
  );
}

function addCreate(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds",
      ...sessionRoute,
      summary: "Hold money of the wallet",
      description:
        "The amount stays in `balance`, but leaves `available` until the hold is captured, voided or expires. A hold may " +
        "name a payee: then the payee alone captures or voids it, and the payer waits for its expiry. " +
        RECIPIENT_RULE,
      body: { schema: NewHold },
      answer: { status: 201, ...theHold },
      problems: [
        "too_many_pending",
        "same_account",
        "wallet_not_found",
        "asset_mismatch",
        "account_frozen",
        "insufficient_funds",
        "limit_exceeded",
        "rate_limited",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, NewHold);
      hasRecipient(value);
      const { to_wallet_id, to_email, amount, memo = null, timeout_s = DEFAULT_SECONDS } = value;
      const timeoutMs = timeout_s * 1000;
      const subject = walletAccount(wallet);
      const holdFor = (to: string | undefined) => {
        const payee = to === undefined ? {} : { to };
        const act = walletAct("hold", subject, { wallet, amount, memo, timeoutMs, ...payee });
        return pendingWith(header, act, { amount, memo }, timeoutMs);
      };
      const command =
        to_email === undefined
          ? holdFor(to_wallet_id)
          : await firstOrNew(ledger, header, { owner: subject }, async () =>
              holdFor(await recipients.walletOf(request, wallet, to_email)),
            );
      return decidedAnswer(call, withWalletCodes(await ledger.submit(command)), 201, changedJson);
    }),
  );
}

function addCapture(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: "/v1/wallet/holds/{id}/capture",
      ...sessionRoute,
      summary: "Capture a hold in full or in part",
      description:
        "By the payer, for the wallet that the body names; or, if the hold names a payee, by the payee for its own " +
        "wallet. " +
        RECIPIENT_RULE,
      params: OrderParams,
      body: { schema: CaptureBody },
      answer: { status: 200, ...theHold },
      problems: [
        "hold_not_found",
        "hold_of_payee",
        ...NOT_PENDING,
        "amount_exceeds_pending",
        "same_account",
        "wallet_not_found",
        "asset_mismatch",
        "limit_exceeded",
        "balance_out_of_range",
        "rate_limited",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, CaptureBody);
      const isNamed = hasRecipient(value);
      const { payee, ...hold } = await holdAt(ledger, header, orderIdOf(request), wallet);
      if (!isNamed && payee === undefined) checkRecipient(value);
      const { to_wallet_id, to_email, amount = null, final = true } = value;
      const captureFor = (to: string | undefined): PostTransfer => {
        const act = walletAct("capture", walletAccount(wallet), { wallet, hold: hold.id, final });
        const credit = to === undefined ? {} : { credit: walletAccount(to) };
        return { op: "post_transfer", ...hold, amount, final, settled: null, ...credit, act };
      };
      const command =
        to_email === undefined
          ? captureFor(to_wallet_id)
          : await firstOrNew(ledger, hold, scopeOf(hold), async () =>
              captureFor(await recipients.walletOf(request, wallet, to_email)),
            );
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
      description: "By the payer; or, if the hold names a payee, by the payee alone.",
      params: OrderParams,
      answer: { status: 200, ...theHold },
      problems: ["hold_not_found", "hold_of_payee", ...NOT_PENDING, ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const answer = await voidHold(ledger, wallet, header, orderIdOf(request));
      return decidedAnswer(call, answer, 200, changedJson);
    }),
  );
}

/** Releases what remains of a hold, for its payer or its payee. @throws Problem 404, 422 */
export async function voidHold(
  ledger: Ledger,
  wallet: string,
  header: CommandHeader,
  id: string,
): Promise<Answer<VoidTransfer>> {
  const { payee: _, ...hold } = await holdAt(ledger, header, id, wallet);
  const act = walletAct("void_hold", walletAccount(wallet), { wallet, hold: hold.id });
  return withWalletCodes(await ledger.submit({ op: "void_transfer", ...hold, settled: null, act }));
}

/** A hold that a wallet acts on, with the idempotency key of its request. `payee`: the wallet that the hold names. */
type HoldAt = CommandHeader & Readonly<{ id: string; owner: string; payee: string | undefined }>;

/**
 * The hold, if the wallet is its payer or its payee. None of these facts ever changes.
 *
 * @throws Problem 404; 422 for the key
 */
async function holdAt(ledger: Ledger, header: CommandHeader, id: string, wallet: string): Promise<HoldAt> {
  const owner = walletAccount(wallet);
  const origin = await ledger.origin(PLATFORM_TENANT, id, owner);
  if (isWalletAct(origin?.act) && origin.act.act === "hold")
    return { ...header, id, owner: origin.owner, payee: origin.act.to };
  if ((await firstCommandOf(ledger, header, { owner })) === undefined) {
    const hold = await orderOf(ledger, id);
    if (hold?.kind !== "hold" || hold.to !== wallet)
      throw new Problem("hold_not_found", `There is no hold ${id}.`);
  }
  // The payee's shard stores the key; the payer's shard, which the id contains, decides.
  return { ...(await recordKey(ledger, header, { owner })), id, owner, payee: wallet };
}

/** Where the shard that decides about a hold keeps the key. */
function scopeOf({ id, owner }: Readonly<{ id: string; owner: string }>): KeyScope {
  return { owner, vnode: vnodeOfOrder(id) };
}

function changedJson({ transfer }: TransferChanged): string {
  const { id, postings, postedAmount: captured, status, memo, createdAtMs, expiresAtMs } = transfer;
  const [posting] = postings;
  const { act } = transfer;
  const payee = isWalletAct(act) && act.act === "hold" && act.to !== undefined ? { to: act.to } : {};
  return holdJson({
    kind: "hold",
    ...payee,
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
  to = null,
  amount,
  captured,
  memo,
  status,
  createdAtMs,
  expiresAtMs,
}: Omit<HoldView, "to"> & Readonly<{ to?: string | null }>): string {
  const times = { created_at: timeTextOf(createdAtMs), expires_at: timeTextOf(expiresAtMs) };
  const wallets = { wallet_id: wallet, to_wallet_id: to };
  return JSON.stringify({ id, ...wallets, amount, captured, memo, status, ...times });
}
