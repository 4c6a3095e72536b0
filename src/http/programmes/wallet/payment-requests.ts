/** `/v1/wallet/payment-requests`: one wallet asks another for money, which says yes or no, once. */
import { z } from "@hono/zod-openapi";
import type { ListAsk } from "../../../actors/programmes/paged-index.ts";
import {
  type AcceptRequest,
  askPapers,
  type CancelRequest,
  type DeclineRequest,
  PLATFORM_TENANT,
  type RequestMade,
  type RequestPayment,
  type RequestView,
  vnodeOfPaper,
  vnodeOfWallet,
  walletAccount,
} from "../../../actors/programmes/wallet/acts.ts";
import type { JsonValue } from "../../../actors/records/act.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import {
  actOf,
  firstOf,
  firstOrNew,
  readBareChange,
  readChange,
  takeKey,
  transferWith,
} from "../../change.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, timeTextOf } from "../../input/fields.ts";
import { pageAnswer, pageOf, pageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { decidedAnswer, isDone } from "../../writes.ts";
import {
  DEFAULT_SECONDS,
  inWordsOfWallets,
  PaperParams,
  paperIdOf,
  paperOf,
  Seconds,
  WalletId,
  WalletMemo,
} from "./fields.ts";
import { ofSession, type WalletDeps, withSession } from "./session.ts";

const PATH = "/v1/wallet/payment-requests";

const NewRequest = z
  .strictObject({
    payer_wallet_id: WalletId,
    amount: Amount,
    memo: WalletMemo,
    expires_in_s: Seconds.openapi({ description: "When it ends by itself; 7 days without it." }),
  })
  .openapi("NewPaymentRequest", { example: { payer_wallet_id: "wal_…", amount: 2500, memo: "half of it" } });
const ListQuery = z.strictObject({ role: z.enum(["payer", "requester"]).optional(), ...pageQuery });
const RequestSchema = z
  .object({
    id: z.string(),
    status: z.enum(["pending", "accepted", "declined", "cancelled", "expired"]),
    payer_wallet_id: z.string(),
    requester_wallet_id: z.string(),
    amount: Amount,
    memo: z.string().nullable(),
    transfer_id: z.string().nullable().openapi({ description: "That it was paid with." }),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi("PaymentRequest");
const theRequest = { description: "The payment request.", content: { "application/json": RequestSchema } };

export function addPaymentRequests(routes: Routes, deps: WalletDeps): void {
  addList(routes, deps);
  addCreate(routes, deps);
  addAccept(routes, deps);
  addDecline(routes, deps);
  addCancel(routes, deps);
}

function addList(routes: Routes, deps: WalletDeps): void {
  routes.add(
    {
      method: "get",
      path: PATH,
      ...ofSession,
      summary: "What the own wallet is asked for, or asks for, newest first",
      description:
        "`role=payer` (when absent) or `role=requester`. Those that are pending, and of the others as many of the " +
        "newest as make 500 together for each payer.",
      query: ListQuery,
      answer: pageOf(RequestSchema),
    },
    withSession(deps, async (_, call, { walletId }, query) => {
      const { role = "payer", ...page } = query;
      const question = (asked: ListAsk) => askPapers(role, walletId, asked);
      const found = await deps.ledger.list(PLATFORM_TENANT, question, page, callerOf(call));
      return pageAnswer(call, found, (paper) => requestJson(paper as RequestView));
    }),
  );
}

function addCreate(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: PATH,
      ...ofSession,
      summary: "Ask another wallet for money",
      body: { schema: NewRequest },
      answer: { status: 201, ...theRequest },
      problems: ["same_account", "wallet_not_found", "too_many_pending", ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, asked } = await readChange(request, call, NewRequest);
      const { payer_wallet_id: payer, amount, memo = null, expires_in_s = DEFAULT_SECONDS } = value;
      // Its key is the requester's; it is decided where the payer is.
      const names = { programme: "wallet", act: "request_payment", subject: walletAccount(wallet) } as const;
      const vnode = vnodeOfWallet(payer);
      const timeoutMs = expires_in_s * 1000;
      const act: RequestPayment = { ...names, vnode, wallet, payer, amount, memo, timeoutMs };
      const there = await takeKey(ledger, asked, { owner: walletAccount(wallet) });
      const answer = await ledger.submit(actOf(there, act));
      return decidedAnswer(call, answer, 201, ({ effect }, { timeMs }) => {
        const made = { kind: "request", wallet: payer, requester: wallet, amount, memo } as const;
        const state = { status: "pending", transfer: null, createdAtMs: timeMs } as const;
        return requestJson({ ...made, ...state, ...(effect as RequestMade) });
      });
    }),
  );
}

