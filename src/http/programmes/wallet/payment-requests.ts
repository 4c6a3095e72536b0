/** `/v1/wallet/payment-requests`: one wallet requests money from another, which accepts or declines once. */
import { z } from "@hono/zod-openapi";
import {
  PLATFORM_TENANT,
  type RequestView,
  vnodeOfWallet,
  type WalletAct,
  type WalletOrder,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { askPaymentRequests, vnodeOfOrder } from "../../../actors/programmes/wallet/questions.ts";
import { isRequest } from "../../../actors/programmes/wallet/wallet-orders.ts";
import { type ActAlone, actAlone, type Transfer } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf, type HttpAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Email } from "../../input/email.ts";
import { Amount, timeTextOf } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { invalid, Problem } from "../../problem.ts";
import {
  firstCommandOf,
  firstOrNew,
  readBareChange,
  readChange,
  recordKey,
  transferWith,
} from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import type { HttpRequest } from "../../request.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import { answerOfForgotten } from "../forgotten-items.ts";
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
import { findOldOrder, listOrders, OLD_ORDERS } from "./forgotten-orders.ts";
import { RECIPIENT_RULE, type Recipients } from "./recipients.ts";
import { sessionRoute, type WalletDeps, withSession } from "./session.ts";
import type { Sending } from "./wallet.ts";

const PATH = "/v1/wallet/payment-requests";

