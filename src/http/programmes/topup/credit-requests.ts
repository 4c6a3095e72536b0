/** `/v1/credit-requests`: a seller requests a change of its credit, and the partner decides once. */
import { z } from "@hono/zod-openapi";
import {
  askRequest,
  askRequests,
  creditAccount,
  REQUEST_STATUSES,
  type RequestView,
  requestOwner,
  type TopupAct,
  topupAct,
  vnodeOfRequest,
} from "../../../actors/programmes/topup/acts.ts";
import type { ActAlone, Transfer } from "../../../actors/records/command.ts";
import { actAlone } from "../../../actors/records/command.ts";
import type { CommandHeader } from "../../../actors/records/command-header.ts";
import type { Page } from "../../../archive/queries/query.ts";
import type { Answer, Ledger } from "../../../gateway/ports.ts";
import { keyIdOf } from "../../auth.ts";
import { type Call, callerOf, type HttpAnswer } from "../../call.ts";
import { IDEMPOTENCY_PROBLEMS } from "../../idempotency.ts";
import { Description, Id, timeTextOf, timeTextOrNull } from "../../input/fields.ts";
import { pageQuery } from "../../input/pagination.ts";
import { Problem } from "../../problem.ts";
import { firstOrNew, readBareChange, readChange, transferWith } from "../../read-change.ts";
import { addListRoute, addReadRoute } from "../../read-routes.ts";
import type { HttpRequest } from "../../request.ts";
import type { Routes } from "../../routes.ts";
import { decidedAnswer, effectOf, isDone } from "../../write-answers.ts";
import { answerOfForgotten, isCursorOfForgotten, listWithForgotten } from "../forgotten-items.ts";
import { findOldRequest, oldRequestsOf } from "./forgotten-requests.ts";
import { actingSeller, maySee, namedSeller, SELLER, SELLER_ACCESS } from "./seller-access.ts";
import type { TopupDeps } from "./sellers.ts";

const SignedAmount = z
  .custom<number>((value) => Number.isSafeInteger(value) && value !== 0, "must be an integer other than 0")
  .openapi({
    type: "integer",
    minimum: -Number.MAX_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
    not: { const: 0 },
    description: "Minor units; a negative amount requests a decrease.",
    example: 1_000_000,
  });
const NewCreditRequest = z
  .strictObject({
    amount: SignedAmount,
    note: Description.optional(),
    seller: Id.optional().openapi({
      description: "The seller whose credit changes; required with a partner's key.",
    }),
  })
  .openapi("NewCreditRequest", { example: { amount: 1_000_000, note: "For the weekend" } });
const RejectBody = z
  .strictObject({ reason: Description.optional() })
  .openapi("RejectCreditRequest", { example: { reason: "Pay for the last one first" } });
const ListQuery = z.strictObject({
  status: z.enum(REQUEST_STATUSES).optional(),
  seller: Id.optional(),
  ...pageQuery,
});
const RequestParams = z.object({ id: z.string() });

const RequestSchema = z
  .object({
    id: z.string(),
    seller: z.string(),
    amount: z.int(),
    note: z.string().nullable(),
    status: z.enum(REQUEST_STATUSES),
    created_at: z.iso.datetime(),
    requested_by: z
      .string()
      .nullable()
      .openapi({ description: "The id of the API key; null for requests of older versions." }),
    decided_by: z.string().nullable().openapi({ description: "The id of the API key." }),
    decided_at: z.iso.datetime().nullable(),
    reason: z.string().nullable().openapi({ description: "Why the request was rejected." }),
  })
  .openapi("CreditRequest", {
    example: {
      id: "cr_0a0123456789abcdef01234567",
      seller: "kiosk",
      amount: 1_000_000,
      note: "For the weekend",
      status: "approved",
      created_at: "2026-11-20T10:00:00.000Z",
      requested_by: "key_…",
      decided_by: "key_…",
      decided_at: "2026-11-20T10:05:00.000Z",
      reason: null,
    },
  });
const answerSchema = { description: "The request.", content: { "application/json": RequestSchema } };

export function addCreditRequests(routes: Routes, deps: TopupDeps): void {
  addCreate(routes, deps);
  addReads(routes, deps);
  addApprove(routes, deps);
  addReject(routes, deps);
  addWithdraw(routes, deps);
}

