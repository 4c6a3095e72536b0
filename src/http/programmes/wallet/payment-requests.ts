/** `/v1/wallet/payment-requests`: one wallet requests money from another, which accepts or declines once. */
import { z } from "@hono/zod-openapi";
import {
  askPaymentRequests,
  PLATFORM_TENANT,
  type RequestView,
  vnodeOfOrder,
  vnodeOfWallet,
  type WalletAct,
  walletAccount,
  walletAct,
} from "../../../actors/programmes/wallet/acts.ts";
import { type ActAlone, actAlone, type Transfer } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { type Call, callerOf, type HttpAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Amount, timeTextOf } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import {
  firstCommandOf,
  firstOrNew,
  readBareChange,
  readChange,
  recordKey,
  transferWith,
} from "../../read-change.ts";
import { addListRoute } from "../../read-routes.ts";
import type { RouteDescription, Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
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
  const accept = decisionRoute("accept", "Accept and pay a payment request");
  const description = "Without sufficient funds the request stays pending.";
  addDecision(routes, deps, { ...accept, description }, "accepted", (header, request) => {
    const { id, wallet, requester, amount, memo } = request;
    const act = walletAct("accept_request", walletAccount(wallet), ofRequest(id, wallet));
    return transferWith(header, act, { to: walletAccount(requester), amount, memo });
  });
  const decline = decisionRoute("decline", "Decline a payment request");
  addDecision(routes, deps, decline, "declined", (header, { id, wallet }) =>
    actAlone(header, walletAct("decline_request", walletAccount(wallet), ofRequest(id, wallet))),
  );
  addCancel(routes, deps);
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
        "For each payer: all pending requests, and the newest others, up to 500 in total.",
      query: ListQuery,
      row: RequestSchema,
    },
    withSession(deps, (_, call, { walletId }, query: z.infer<typeof ListQuery>) => {
      const { role = "payer", ...page } = query;
      return deps.ledger.list(PLATFORM_TENANT, askPaymentRequests(role, walletId), page, callerOf(call));
    }),
    requestJson,
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
      const fields = { vnode: vnodeOfWallet(payer), wallet, payer, amount, memo };
      const act = walletAct("request_payment", walletAccount(wallet), {
        ...fields,
        timeoutMs: expires_in_s * 1000,
      });
      const recorded = await recordKey(ledger, header, { owner: walletAccount(wallet) });
      const answer = await ledger.submit(actAlone(recorded, act));
      return decidedAnswer(call, answer, 201, (done, { timeMs }) => {
        const terms = { kind: "request", wallet: payer, requester: wallet, amount, memo } as const;
        const state = { status: "pending", transfer: null, createdAtMs: timeMs } as const;
        return requestJson({ ...terms, ...state, ...effectOf(act, done) });
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

/** The own fields of an act of the payer. */
function ofRequest(request: string, wallet: string) {
  return { vnode: vnodeOfWallet(wallet), wallet, request };
}

type Deciding = (Transfer | ActAlone) &
  Readonly<{ act: WalletAct<"accept_request" | "decline_request" | "cancel_request"> }>;

/** A route by which the payer decides a request. @param make builds the command */
function addDecision(
  routes: Routes,
  deps: WalletDeps,
  description: RouteDescription,
  status: RequestView["status"],
  make: (header: CommandHeader, request: RequestView) => Deciding,
): void {
  const { ledger } = deps;
  routes.add(
    description,
    withSession(deps, async (request, call, { walletId: wallet }) => {
      const header = await readBareChange(request, call);
      const id = orderIdOf(request);
      const findRequest = () => requestFor(ledger, id, "wallet", wallet);
      const command = await firstOrNew(ledger, header, { owner: walletAccount(wallet) }, async () =>
        make(header, await findRequest()),
      );
      const answer: Answer<Transfer | ActAlone> = withWalletCodes(await ledger.submit(command));
      return decisionAnswer(call, command, answer, status, findRequest);
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
      const fields = { vnode: vnodeOfOrder(id) ?? 0, wallet, request: id };
      const command = actAlone(recorded, walletAct("cancel_request", subject, fields));
      return decisionAnswer(call, command, await ledger.submit(command), "cancelled", findRequest);
    }),
  );
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