function decision(verb: "accept" | "decline" | "cancel", summary: string): RouteDescription {
  const ofMoney = ["insufficient_funds", "asset_mismatch", "balance_out_of_range"] as const;
  return {
    method: "post",
    path: `${PATH}/{id}/${verb}`,
    ...ofSession,
    summary,
    params: PaperParams,
    answer: { status: 200, ...theRequest },
    problems: [
      "payment_request_not_found",
      "already_decided",
      ...(verb === "accept" ? ofMoney : []),
      ...IDEMPOTENCY_PROBLEMS,
    ],
  };
}

function addAccept(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      ...decision("accept", "Pay what was asked for"),
      description: "Where there is too little money it stays pending.",
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const asked = await readBareChange(request, call);
      const id = paperIdOf(request);
      const subject = walletAccount(wallet);
      const look = () => requestFor(ledger, id, "wallet", wallet);
      const command = await firstOrNew(ledger, asked, { owner: subject }, async () => {
        const { requester, amount, memo } = await look();
        const names = { programme: "wallet", act: "accept_request", subject } as const;
        const act: AcceptRequest = { ...names, vnode: vnodeOfWallet(wallet), wallet, request: id };
        const move = { debit: subject, credit: walletAccount(requester), amount, memo };
        return transferWith(asked, act, move);
      });
      const answer = inWordsOfWallets(await ledger.submit(command));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const payment = await asDecided(answer.outcome.effect, look);
      return decidedAnswer<Transfer>(call, answer, 200, ({ id: transfer }) =>
        requestJson({ ...payment, status: "accepted", transfer }),
      );
    }),
  );
}

function addDecline(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    decision("decline", "Say no to it"),
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const asked = await readBareChange(request, call);
      const id = paperIdOf(request);
      const subject = walletAccount(wallet);
      const look = () => requestFor(ledger, id, "wallet", wallet);
      const command = await firstOrNew(ledger, asked, { owner: subject }, async () => {
        await look();
        const names = { programme: "wallet", act: "decline_request", subject } as const;
        const act: DeclineRequest = { ...names, vnode: vnodeOfWallet(wallet), wallet, request: id };
        return actOf(asked, act);
      });
      const answer = await ledger.submit(command);
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const payment = await asDecided(answer.outcome.effect, look);
      return decidedAnswer(call, answer, 200, () => requestJson({ ...payment, status: "declined" }));
    }),
  );
}

function addCancel(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    decision("cancel", "Take the own request back"),
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const asked = await readBareChange(request, call);
      const id = paperIdOf(request);
      const subject = walletAccount(wallet);
      const look = () => requestFor(ledger, id, "requester", wallet);
      if ((await firstOf(ledger, asked, { owner: subject })) === undefined) await look();
      // Its key is the requester's; it is decided where the payer is, as its id says.
      const there = await takeKey(ledger, asked, { owner: subject });
      const names = { programme: "wallet", act: "cancel_request", subject } as const;
      const act: CancelRequest = { ...names, vnode: vnodeOfPaper(id) ?? 0, wallet, request: id };
      const answer = await ledger.submit(actOf(there, act));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const payment = await asDecided(answer.outcome.effect, look);
      return decidedAnswer(call, answer, 200, () => requestJson({ ...payment, status: "cancelled" }));
    }),
  );
}

/**
 * The request as the decision's record has it. Older records do not hold it; then `look` reads it, since all but its status
 * never changes.
 */
async function asDecided(
  effect: JsonValue | undefined,
  look: () => Promise<RequestView>,
): Promise<RequestView> {
  return (effect as RequestView | null | undefined) ?? (await look());
}

/** What was asked for, for the one who may decide it. All but its status never changes. @throws Problem 404 */
async function requestFor(
  ledger: Ledger,
  id: string,
  role: "wallet" | "requester",
  wallet: string,
): Promise<RequestView> {
  const request = await paperOf(ledger, id);
  if (request?.kind === "request" && request[role] === wallet) return request;
  throw new Problem("payment_request_not_found", `There is no payment request ${id} that you can decide so.`);
}

function requestJson(request: RequestView): string {
  const { id, status, wallet, requester, amount, memo, transfer, createdAtMs, expiresAtMs } = request;
  return JSON.stringify({
    id,
    status,
    payer_wallet_id: wallet,
    requester_wallet_id: requester,
    amount,
    memo,
    transfer_id: transfer,
    created_at: timeTextOf(createdAtMs),
    expires_at: timeTextOf(expiresAtMs),
  });
}