function requestJson(request: RequestView): string {
  const { id, seller, amount, note, status, createdAtMs, decidedBy, decidedAtMs, reason } = request;
  const { requestedBy = null } = request;
  return JSON.stringify({
    id,
    seller,
    amount,
    note,
    status,
    created_at: timeTextOf(createdAtMs),
    requested_by: requestedBy,
    decided_by: decidedBy,
    decided_at: timeTextOrNull(decidedAtMs),
    reason,
  });
}

/** The request that the path names. @throws Problem 404 */
async function requestOf(request: HttpRequest, call: Call, ledger: Ledger): Promise<RequestView> {
  const { id, vnode } = requestAddress(request);
  const inMemory = await ledger.ask(call.partner, askRequest(id, vnode));
  const found = inMemory ?? (await findOldRequest(ledger, call.partner, id)) ?? null;
  if (found === null || !maySee(call, found.seller)) throw requestNotFound(id);
  return found;
}

/** @throws Problem 404 for an id that no request can have */
function requestAddress(request: HttpRequest): Readonly<{ id: string; vnode: number }> {
  const id = request.param("id");
  const vnode = vnodeOfRequest(id);
  if (vnode === undefined) throw requestNotFound(id);
  return { id, vnode };
}

function requestNotFound(id: string): Problem {
  return new Problem("credit_request_not_found", `There is no credit request ${id}.`);
}

function addCreate(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/credit-requests",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Request an increase or decrease of credit",
      body: { schema: NewCreditRequest },
      answer: { status: 201, ...answerSchema },
      problems: ["seller_not_found", "too_many_pending_requests", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, NewCreditRequest);
      const seller = actingSeller(call, value.seller);
      const { amount, note = null } = value;
      const by = keyIdOf(call);
      const act = topupAct("request_credit", creditAccount(seller), { amount, note, by });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 201, (done, { timeMs }) => {
        const { request: id, requestedBy } = effectOf(act, done);
        const undecided = { status: "pending", decidedBy: null, decidedAtMs: null, reason: null } as const;
        const asked = requestedBy === undefined ? {} : { requestedBy };
        return requestJson({ id, seller, amount, note, createdAtMs: timeMs, ...undecided, ...asked });
      });
    },
  );
}

function addReads(routes: Routes, { ledger }: TopupDeps): void {
  addListRoute(
    routes,
    {
      path: "/v1/credit-requests",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "List credit requests, newest first",
      description:
        "A seller's key lists only the seller's own requests. Those that were decided more than 30 days ago come last, those " +
        "that were decided last first. A page may have fewer than `limit` of them although more follow, and one that passes " +
        "the 30 days while the pages are read can come twice.",
      query: ListQuery,
      row: RequestSchema,
      problems: ["seller_not_found"],
    },
    (_, call, query) => listRequests(ledger, call, query),
    requestJson,
  );
  addReadRoute(
    routes,
    {
      path: "/v1/credit-requests/{id}",
      access: SELLER_ACCESS,
      group: "sellers",
      summary: "Get a credit request",
      params: RequestParams,
      answer: { status: 200, ...answerSchema },
      problems: ["credit_request_not_found"],
    },
    (request, call) => requestOf(request, call, ledger),
    requestJson,
  );
}

/** The credit requests that the caller may see, newest first. @throws Problem 400, 404 */
export async function listRequests(
  ledger: Ledger,
  call: Call,
  { status: wanted, seller: named, ...page }: z.infer<typeof ListQuery>,
): Promise<Page<RequestView>> {
  const status = wanted ?? null;
  const seller = (await namedSeller(call, ledger, named)) ?? null;
  const inMemory = () => ledger.list(call.partner, askRequests({ seller, status }), page, callerOf(call));
  // The archive has decided ones only.
  if (status === "pending" && !isCursorOfForgotten(page.cursor)) return inMemory();
  const old = oldRequestsOf(seller, status);
  return listWithForgotten(ledger, call.partner, old, ({ id }) => id, page, inMemory);
}

type Decided = Readonly<{ command: Deciding; answer: Answer<Transfer | ActAlone> }>;

/** Approves the credit request that the path names. @throws Problem 404 */
export function approveRequest(
  request: HttpRequest,
  call: Call,
  ledger: Ledger,
  header: CommandHeader,
): Promise<Decided> {
  return decide(request, call, ledger, header, ({ id, amount }, fields) => {
    const act: TopupAct<"approve"> = { ...fields, act: "approve", amount };
    return transferWith(header, act, { amount: Math.abs(amount), memo: id });
  });
}

