/** `/v1/wallet/payment-requests`: one wallet requests money from another, which accepts or declines once. */
import { z } from "@hono/zod-openapi";
import type { ListRequest } from "../../../actors/programmes/paged-index.ts";
import {
  type AcceptRequest,
  askOrders,
  type CancelRequest,
  type DeclineRequest,
  PLATFORM_TENANT,
  type RequestMade,
  type RequestPayment,
  type RequestView,
  vnodeOfOrder,
  vnodeOfWallet,
  walletAccount,
} from "../../../actors/programmes/wallet/acts.ts";
import type { JsonValue } from "../../../actors/records/act.ts";
import type { Transfer } from "../../../actors/records/command.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { Ledger } from "../../../gateway/ports.ts";
import { callerOf } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, timeTextOf } from "../../input/fields.ts";
import { pageAnswer, pageOf, pageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import {
  firstCommandOf,
  firstOrNew,
  readBareChange,
  readChange,
  recordKey,
  transferWith,
} from "../../read-change.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { decidedAnswer, isDone } from "../../write-answers.ts";
import {
  DEFAULT_SECONDS,
  OrderParams,
  orderIdOf,
  orderOf,
  Seconds,
  WalletId,
  WalletMemo,
  withWalletCodes,
} from "./fields.ts";
import { sessionRoute, type WalletDeps, withSession } from "./session.ts";

const PATH = "/v1/wallet/payment-requests";

const NewRequest = z
  .strictObject({
    payer_wallet_id: WalletId,
    amount: Amount,
    memo: WalletMemo,
    expires_in_s: Seconds.openapi({ description: "Seconds until the request expires; 7 days if absent." }),
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
    transfer_id: z.string().nullable().openapi({ description: "The transfer that paid it." }),
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
      ...sessionRoute,
      summary: "List payment requests to or from the wallet, newest first",
      description:
        "`role=payer` (the default) lists requests that this wallet may pay, `role=requester` those that it has terms. " +
        "For each payer: all pending requests, and the newest others, up to 500 in total.",
      query: ListQuery,
      answer: pageOf(RequestSchema),
    },
    withSession(deps, async (_, call, { walletId }, query) => {
      const { role = "payer", ...page } = query;
      const question = (list: ListRequest) => askOrders(role, walletId, list);
      const found = await deps.ledger.list(PLATFORM_TENANT, question, page, callerOf(call));
      return pageAnswer(call, found, (order) => requestJson(order as RequestView));
    }),
  );
}

function addCreate(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: PATH,
      ...sessionRoute,
      summary: "Request money from another wallet",
      body: { schema: NewRequest },
      answer: { status: 201, ...theRequest },
      problems: ["same_account", "wallet_not_found", "too_many_pending", ...IDEMPOTENCY_PROBLEMS],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, NewRequest);
      const { payer_wallet_id: payer, amount, memo = null, expires_in_s = DEFAULT_SECONDS } = value;
      // The requester's shard stores the key; the payer's shard decides.
      const base = { programme: "wallet", act: "request_payment", subject: walletAccount(wallet) } as const;
      const vnode = vnodeOfWallet(payer);
      const timeoutMs = expires_in_s * 1000;
      const act: RequestPayment = { ...base, vnode, wallet, payer, amount, memo, timeoutMs };
      const recorded = await recordKey(ledger, header, { owner: walletAccount(wallet) });
      const answer = await ledger.submit(actAlone(recorded, act));
      return decidedAnswer(call, answer, 201, ({ effect }, { timeMs }) => {
        const terms = { kind: "request", wallet: payer, requester: wallet, amount, memo } as const;
        const state = { status: "pending", transfer: null, createdAtMs: timeMs } as const;
        return requestJson({ ...terms, ...state, ...(effect as RequestMade) });
      });
    }),
  );
}