export const NewRequest = z
  .strictObject({
    payer_wallet_id: WalletId.optional(),
    payer_email: Email.optional().openapi({
      description: "Instead of `payer_wallet_id`: the e-mail of the wallet's user.",
    }),
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

export function addPaymentRequests(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  addList(routes, deps);
  addCreate(routes, deps, recipients);
  const accept = decisionRoute("accept", "Accept and pay a payment request");
  const description = "Without sufficient funds the request stays pending.";
  addDecision(routes, deps, { ...accept, description }, "accepted");
  addDecision(routes, deps, decisionRoute("decline", "Decline a payment request"), "declined");
  addDecision(routes, deps, decisionRoute("cancel", "Cancel the wallet's own payment request"), "cancelled");
}

function addList(routes: Routes, deps: WalletDeps): void {
  addListRoute(
    routes,
    {
      path: PATH,
      ...sessionRoute,
      summary: "List payment requests to or from the wallet, newest first",
      description:
        "`role=payer` (the default) lists requests that this wallet may pay, `role=requester` those that it has terms. " +
        "For each payer: all pending requests, and the newest others of the last 30 days, up to 500 in total. " +
        OLD_ORDERS,
      query: ListQuery,
      row: RequestSchema,
    },
    withSession(deps, (_, call, { walletId }, query: z.infer<typeof ListQuery>) => {
      const { role = "payer", ...page } = query;
      const requests = askPaymentRequests(role, walletId);
      const inMemory = () => deps.ledger.list(PLATFORM_TENANT, requests, page, callerOf(call));
      const shows = (order: WalletOrder): order is RequestView =>
        isRequest(order) && (role === "payer" ? order.wallet : order.requester) === walletId;
      return listOrders(deps.ledger, role, walletId, shows, page, inMemory);
    }),
    requestJson,
  );
}

function addCreate(routes: Routes, deps: WalletDeps, recipients: Recipients): void {
  const { ledger } = deps;
  routes.add(
    {
      method: "post",
      path: PATH,
      ...sessionRoute,
      summary: "Request money from another wallet",
      description: RECIPIENT_RULE,
      body: { schema: NewRequest },
      answer: { status: 201, ...theRequest },
      problems: [
        "same_account",
        "wallet_not_found",
        "too_many_pending",
        "rate_limited",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const { value, header } = await readChange(request, call, NewRequest);
      const { act, answer } = await requestMoney({ ledger, recipients, request }, wallet, header, value);
      return decidedAnswer(call, answer, 201, (done, { timeMs }) => {
        const { payer, amount, memo } = act;
        const terms = { kind: "request", wallet: payer, requester: wallet, amount, memo } as const;
        const state = { status: "pending", transfer: null, createdAtMs: timeMs } as const;
        return requestJson({ ...terms, ...state, ...effectOf(act, done) });
      });
    }),
  );
}

/** Requests money for a wallet. @throws Problem 400, 404, 422, 429 */
export async function requestMoney(
  { ledger, recipients, request }: Sending,
  wallet: string,
  header: CommandHeader,
  value: z.infer<typeof NewRequest>,
): Promise<Readonly<{ act: WalletAct<"request_payment">; answer: Answer<ActAlone> }>> {
  const { amount, memo = null, expires_in_s = DEFAULT_SECONDS } = value;
  const payer = await payerOf(ledger, recipients, request, header, { wallet, value });
  // The requester's shard stores the key; the payer's shard decides.
  const fields = { vnode: vnodeOfWallet(payer), wallet, payer, amount, memo };
  const act = walletAct("request_payment", walletAccount(wallet), {
    ...fields,
    timeoutMs: expires_in_s * 1000,
  });
  const recorded = await recordKey(ledger, header, { owner: walletAccount(wallet) });
  return { act, answer: await ledger.submit(actAlone(recorded, act)) };
}

/** The wallet that is to pay. @throws Problem 400, 404, 422, 429 */
async function payerOf(
  ledger: Ledger,
  recipients: Recipients,
  request: HttpRequest,
  header: CommandHeader,
  { wallet, value }: Readonly<{ wallet: string; value: z.infer<typeof NewRequest> }>,
): Promise<string> {
  const { payer_wallet_id: payer, payer_email: email } = value;
  if (email === undefined) {
    if (payer === undefined) throw invalid("payer_wallet_id", "must be given, or payer_email");
    return payer;
  }
  if (payer !== undefined) throw invalid("payer_email", "must not come with payer_wallet_id");
  const isKnown = (await firstCommandOf(ledger, header, { owner: walletAccount(wallet) })) !== undefined;
  return isKnown ? recipients.sameWalletOf(email) : recipients.walletOf(request, wallet, email);
}

function decisionRoute(verb: "accept" | "decline" | "cancel", summary: string): RouteDescription {
  const transferProblems = [
    "wallet_not_found",
    "account_frozen",
    "insufficient_funds",
    "asset_mismatch",
    "limit_exceeded",
    "balance_out_of_range",
  ] as const;
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

/** The own fields of an act of the payer. */
function ofRequest(request: string, wallet: string) {
  return { vnode: vnodeOfWallet(wallet), wallet, request };
}

type Deciding = (Transfer | ActAlone) &
  Readonly<{ act: WalletAct<"accept_request" | "decline_request" | "cancel_request"> }>;

type Decided = "accepted" | "declined" | "cancelled";

/** A route by which the payer, or for `cancelled` the requester, decides a request. */
function addDecision(routes: Routes, deps: WalletDeps, description: RouteDescription, status: Decided): void {
  const { ledger } = deps;
  routes.add(
    description,
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const id = orderIdOf(request);
      const { command, answer } = await decideRequest(ledger, header, { id, wallet, status });
      const findRequest = () => requestFor(ledger, id, roleOf(status), wallet);
      return decisionAnswer(call, command, answer, status, findRequest);
    }),
  );
}

type Decision = Readonly<{ id: string; wallet: string; status: Decided }>;
type DecidedRequest = Readonly<{ command: Deciding; answer: Answer<Transfer | ActAlone> }>;

/** Decides a payment request for a wallet. @throws Problem 404, 422 */
export async function decideRequest(
  ledger: Ledger,
  header: CommandHeader,
  { id, wallet, status }: Decision,
): Promise<DecidedRequest> {
  const subject = walletAccount(wallet);
  const findRequest = () => requestFor(ledger, id, roleOf(status), wallet);
  if (status === "cancelled") {
    if ((await firstCommandOf(ledger, header, { owner: subject })) === undefined) await findRequest();
    // The requester's shard stores the key; the payer's shard, which the id contains, decides.
    const recorded = await recordKey(ledger, header, { owner: subject });
    const fields = { vnode: vnodeOfOrder(id) ?? 0, wallet, request: id };
    const command = actAlone(recorded, walletAct("cancel_request", subject, fields));
    return {
      command,
      answer: await answerOfOld(ledger, id, "requester", wallet, await ledger.submit(command)),
    };
  }
  const command = await firstOrNew(ledger, header, { owner: subject }, async () =>
    status === "accepted" ? acceptOf(header, await findRequest()) : declineOf(header, await findRequest()),
  );
  const submitted = withWalletCodes(await ledger.submit<Transfer | ActAlone>(command));
  return { command, answer: await answerOfOld(ledger, id, "wallet", wallet, submitted) };
}

function roleOf(status: Decided): "wallet" | "requester" {
  return status === "cancelled" ? "requester" : "wallet";
}

function acceptOf(header: CommandHeader, { id, wallet, requester, amount, memo }: RequestView): Deciding {
  const act = walletAct("accept_request", walletAccount(wallet), ofRequest(id, wallet));
  return transferWith(header, act, { to: walletAccount(requester), amount, memo });
}

function declineOf(header: CommandHeader, { id, wallet }: RequestView): Deciding {
  return actAlone(header, walletAct("decline_request", walletAccount(wallet), ofRequest(id, wallet)));
}

/**
 * The answer shows the request in the decision's record. Older records lack it; then `findRequest` reads it, because only
 * its status ever changes.
 */
async function decisionAnswer(
  call: Call,
  { act }: Deciding,
  answer: Answer<Transfer | ActAlone>,
  status: RequestView["status"],
  findRequest: () => Promise<RequestView>,
): Promise<HttpAnswer> {
  if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
  const payment = effectOf(act, answer.outcome) ?? (await findRequest());
  const transfer = "id" in answer.outcome ? answer.outcome.id : null;
  return decidedAnswer(call, answer, 200, () => requestJson({ ...payment, status, transfer }));
}

/** The answer to a decision: a request that only the archive has is unknown to the shard. */
function answerOfOld<C extends Transfer | ActAlone>(
  ledger: Ledger,
  id: string,
  role: "wallet" | "requester",
  wallet: string,
  answer: Answer<C>,
): Promise<Answer<C>> {
  const codes = { unknown: "payment_request_not_found", settled: "already_decided", id } as const;
  return answerOfForgotten(answer, codes, async () => {
    const old = await findOldOrder(ledger, id);
    return old?.kind === "request" && old[role] === wallet;
  });
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
