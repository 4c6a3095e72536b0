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
import { actingSeller, maySee, namedSeller, SELLER_ACCESS } from "./seller-access.ts";
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
}

function requestJson(request: RequestView): string {
  const { id, seller, amount, note, status, createdAtMs, decidedBy, decidedAtMs, reason } = request;
  return JSON.stringify({
    id,
    seller,
    amount,
    note,
    status,
    created_at: timeTextOf(createdAtMs),
    decided_by: decidedBy,
    decided_at: timeTextOrNull(decidedAtMs),
    reason,
  });
}

/** The request that the path names. @throws Problem 404 */
async function requestOf(request: HttpRequest, call: Call, ledger: Ledger): Promise<RequestView> {
  const { id, vnode } = requestAddress(request);
  const found = await ledger.ask(call.partner, askRequest(id, vnode));
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
      const act = topupAct("request_credit", creditAccount(seller), { amount, note });
      return decidedAnswer(call, await ledger.submit(actAlone(header, act)), 201, (done, { timeMs }) => {
        const { request: id } = effectOf(act, done);
        const undecided = { status: "pending", decidedBy: null, decidedAtMs: null, reason: null } as const;
        return requestJson({ id, seller, amount, note, createdAtMs: timeMs, ...undecided });
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
      description: "A seller's key lists only the seller's own requests.",
      query: ListQuery,
      row: RequestSchema,
      problems: ["seller_not_found"],
    },
    async (_, call, query) => {
      const { status = null, seller: named, ...page } = query;
      const seller = (await namedSeller(call, ledger, named)) ?? null;
      return ledger.list(call.partner, askRequests({ seller, status }), page, callerOf(call));
    },
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
): Promise<HttpAnswer> {
  const { id, vnode } = requestAddress(request);
  const aliasOwner = requestOwner(id);
  const command = await firstOrNew(ledger, header, { owner: aliasOwner, vnode }, async () => {
    const credit = await requestOf(request, call, ledger);
    const subject = creditAccount(credit.seller);
    return make(credit, { programme: "topup", subject, request: id, by: keyIdOf(call), aliasOwner });
  });
  const answer: Answer<Transfer | ActAlone> = await ledger.submit(command);
  if (!isDone(answer)) return decidedAnswer(call, answer, 200, () => null);
  // Older records lack the decided request; a decision is final, so the current one is the same.
  const view = effectOf(command.act, answer.outcome)?.decided ?? (await requestOf(request, call, ledger));
  return decidedAnswer(call, answer, 200, () => requestJson(view));
}

/** A command that decides a request. */
type Deciding = (Transfer | ActAlone) & Readonly<{ act: TopupAct<"approve" | "reject"> }>;

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
        "Moves the amount. A decrease that exceeds the seller's credit is rejected, and the request stays pending.",
      params: RequestParams,
      answer: { status: 200, ...answerSchema },
      problems: [
        "credit_request_not_found",
        "already_decided",
        "insufficient_funds",
        "balance_out_of_range",
        ...IDEMPOTENCY_PROBLEMS,
      ],
    },
    async (request, call) => {
      const header = await readBareChange(request, call);
      return decide(request, call, ledger, header, ({ id, amount }, fields) => {
        const act: TopupAct<"approve"> = { ...fields, act: "approve", amount };
        return transferWith(header, act, { amount: Math.abs(amount), memo: id });
      });
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
      const { reason = null } = value;
      return decide(request, call, ledger, header, (_, fields) => {
        const act: TopupAct<"reject"> = { ...fields, act: "reject", reason };
        return actAlone(header, act);
      });
    },
  );
}