/** Rejects the credit request that the path names. @throws Problem 404 */
export function rejectRequest(
  request: HttpRequest,
  call: Call,
  ledger: Ledger,
  header: CommandHeader,
  reason: string | null,
): Promise<Decided> {
  return decide(request, call, ledger, header, (_, fields) => {
    const act: TopupAct<"reject"> = { ...fields, act: "reject", reason };
    return actAlone(header, act);
  });
}

/**
 * Submits a decision on a request. Decided requests may be dropped before the decision's idempotency key, so the key is
 * stored under the request's id, which the path contains.
 *
 * @param make builds the command from the current request.
 * @throws Problem 404
 */
async function decide(
  request: HttpRequest,
  call: Call,
  ledger: Ledger,
  header: CommandHeader,
  make: (request: RequestView, fields: DecisionFields) => Deciding,
): Promise<Decided> {
  const { id, vnode } = requestAddress(request);
  const aliasOwner = requestOwner(id);
  const command = await firstOrNew(ledger, header, { owner: aliasOwner, vnode }, async () => {
    const credit = await requestOf(request, call, ledger);
    const subject = creditAccount(credit.seller);
    return make(credit, { programme: "topup", subject, request: id, by: keyIdOf(call), aliasOwner });
  });
  const submitted: Answer<Transfer | ActAlone> = await ledger.submit(command);
  const codes = { unknown: "credit_request_not_found", settled: "already_decided", id } as const;
  const isOld = async () => (await findOldRequest(ledger, call.partner, id)) !== undefined;
  return { command, answer: await answerOfForgotten(submitted, codes, isOld) };
}

async function decisionAnswer(
  request: HttpRequest,
  call: Call,
  ledger: Ledger,
  { command, answer }: Decided,
): Promise<HttpAnswer> {
  if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
  // Older records lack the decided request; a decision is final, so the current one is the same.
  const view = effectOf(command.act, answer.outcome)?.decided ?? (await requestOf(request, call, ledger));
  return decidedAnswer(call, answer, 200, () => requestJson(view));
}

/** A command that decides a request. */
type Deciding = (Transfer | ActAlone) &
  Readonly<{ act: TopupAct<"approve" | "reject" | "withdraw_request"> }>;

type DecisionFields = Readonly<{
  programme: string;
  subject: string;
  request: string;
  by: string;
  aliasOwner: string;
}>;

function addApprove(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/credit-requests/{id}/approve",
      access: "partner",
      group: "sellers",
      summary: "Approve a credit request",
      description:
        "Moves the amount. A decrease that exceeds the seller's credit is rejected, and the request stays pending. The key " +
        "that made the request cannot approve it.",
      params: RequestParams,
      answer: { status: 200, ...answerSchema },
      problems: [
        "credit_request_not_found",
        "already_decided",
        "approver_is_requester",
        "insufficient_funds",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      return decisionAnswer(request, call, ledger, await approveRequest(request, call, ledger, header));
    },
  );
}

function addReject(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/credit-requests/{id}/reject",
      access: "partner",
      group: "sellers",
      summary: "Reject a credit request",
      params: RequestParams,
      body: { schema: RejectBody },
      answer: { status: 200, ...answerSchema },
      problems: ["credit_request_not_found", "already_decided", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const { value, header } = await readChange(request, call, RejectBody);
      const decided = await rejectRequest(request, call, ledger, header, value.reason ?? null);
      return decisionAnswer(request, call, ledger, decided);
    },
  );
}

function addWithdraw(routes: Routes, { ledger }: TopupDeps): void {
  routes.add(
    {
      method: "post",
      path: "/v1/credit-requests/{id}/withdraw",
      access: { roles: [SELLER] },
      group: "sellers",
      summary: "Withdraw the seller's own credit request",
      description: "With the seller's key. The partner rejects a request instead.",
      params: RequestParams,
      answer: { status: 200, ...answerSchema },
      problems: ["credit_request_not_found", "already_decided", ...IDEMPOTENCY_PROBLEMS],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      const decided = await decide(request, call, ledger, header, (_, fields) => {
        const act: TopupAct<"withdraw_request"> = { ...fields, act: "withdraw_request" };
        return actAlone(header, act);
      });
      return decisionAnswer(request, call, ledger, decided);
    },
  );
}