function decisionRoute(verb: "accept" | "decline" | "cancel", summary: string): RouteDescription {
  const transferProblems = ["insufficient_funds", "asset_mismatch", "balance_out_of_range"] as const;
  return {
    method: "post",
    path: `${PATH}/{id}/${verb}`,
    ...sessionRoute,
    summary,
    params: OrderParams,
    answer: { status: 200, ...theRequest },
    problems: [
      "payment_request_not_found",
      "already_decided",
      ...(verb === "accept" ? transferProblems : []),
      ...IDEMPOTENCY_PROBLEMS,
    ],
  };
}

function addAccept(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    {
      ...decisionRoute("accept", "Accept and pay a payment request"),
      description: "Without sufficient funds the request stays pending.",
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const id = orderIdOf(request);
      const subject = walletAccount(wallet);
      const findRequest = () => requestFor(ledger, id, "wallet", wallet);
      const command = await firstOrNew(ledger, header, { owner: subject }, async () => {
        const { requester, amount, memo } = await findRequest();
        const base = { programme: "wallet", act: "accept_request", subject } as const;
        const act: AcceptRequest = { ...base, vnode: vnodeOfWallet(wallet), wallet, request: id };
        const move = { to: walletAccount(requester), amount, memo };
        return transferWith(header, act, move);
      });
      const answer = withWalletCodes(await ledger.submit(command));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const payment = await asDecided(answer.outcome.effect, findRequest);
      return decidedAnswer<Transfer>(call, answer, 200, ({ id: transfer }) =>
        requestJson({ ...payment, status: "accepted", transfer }),
      );
    }),
  );
}

function addDecline(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    decisionRoute("decline", "Decline a payment request"),
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const id = orderIdOf(request);
      const subject = walletAccount(wallet);
      const findRequest = () => requestFor(ledger, id, "wallet", wallet);
      const command = await firstOrNew(ledger, header, { owner: subject }, async () => {
        await findRequest();
        const base = { programme: "wallet", act: "decline_request", subject } as const;
        const act: DeclineRequest = { ...base, vnode: vnodeOfWallet(wallet), wallet, request: id };
        return actAlone(header, act);
      });
      const answer = await ledger.submit(command);
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const payment = await asDecided(answer.outcome.effect, findRequest);
      return decidedAnswer(call, answer, 200, () => requestJson({ ...payment, status: "declined" }));
    }),
  );
}

function addCancel(routes: Routes, deps: WalletDeps): void {
  const { ledger } = deps;
  routes.add(
    decisionRoute("cancel", "Cancel the wallet's own payment request"),
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const id = orderIdOf(request);
      const subject = walletAccount(wallet);
      const findRequest = () => requestFor(ledger, id, "requester", wallet);
      if ((await firstCommandOf(ledger, header, { owner: subject })) === undefined) await findRequest();
      // The requester's shard stores the key; the payer's shard, which the id contains, decides.
      const recorded = await recordKey(ledger, header, { owner: subject });
      const base = { programme: "wallet", act: "cancel_request", subject } as const;
      const act: CancelRequest = { ...base, vnode: vnodeOfOrder(id) ?? 0, wallet, request: id };
      const answer = await ledger.submit(actAlone(recorded, act));
      if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
      const payment = await asDecided(answer.outcome.effect, findRequest);
      return decidedAnswer(call, answer, 200, () => requestJson({ ...payment, status: "cancelled" }));
    }),
  );
}

/**
 * The request in the decision's record. Older records lack it; then `findRequest` reads it, because only its status ever
 * changes.
 */
async function asDecided(
  effect: JsonValue | undefined,
  findRequest: () => Promise<RequestView>,
): Promise<RequestView> {
  return (effect as RequestView | null | undefined) ?? (await findRequest());
}

/** The request, if this wallet has this role in it. Only its status ever changes. @throws Problem 404 */
async function requestFor(
  ledger: Ledger,
  id: string,
  role: "wallet" | "requester",
  wallet: string,
): Promise<RequestView> {
  const request = await orderOf(ledger, id);
  if (request?.kind === "request" && request[role] === wallet) return request;
  throw new Problem(
    "payment_request_not_found",
    `There is no payment request ${id} on which this wallet can do this.`,
  );
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
